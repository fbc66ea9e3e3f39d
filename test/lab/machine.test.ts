/** The life of a machine, as a user sees it, on every storage. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import {
  cleanUpAfterEach,
  command,
  expectNothingLeft,
  later,
  openRunner,
  PLACES,
  start,
  uniqueName,
} from "./harness.ts";

cleanUpAfterEach();

/** Machines, and labs, still share the host's network. Below the ports that callers get (32768). */
const somePort = (): number => 10_000 + Math.floor(Math.random() * 20_000);

describe.each([...PLACES])("a machine on $kind", (place) => {
  const runner = openRunner(place);

  test("is a whole system, its own root, with what scripts expect", async () => {
    const machine = await runner.machine("trixie");
    const found = await machine.run(`
      read -r line || echo "stdin is empty"
      echo "$HOME $USER $LANG $(id -u)"
      hostname
      systemctl is-system-running
      grep -c "$(hostname)" /etc/hosts
      stat -f -c %T /dev/shm
      test -s /etc/resolv.conf && echo resolvers
      read -r first shift count < /proc/self/uid_map; test "$shift" -gt 65536 && echo "own ids"
      touch /run/nspawn-runner/x 2>/dev/null || echo "control directory is read-only"
      case $PATH in /usr/local/sbin:/usr/local/bin:*) echo path;; esac
    `);
    expect(found.stderr).toBe("");
    expect(found.stdout.split("\n")).toEqual([
      "stdin is empty",
      "/root root C.UTF-8 0",
      machine.name,
      "running",
      "1",
      "tmpfs",
      "resolvers",
      "own ids",
      "control directory is read-only",
      "path",
      "",
    ]);
  });

  test("has a systemd that owns its directories, and keeps the agent when it starts again", async () => {
    const machine = await runner.machine("trixie");
    const found = await machine.run(`
      stat -c '%u:%g' /run/systemd /run/systemd/system
      for again in daemon-reload daemon-reexec; do
        systemctl $again
        systemctl is-active nspawn-runner-agent
      done
      # Nothing of ours is in the image's tree, nor in the environment of what it starts.
      find / -xdev -name '*nspawn-runner*'
      systemd-run --quiet --pipe env | grep -c SYSTEMD_UNIT_PATH
    `);
    expect(found.stdout).toBe("0:0\n0:0\nactive\nactive\n0\n");
  });

  test("lives through all run calls: a server of one step answers in the next", async () => {
    const machine = await runner.machine("trixie");
    const [one, other] = [somePort(), somePort()];
    const started = await machine.run(`
      cat > /run/systemd/system/web.service <<X
[Service]
ExecStart=python3 -m http.server ${one}
X
      systemctl start web
      python3 -m http.server ${other} &
      echo started
    `);
    expect(started).toMatchObject({ code: 0, stdout: "started\n" });
    const asked = await machine.run(`
      for port in ${one} ${other}; do
        for i in $(seq 300); do
          curl -so /dev/null localhost:$port && break; sleep 0.1
        done
        curl -so /dev/null -w '%{http_code}\\n' localhost:$port
      done
      # More requests than the log of a server nobody reads could hold in a pipe.
      for i in $(seq 1500); do echo "url=localhost:${other}/$i"; echo 'output=/dev/null'; done > /tmp/urls
      curl -s -K /tmp/urls; curl -so /dev/null -w '%{http_code}\\n' localhost:${other}
    `);
    expect(asked).toMatchObject({ code: 0, stdout: "200\n200\n200\n" });
  });

  test("two of one image see nothing of each other, and leave nothing in the image", async () => {
    const [one, other] = await Promise.all([runner.machine("trixie"), runner.machine("trixie")]);
    await one.run("echo mine > /root/file; rm /etc/os-release");
    const seen = await other.run("ls /root; test -e /etc/os-release && echo whole");
    expect(seen.stdout).toBe("whole\n");
    const after = await (await runner.machine("trixie")).run(
      "ls /root; test -e /etc/os-release && echo whole",
    );
    expect(after.stdout).toBe("whole\n");
  });

  test.each([
    ["nosystemd", "bash"],
    ["nobash", "sh"],
  ])("of image %p, without an init, runs %s", async (image, shell) => {
    const machine = await runner.machine(image);
    const ended = await machine.run(
      `echo hello; test -n "$BASH_VERSION" && echo bash || echo sh; exit 3`,
    );
    expect(ended).toMatchObject({ code: 1, stdout: `hello\n${shell}\n` });
  });

  test("is gone at once, twice over, even under a running script", async () => {
    const machine = await runner.machine("trixie");
    const running = machine.start("echo going; sleep 300");
    await running.awaitOutput("going");
    expect((await runner.call("cleanup", "--id", machine.name)).code).toBe(0);
    expectNothingLeft(place, machine.name);
    expect((await runner.call("cleanup", "--id", machine.name)).code).toBe(0);
    const ended = await running.ended;
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(`Machine "${machine.name}" is gone: it was cleaned up.`);
  });
});

