/** Ways out of a machine for root in it, and ways to another: each is tried, and the host is looked at. */
import { describe, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import {
  cleanUpAfterEach,
  command,
  later,
  openRunner,
  PLACES,
  type Place,
  start,
  uniqueName,
} from "../harness.ts";

cleanUpAfterEach();

const place = (kind: Place["kind"]): Place => {
  const found = PLACES.find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`there is no ${kind}`);
  return found;
};
const MACHINES = [
  ["a machine that boots, on btrfs", place("btrfs"), "trixie"],
  ["a machine without init, on overlay", place("overlay"), "nosystemd"],
] as const;

interface Attack {
  readonly what: string;
  /** For sh; says "out" when it works. */
  readonly script: string;
  /** It harms nothing on the host, where it does work. */
  readonly worksOnHost?: true;
}

const ATTACKS: readonly Attack[] = [
  {
    what: "a block device",
    script: "mknod /tmp/b b 7 0 && echo out; rm -f /tmp/b",
    worksOnHost: true,
  },
  {
    what: "a character device",
    script: "mknod /tmp/c c 1 1 && echo out; rm -f /tmp/c",
    worksOnHost: true,
  },
  {
    what: "devices that nobody in a machine needs",
    script:
      "for d in mem kmem port kvm btrfs-control loop-control loop0 vsock vhost-net uinput fuse; do [ -c /dev/$d ] || [ -b /dev/$d ] && echo out; done",
    worksOnHost: true,
  },
  { what: "the kernel's log", script: "dmesg >/dev/null && echo out", worksOnHost: true },
  {
    what: "the kernel's addresses",
    script: "grep -qv '^0* ' /proc/kallsyms && echo out",
    worksOnHost: true,
  },
  {
    what: "the kernel's memory",
    script: "[ -n \"$(head -c 4 /proc/kcore | tr -d '\\0')\" ] && echo out",
  },
  {
    what: "a cgroup of version 1 and its release_agent",
    script:
      "mkdir -p /tmp/v1; for c in memory rdma pids freezer; do mount -t cgroup -o $c none /tmp/v1 && { [ -w /tmp/v1/release_agent ] && echo / >/tmp/v1/release_agent && echo out; umount /tmp/v1; }; done",
  },
  {
    what: "settings of the host's kernel, also below what nspawn mounts over them",
    script: `for n in 1 2 3 4; do umount -l /proc/sys; done
for s in kernel/core_pattern kernel/modprobe kernel/sysrq kernel/panic vm/swappiness vm/overcommit_memory fs/file-max fs/inotify/max_user_instances; do
  value=$(cat /proc/sys/$s) && [ -n "$value" ] && echo "$value" >/proc/sys/$s && echo "out $s"; done`,
  },
  { what: "the magic key", script: "echo h >/proc/sysrq-trigger && echo out" },
  {
    what: "formats of executables of the host",
    script:
      "mkdir -p /tmp/b; mount -t binfmt_misc none /tmp/b && echo ':x:M::xx::/bin/sh:' >/tmp/b/register && head -c 0 /proc/sys/fs/binfmt_misc/x && echo out",
  },
  {
    what: "a sysfs of its own that can be written to",
    script:
      "mkdir -p /tmp/s; mount -t sysfs none /tmp/s; for f in /tmp/s/kernel/uevent_helper /tmp/s/kernel/mm/transparent_hugepage/enabled /tmp/s/power/state; do [ -e $f ] && true >>$f && echo out; done; umount /tmp/s",
  },
  {
    what: "debugfs, tracefs, securityfs",
    script:
      "for f in debugfs tracefs securityfs configfs pstore; do mkdir -p /tmp/$f; mount -t $f none /tmp/$f && echo out; done",
  },
  {
    what: "limits of its own cgroup",
    script:
      "for f in cgroup.max.descendants cgroup.max.depth cgroup.freeze memory.max pids.max cpu.max cgroup.kill; do f=/sys/fs/cgroup/$f; [ -e $f ] && true >>$f && echo out; done",
  },
  {
    what: "a cgroup above its own",
    script:
      'echo $$ >/sys/fs/cgroup/../cgroup.procs && [ "$(cat /proc/self/cgroup)" != "${own-}" ] && grep -q \'/\\.\\.\' /proc/self/cgroup && echo out',
  },
  { what: "the real-time class", script: "chrt -f 1 true && echo out" },
  { what: "the host's clock", script: "date -s '2001-01-01' && echo out" },
  {
    what: "memory of swap and of devices",
    script:
      "truncate -s 1M /tmp/swap; mkswap /tmp/swap && swapon /tmp/swap && echo out; rm -f /tmp/swap",
  },
  {
    what: "file descriptors of who has started it",
    script:
      "for f in /proc/1/fd/* /proc/$PPID/fd/* /proc/self/fd/*; do [ -d $f ] && [ -e $f/../var/lib/nspawn-runner ] && echo out; done",
  },
  {
    what: "serial numbers of the host",
    script: "cat /sys/class/dmi/id/product_serial /sys/class/dmi/id/product_uuid && echo out",
  },
];

