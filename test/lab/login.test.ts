/**
 * A script finds what a login shell in the same image would find: signals, limits, groups, directory,
 * descriptors, environment. What differs is listed here with its reason, and nothing else does.
 */
import { describe, expect, test } from "bun:test";
import { busybox, openDeclared } from "./declare.ts";
import { cleanUpAfterEach, command, type Ended, openRunner } from "./harness.ts";

cleanUpAfterEach();

const place = { kind: "btrfs", root: "/fs/btrfs/root" } as const;
const runner = openRunner(place);

/** Facts of the shell that runs it, a line each; needs only what busybox has. */
const PROBE = `
  while read -r key value; do
    case $key in Uid:|Gid:|Groups:|SigBlk:|SigIgn:|CapPrm:|CapEff:|CapBnd:|CapAmb:|NoNewPrivs:|Seccomp:) echo "$key" $value ;; esac
  done </proc/$$/status
  while read -r line; do echo "limit $line"; done </proc/$$/limits
  echo "umask $(umask)"
  echo "directory $(pwd)"
  for fd in /proc/$$/fd/*; do echo "descriptor \${fd##*/}"; done
  env | grep -v '^_=' | sort | while read -r line; do echo "variable $line"; done
`;
const script = `#!/bin/sh\n${PROBE}`;

const facts = ({ stdout }: Ended): string[] => stdout.trim().split("\n").toSorted();

/** Of the one and not of the other, marked by whose it is. */
function differences(ours: readonly string[], login: readonly string[]): string[] {
  return [
    ...ours.filter((line) => !login.includes(line)).map((line) => `script: ${line}`),
    ...login.filter((line) => !ours.includes(line)).map((line) => `login: ${line}`),
  ];
}

/** The shell that reads a script has it open, as this descriptor. */
const SCRIPT_OPEN = /^script: descriptor (10|255)$/;