const runner = openRunner({ kind: "btrfs", root: "/fs/btrfs/root" });

describe("the end of a machine", () => {
  test("a cleanup that is killed at any moment leaves its work to the unit", async () => {
    const clones = `${runner.place.root}/.machines`;
    for (let delayMs = 0; delayMs <= 60; delayMs += 6) {
      const machine = await runner.machine("nosystemd");
      const cleaning = runner.start("cleanup", "--id", machine.name);
      await Bun.sleep(delayMs);
      cleaning.kill("SIGKILL");
      await cleaning.ended;
      // Ends the machine where the call had not come to that, else waits for the unit's end.
      await command("systemctl", "stop", machine.unit);
      expect({ delayMs, clones: readdirSync(clones) }).toEqual({ delayMs, clones: [] });
    }
  });

  test("while another releases it the unit waits, then sees to what is left", async () => {
    const machine = await runner.machine("nosystemd");
    const runtime = `/run/nspawn-runner/machines/${machine.name}`;
    const clone = `${runner.place.root}/.machines/${machine.name}`;
    const hold = `exec 9>>${runtime}/lock; flock 9; echo held; exec sleep 300`;
    const holder = start(["bash", "-c", hold]);
    await holder.awaitOutput("held");
    await command("systemctl", "kill", "--signal=KILL", machine.unit);
    const stopping = start(["systemctl", "stop", machine.unit]);
    const waits =
      'until [ "$(systemctl show --property=SubState --value "$0")" = stop-post ]; do :; done';
    await command("bash", "-c", waits, machine.unit);
    expect(existsSync(clone)).toBe(true);
    holder.kill("SIGKILL");
    await stopping.ended;
    expect(existsSync(clone)).toBe(false);
  });
});

describe("the host's gitlab-runner", () => {
  test.each([...PLACES])("is a command in machines on $kind", async (place) => {
    const directory = (await command("mktemp", "-d", "/tmp/with:colon-XXXXXX")).stdout.trim();
    later(() => command("rm", "-r", directory));
    const program = `${directory}/gitlab-runner`;
    writeFileSync(program, "#!/bin/sh\necho stands in for $1\n", { mode: 0o755 });
    const bound = openRunner(place, `gitlab_runner = "${program}"\n`);
    for (const image of ["trixie", "nobash"]) {
      const machine = await bound.machine(image);
      const ended = await machine.run(
        "gitlab-runner --version; echo x >> $(command -v gitlab-runner)",
      );
      expect(ended.stdout).toMatch(
        /^stands in for --version\n.*(Read-only|read-only|cannot create|Permission)/s,
      );
    }
  });
});