const quiet = (script: string): string => `{ ${script}\n} 2>/dev/null`;
const all = (attacks: readonly Attack[]): string =>
  `#!/bin/sh\n${attacks.map(({ script }, index) => `echo "@${index}"; ( ${quiet(script)} )`).join("\n")}\n:`;

function succeeded(stdout: string, attacks: readonly Attack[]): string[] {
  const parts = stdout.split(/^@\d+\n/m).slice(1);
  expect(parts).toHaveLength(attacks.length);
  return attacks.flatMap(({ what }, index) => (parts[index]?.includes("out") ? [what] : []));
}

const HOST_SETTINGS = ["kernel/core_pattern", "kernel/panic", "vm/swappiness"];
const hostSettings = (): string[] =>
  HOST_SETTINGS.map((name) => readFileSync(`/proc/sys/${name}`, "utf8"));

test("what harms nothing there works on the host", async () => {
  const harmless = ATTACKS.filter(({ worksOnHost }) => worksOnHost);
  const ended = await command("sh", "-c", all(harmless));
  expect(succeeded(ended.stdout, harmless)).toEqual(harmless.map(({ what }) => what));
});

describe.each(MACHINES)("%s", (_title, where, image) => {
  test("has none of the ways out", async () => {
    const before = hostSettings();
    const machine = await openRunner(where).machine(image);
    expect(succeeded((await machine.run(all(ATTACKS))).stdout, ATTACKS)).toEqual([]);
    expect(hostSettings()).toEqual(before);
  });

  test("does not see the host's processes, sockets and names, nor another job's files and memory", async () => {
    const mark = `secret-${uniqueName()}`;
    const listener = start([
      "python3",
      "-c",
      `import socket, time; s = socket.socket(socket.AF_UNIX); s.bind("\\0${mark}"); s.listen(); print("up", flush=True); time.sleep(600)`,
    ]);
    later(() => listener.kill("SIGKILL"));
    await listener.awaitOutput("up");
    const look = `#!/bin/sh
{ cat /proc/*/cmdline /proc/*/environ /proc/net/unix | tr '\\0' '\\n'; ls -R /tmp /dev/shm /run /var/tmp
ipcs -m; ls /proc/*/root/tmp; } 2>/dev/null | grep -q '[s]${mark.slice(1)}' && echo found; :`;
    expect((await command("sh", "-c", look.replace("#!/bin/sh", ""))).stdout).toContain("found");
    const runner = openRunner(where);
    const one = await runner.machine(image);
    await one.run(
      `#!/bin/sh\n: >/tmp/${mark}; : >/dev/shm/${mark}; : >/var/tmp/${mark}; MARK=${mark} setsid sleep 600 >/dev/null 2>&1 &`,
    );
    const other = await runner.machine(image);
    expect((await other.run(look)).stdout).toBe("");
    const facts = (
      await other.run(
        "#!/bin/sh\ncat /proc/sys/kernel/random/boot_id /etc/machine-id /proc/sys/kernel/hostname; :",
      )
    ).stdout;
    for (const path of [
      "/proc/sys/kernel/random/boot_id",
      "/etc/machine-id",
      "/proc/sys/kernel/hostname",
    ]) {
      expect(facts.split("\n")).not.toContain(readFileSync(path, "utf8").trim());
    }
  });

  test("cannot tell the host's systemd who it is, nor for how long it lives", async () => {
    const machine = await openRunner(where).machine(image);
    const facts = async (): Promise<string> =>
      (
        await command(
          ...[
            "systemctl",
            "show",
            "-p",
            "MainPID,RuntimeMaxUSec,TimeoutStartUSec,WatchdogUSec,NFileDescriptorStore,StatusText",
          ],
          machine.unit,
        )
      ).stdout;
    const before = await facts();
    await machine.run(`#!/bin/sh
perl -MSocket -e 'for my $path ("/run/host/notify", $ENV{NOTIFY_SOCKET} // "") { next unless -S $path;
  socket(my $s, AF_UNIX, SOCK_DGRAM, 0); send($s, "MAINPID=1\\nEXTEND_TIMEOUT_USEC=99999999999\\nWATCHDOG=trigger\\nWATCHDOG_USEC=99\\nFDSTORE=1\\nSTATUS=\\e[31mforged", 0, sockaddr_un($path)); }'`);
    expect((await machine.run("#!/bin/sh\necho lives")).stdout).toBe("lives\n");
    const after = await facts();
    const [status] = after.match(/^StatusText=.*$/m) ?? [];
    expect(status ?? "").not.toContain("forged");
    expect(after).toBe(before);
  });

  test("leaves the host's tables as they are: mounts, /run, ptys", async () => {
    const machine = await openRunner(where).machine(image);
    const mounts = (): number => readFileSync("/proc/1/mountinfo", "utf8").split("\n").length;
    const inodes = async (): Promise<number> =>
      Number(
        (await command("stat", "-f", "-c", "%c %d", "/run")).stdout
          .split(" ")
          .reduce((a, b) => String(Number(a) - Number(b))),
      );
    const before = { mounts: mounts(), inodes: await inodes() };
    const hoard = machine.start(`#!/bin/sh
mkdir -p /tmp/m; n=0; while [ $n -lt 1000 ]; do mount --bind /tmp /tmp/m 2>/dev/null || break; n=$((n+1)); done
for d in /run/host /run/host/unix-export /run/host/incoming; do n=0; while [ $n -lt 300 ]; do touch $d/f$n 2>/dev/null || break; n=$((n+1)); done; done
perl -e 'my @p; while (open(my $f, "+<", "/dev/ptmx")) { push @p, $f; last if @p > 6000 } $| = 1; print "hoarded\\n"; sleep 600'`);
    await hoard.awaitOutput("hoarded");
    expect(mounts() - before.mounts).toBeLessThan(10);
    expect((await inodes()) - before.inodes).toBeLessThan(200);
    const pty = await command("python3", "-c", "import pty; pty.openpty(); print('mine')");
    expect(pty.stdout).toBe("mine\n");
    hoard.kill("SIGTERM");
    await hoard.ended;
  });

  test("is not changed by settings for nspawn that lie beside its tree or in it", async () => {
    const name = uniqueName();
    const text = "[Exec]\nPrivateUsers=no\n[Files]\nBind=/fs:/leak\n";
    const settings = [
      `${where.root}/${image}.nspawn`,
      `/etc/systemd/nspawn/${name}.nspawn`,
      `/run/systemd/nspawn/${name}.nspawn`,
    ];
    await command("mkdir", "-p", "/etc/systemd/nspawn", "/run/systemd/nspawn");
    for (const path of settings) {
      later(() => rmSync(path, { force: true }));
      writeFileSync(path, text);
    }
    const runner = openRunner(where);
    later(() => runner.call("cleanup", "--id", name));
    expect((await runner.call("prepare", "--id", name, image)).code).toBe(0);
    const script = `/tmp/${name}`;
    later(() => rmSync(script));
    writeFileSync(script, "#!/bin/sh\ncat /proc/self/uid_map; ls /leak 2>/dev/null; :", {
      mode: 0o700,
    });
    const { stdout } = await runner.call("run", "--id", name, script);
    expect(stdout.trim().split(/\s+/)[1]).not.toBe("0");
    expect(stdout.trim().split("\n")).toHaveLength(1);
  });

  test("writes a bounded part of the host's journal, whatever it says on its console", async () => {
    const machine = await openRunner(where).machine(image);
    await machine.run(`#!/bin/sh
perl -e 'open(my $c, ">", "/dev/console"); $line = "<0>" . "x" x 40000 . "\\n"; print $c $line for 1..200; print $c "<0>forged $_\\n" for 1..20000'`);
    await command("journalctl", "--sync");
    const { stdout } = await command(
      "journalctl",
      "--unit",
      machine.unit,
      "--output=json",
      "--all",
      "--quiet",
    );
    const lines = stdout
      .trim()
      .split("\n")
      .map(
        (line) =>
          JSON.parse(line) as { PRIORITY: string; SYSLOG_IDENTIFIER: string; MESSAGE: string },
      );
    const said = lines.filter(
      ({ SYSLOG_IDENTIFIER }) => SYSLOG_IDENTIFIER === "nspawn-runner-console",
    );
    expect(said.reduce((sum, { MESSAGE }) => sum + MESSAGE.length, 0)).toBeLessThan(2 ** 20);
    expect(said.filter(({ PRIORITY }) => Number(PRIORITY) < 6)).toEqual([]);
  });
});