/** Why each is as it is. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [SCRIPT_OPEN, "sh reads the script from a file, and the login's from its command line"],
  [/^script: variable LANG=C\.UTF-8$/, "logs are UTF-8, also where an image has chosen no locale"],
  [
    /^(script|login): variable PATH=/,
    "every usual directory, and the host's gitlab-runner behind them",
  ],
  [/^(script|login): limit Max core file size /, "the host dumps no cores of machines"],
  [/^(script|login): variable SHELL=/, "bash where there is one, whatever /etc/passwd says"],
  [/^login: variable (TERM|container[a-z_]*|NOTIFY_SOCKET)=/, "of nspawn's own terminal"],
  [
    /^script: variable container[a-z_]*=/,
    "nspawn says so to what it starts, as in a login at its console",
  ],
  [/^(script|login): variable (SHLVL|OLDPWD|PWD)=/, "of the shell itself, not of who started it"],
  [
    /^login: variable (MAIL|XDG_[A-Z_]+|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID|MEMORY_PRESSURE_[A-Z]+|LOGNAME|USER|HOME|LS_COLORS)=/,
    "of the session or unit that the login is",
  ],
];

const unexplained = (found: readonly string[]): string[] =>
  found.filter((line) => !REASONS.some(([pattern]) => pattern.test(line)));

describe.each(["trixie", "nosystemd", "nobash"])("a script in %s", (image) => {
  test("is like a login shell that nspawn starts in the same image", async () => {
    const machine = await runner.machine(image);
    const ours = facts(await machine.run(script));
    // Our words for isolation; all else is as nspawn has it.
    const login = await command(
      ...["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe", "--read-only"],
      ...[
        "--chdir=/root",
        "--timezone=off",
        "--resolv-conf=off",
        "--as-pid2",
        "--private-users=pick",
        // Whoever has a network of its own may administer it.
        "--private-network",
        `--directory=${place.root}/${image}`,
      ],
      ...["/bin/sh", "-l", "-c", PROBE],
    );
    expect(login.stderr).toBe("");
    expect(unexplained(differences(ours, facts(login)))).toEqual([]);
    // Of what a script starts: the shell of busybox itself ignores SIGQUIT, in a login too.
    const started = await machine.run("#!/bin/sh\nexec grep -E 'Sig(Ign|Blk):' /proc/self/status");
    expect(started.stdout).toBe("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  });
});

test("a script in a booted machine is like a login shell that its systemd starts", async () => {
  const machine = await runner.machine("trixie");
  const ours = facts(await machine.run(script));
  const text = PROBE.replaceAll("'", "'\\''").replaceAll("%", "%%");
  const login = await machine.run(
    `exec systemd-run --quiet --pipe --wait --expand-environment=no -p IgnoreSIGPIPE=no -p WorkingDirectory=~ -p User=root sh -l -c '${text}'`,
  );
  expect(login.stderr).toBe("");
  expect(unexplained(differences(ours, facts(login)))).toEqual([]);
});

describe("an image with a user of its own", () => {
  const passwd =
    "echo ci:x:1000:1000::/home/ci:/bin/sh >>etc/passwd; echo ci:x:1000: >>etc/group; echo more:x:2000:ci >>etc/group";

  test("runs scripts at home, with its groups, and with all of stdout and stderr", async () => {
    const { runner: declared, declare } = openDeclared(place);
    declare("personal", {
      create: {
        command: `cp -a --reflink=auto ${place.root}/nosystemd/. "$1"; cd "$1"; ${passwd}; mkdir -m 700 home/ci; chown 1000:1000 home/ci`,
      },
      user: "ci",
    });
    expect((await declared.call("chroot-create", "personal")).code).toBe(0);
    const machine = await declared.machine("personal");
    const ran = await machine.run(`
      echo out >/dev/stdout; echo err >/dev/stderr; echo again >>/proc/self/fd/1
      pwd; ls . >/dev/null && echo readable; mktemp -p . >/dev/null && echo writable
      id -u; id -Gn; umask; echo "$USER $LOGNAME $HOME"
      grep -E 'SigIgn|SigBlk' /proc/self/status`);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(ran.stdout).toBe(
      "out\nerr\nagain\n/home/ci\nreadable\nwritable\n1000\nci more\n0022\nci ci /home/ci\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n",
    );
  });

  test.each([
    [
      "says what it has to say, and counts",
      "trap 'echo bye; exit 4' TERM; sleep 300 & wait",
      "bye\n",
    ],
    ["and ignores it is ended by SIGKILL", "trap '' TERM; while :; do sleep 1; done", ""],
  ])("without setpriv: a script that is cancelled %s", async (_title, script, said) => {
    const { runner: declared, declare } = openDeclared(place);
    declare("forking", {
      create: {
        command: `cp -a --reflink=auto ${place.root}/nosystemd/. "$1"; cd "$1"; ${passwd}; mkdir -m 700 home/ci; chown 1000:1000 home/ci; rm -f usr/bin/setpriv bin/setpriv; echo 'ci:!:20000:0:99999:7:::' >>etc/shadow`,
      },
      user: "ci",
    });
    expect((await declared.call("chroot-create", "forking")).code).toBe(0);
    const machine = await declared.machine("forking");
    const running = machine.start(`echo going; ${script}`);
    await running.awaitOutput("going");
    running.kill("SIGTERM");
    const ended = await running.ended;
    expect(ended.code).toBe(1);
    // su tells of SIGKILL in words of its own.
    expect(ended.stdout).toStartWith(`going\n${said}`);
    // su itself would have said so, and left it running.
    expect(ended.stderr).not.toContain("Session terminated");
    const left =
      "#!/bin/sh\nfor id in /proc/[0-9]*; do [ ! -O $id ] || tr '\\0' ' ' <$id/cmdline; done";
    expect((await machine.run(left)).stdout).not.toContain("trap");
    expect((await machine.run(left)).stdout.match(/steps/g)?.length).toBe(1);
  });

  test("may have variables with the names of the agent's own, and a PATH without anything", async () => {
    const names =
      "control starter own_path script_path places line part fields parent of id first step session code program directory word user uid gid home setpriv su IFS name stat found signal verb first second";
    const environment = Object.fromEntries(
      names.split(" ").map((name) => [name, "strange /nowhere"]),
    );
    const { runner: declared, declare } = openDeclared(place);
    declare("strange", {
      create: busybox(
        place,
        `${passwd}; mkdir -p usr/local/sbin; printf '#!/bin/sh\\nexec /bin/sh "$1"\\n' >usr/local/sbin/first; chmod 755 usr/local/sbin/first`,
      ),
      user: "ci",
      environment: { ...environment, PATH: "/opt/nothing" },
    });
    expect((await declared.call("chroot-create", "strange")).code).toBe(0);
    const machine = await declared.machine("strange");
    const ran = await machine.run('#!/bin/sh\n/usr/bin/id -u; echo "$control $uid $PATH"');
    expect(ran.stdout).toContain(
      "1000\nstrange /nowhere strange /nowhere /opt/nothing:/run/nspawn-runner/bin\n",
    );
    // As its PATH has it: found by us, not by the script.
    expect(await machine.run("#!/usr/bin/env sh\nexit 0")).toMatchObject({ code: 0 });
    // In the first of our own directories, behind the last of its PATH. Its home was made for it.
    const first = await machine.run('#!/usr/bin/env first\n[ -O "$HOME" ] && echo ours');
    expect(first).toMatchObject({ code: 0, stdout: "ours\n" });
  });
});

test("a script has the same limits and signals however its machine's root is made", async () => {
  const probe = "#!/bin/sh\ncat /proc/self/limits; exec grep Sig /proc/self/status";
  const layered = openRunner({ kind: "overlay", root: "/fs/ext4/root" });
  const plain = await (await runner.machine("trixie")).run(probe);
  const ours = await (await layered.machine("trixie")).run(probe);
  // How many signals may wait is counted beside it: other processes have some.
  const lines = ({ stdout }: Ended): string[] =>
    stdout.split("\n").filter((line) => !line.startsWith("SigQ"));
  expect(lines(ours)).toEqual(lines(plain));
  expect(ours.stdout).toMatch(/Max open files +1024 /);
});

test("a script may interrupt what it starts", async () => {
  const machine = await runner.machine("trixie");
  const ran = await machine.run(`
    timeout -s INT 0.2 sleep 300; echo "timeout $?"
    python3 -c 'import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)'`);
  expect(ran.stdout).toBe("timeout 124\nTrue\n");
});

test("scripts for other programs keep their extension, and the words of their first line", async () => {
  const machine = await runner.machine("trixie");
  const { stdout } = await command("mktemp", "--suffix=.py");
  await Bun.write(
    stdout.trim(),
    "#!/usr/bin/env -S python3 -I\nimport sys; print(sys.flags.isolated, __file__[-3:])\n",
  );
  const ran = await runner.call("run", "--id", machine.name, stdout.trim());
  expect(ran).toMatchObject({ code: 0, stdout: "1 .py\n" });
});