describe("a script's end", () => {
  test("exit codes 0 to 255 reach GitLab Runner as it wants them", async () => {
    const machine = await runner.machine("trixie");
    const file = `/tmp/${machine.name}-code`;
    for (const code of [0, 1, 2, 42, 126, 127, 137, 255]) {
      writeFileSync(file, "99\n");
      const script = `/tmp/${machine.name}-exit`;
      writeFileSync(script, `#!/bin/sh\nexit ${code}\n`);
      const ended = await start(
        ["nspawn-runner", "run", "--id", machine.name, script, "build_script"],
        {
          ...runner.environment,
          BUILD_FAILURE_EXIT_CODE: "11",
          SYSTEM_FAILURE_EXIT_CODE: "12",
          BUILD_EXIT_CODE_FILE: file,
        },
      ).ended;
      expect(ended.code).toBe(code === 0 ? 0 : 11);
      expect((await command("cat", file)).stdout).toBe(code === 0 ? "" : `${code}\n`);
    }
  });

  test("a signal is named", async () => {
    const machine = await runner.machine("trixie");
    const ended = await machine.run("kill -SEGV $$");
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining("SIGSEGV") });
  });

  test("SIGTERM ends the script within a second, and only the script", async () => {
    const machine = await runner.machine("trixie");
    await machine.run("echo kept > /root/kept; systemd-run -q --unit=server sleep 300");
    for (const trap of ["trap 'exit 1' TERM", "trap '' TERM"]) {
      const running = machine.start(`${trap}\necho going\nsleep 300\nsleep 300\necho wrong`);
      await running.awaitOutput("going");
      const askedAt = performance.now();
      running.kill("SIGTERM");
      const ended = await running.ended;
      expect(performance.now() - askedAt).toBeLessThan(1500);
      expect(ended.code).toBe(1);
      expect(ended.stdout).not.toContain("wrong");
    }
    const after = await machine.run(
      "cat /root/kept; systemctl is-active server; pgrep -c -x sleep",
    );
    expect(after.stdout).toBe("kept\nactive\n1\n");
  });

  test("a background process that holds the output does not hold the call", async () => {
    const machine = await runner.machine("trixie");
    const ended = await machine.run("(while sleep 1; do echo still here; done) & echo done");
    expect(ended).toMatchObject({ code: 0, stdout: "done\n" });
    expect(ended.ms).toBeLessThan(5000);
  });

  test("a machine that dies under a script is a system failure with a reason", async () => {
    const machine = await runner.machine("trixie");
    const running = machine.start("echo going; sleep 300");
    await running.awaitOutput("going");
    await command("systemctl", "kill", "--signal=KILL", machine.unit);
    const ended = await running.ended;
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(
      `Machine "${machine.name}" is gone: its main process was ended by signal KILL.`,
    );
    expect((await machine.run("true")).code).toBe(2);
  });
});

describe("output", () => {
  test("100 MB come whole, in constant memory, and are not corrupted", async () => {
    const machine = await runner.machine("trixie");
    const script = `/tmp/${machine.name}-big`;
    writeFileSync(script, "#!/bin/bash\nseq 1 20000000 | head -c 100000000\n");
    // The shell that waits for the driver notes its peak of memory while it lives.
    const measured = `
      mkfifo out; sha256sum < out &
      nspawn-runner run --id ${machine.name} ${script} > out & pid=$!
      while peak=$(grep VmHWM /proc/$pid/status); do echo "$peak" > peak; done 2> /dev/null
      wait; cat peak; seq 1 20000000 | head -c 100000000 | sha256sum`;
    const directory = (await command("mktemp", "-d")).stdout.trim();
    const ended = await start(["bash", "-c", `cd ${directory}; ${measured}`], runner.environment)
      .ended;
    const [got, peak = "", wanted = ""] = ended.stdout.trim().split("\n");
    expect(got).toBe(wanted);
    expect(Number(/(\d+) kB/.exec(peak)?.[1])).toBeLessThan(150_000);
  });

  test("a pipe that breaks in a script is as silent as in a terminal", async () => {
    for (const image of ["trixie", "nosystemd"]) {
      const machine = await runner.machine(image);
      expect((await machine.run("yes | head -n 1")).stdout).toBe("y\n");
    }
  });

  test("every byte value passes; stdout and stderr keep their order", async () => {
    const machine = await runner.machine("trixie");
    const ended = await machine.run(
      `for i in $(seq 0 255); do printf "\\\\x$(printf %x $i)"; done; echo; for i in $(seq 50); do echo o$i; echo e$i >&2; done`,
    );
    const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
    const lines = Array.from({ length: 50 }, (_, i) => `o${i + 1}\ne${i + 1}\n`).join("");
    // As "latin1" of the web is windows-1252, compare bytes.
    const latin1 = new TextDecoder("latin1").decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0)));
    expect(ended.stdout).toBe(`${latin1}\n${lines}`);
  });

  test("a reader that stops reading stops the script", async () => {
    const machine = await runner.machine("trixie");
    const script = `/tmp/${machine.name}-slow`;
    writeFileSync(
      script,
      "#!/bin/bash\ni=0; while :; do printf '%01000d\\n' $i; echo $((i+=1)) > /root/written; done\n",
    );
    const stopped = start(
      [
        "bash",
        "-c",
        `nspawn-runner run --id ${machine.name} ${script} | (read -r _; echo reading; sleep 300)`,
      ],
      runner.environment,
    );
    await stopped.awaitOutput("reading");
    const written = async (): Promise<number> =>
      Number((await machine.run("cat /root/written")).stdout);
    // The count stands still once every buffer on the way is full.
    let before = -1;
    for (let now = await written(); now !== before; now = await written()) before = now;
    expect(before * 1001).toBeLessThan(4_000_000);
    stopped.kill("SIGKILL");
  });

  test("a script of 5 MB runs", async () => {
    const machine = await runner.machine("trixie");
    const ended = await machine.run(`# ${"x".repeat(5_000_000)}\necho end\n`);
    expect(ended.stdout).toBe("end\n");
  });
});

describe("what cannot be prepared", () => {
  test.each([
    [
      "a missing image is the author's, and the nearest is named",
      "trixy",
      1,
      ['There is no image "trixy"', 'Did you mean "trixie"?', "nobash, nosystemd, trixie"],
    ],
    ["a path upwards", "../x", 1, ['holds a "/"']],
    ["an absolute path", "/etc", 1, ['holds a "/"']],
    ["a long name", "a".repeat(300), 1, ["300 characters"]],
  ])("%s", async (_title, image, code, texts) => {
    const name = uniqueName();
    const ended = await runner.call("prepare", "--id", name, image);
    expect(ended.code).toBe(code);
    for (const text of texts) expect(ended.stderr).toContain(text);
    expect(ended.stderr).not.toContain(" at ");
    expectNothingLeft(runner.place, name);
  });

  test("an image that does not boot is the host's, and nothing is left", async () => {
    await command("btrfs", "subvolume", "create", "/fs/btrfs/root/broken");
    await command("mkdir", "-p", "/fs/btrfs/root/broken/usr/lib/systemd");
    await command("cp", "/bin/false", "/fs/btrfs/root/broken/usr/lib/systemd/systemd");
    const name = uniqueName();
    const ended = await runner.call("prepare", "--id", name, "broken");
    await command("btrfs", "subvolume", "delete", "/fs/btrfs/root/broken");
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(`Cannot boot machine "${name}".`);
    expect(ended.stderr).toContain("Why: ");
    expectNothingLeft(runner.place, name);
  });

  test("SIGTERM while a machine starts leaves nothing", async () => {
    const name = uniqueName();
    const preparing = runner.start("--debug", "prepare", "--id", name, "trixie");
    await command(
      "bash",
      "-c",
      `until systemctl -q is-active nspawn-runner-${name.replaceAll("-", "\\\\x2d")}.service || [ -e /fs/btrfs/root/.machines/${name}/root/usr ]; do :; done`,
    );
    preparing.kill("SIGTERM");
    expect((await preparing.ended).code).toBe(2);
    expectNothingLeft(runner.place, name);
  });

  test("a driver that is killed leaves a machine that gc removes with its unit", async () => {
    const machine = await runner.machine("trixie");
    await command("systemctl", "kill", "--signal=KILL", machine.unit);
    await command(
      "bash",
      "-c",
      // The unit itself releases the clone, before it is inactive: nobody has to call us.
      `until [ "$(systemctl show -P ActiveState '${machine.unit}')" = inactive ]; do :; done`,
    );
    expect(existsSync(`${runner.place.root}/.machines/${machine.name}`)).toBe(false);
    expect((await runner.call("gc")).code).toBe(0);
    expectNothingLeft(runner.place, machine.name);
  });
});

test.each(["overlay", "tmpfs"] as const)("on %s, in a root directory of any name", async (kind) => {
  const root = `/fs/ext4/odd: name, with\\back 100%h ${kind}`;
  mkdirSync(root);
  later(() => rmSync(root, { recursive: true }));
  await command("cp", "-al", "/fs/ext4/root/nobash", root);
  const machine = await openRunner({ kind, root }).machine("nobash");
  const found = await machine.run(
    "#!/bin/sh\ntouch /written && test -e /bin/busybox && echo whole",
  );
  expect(found).toMatchObject({ code: 0, stdout: "whole\n" });
  expect(existsSync(`${root}/nobash/written`)).toBe(false);
});
