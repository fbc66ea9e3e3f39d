import { expect, test } from "bun:test";
import { endedWithout, refusedBy, wordsOf } from "./explain-end.ts";
import { parseLibraries } from "./needed-libraries.ts";
import { planSandbox } from "./plan-sandbox.ts";

test("what ldd names, of several programs at once, is bound once", () => {
  const printed = `/usr/bin/git:
\tlinux-vdso.so.1 (0x00007f33068be000)
\tlibz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f33066cb000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f33066cb000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f33068c0000)
/usr/bin/id:
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f33066cb000)
\tlibmissing.so => not found
`;
  expect(parseLibraries(printed)).toEqual([
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/x86_64-linux-gnu/libz.so.1",
    "/lib64/ld-linux-x86-64.so.2",
  ]);
});

test("the sandbox, to the last property", () => {
  const argv = planSandbox({
    unit: "UNIT.service",
    program: "/usr/bin/nspawn-runner",
    words: ["internal-gitlab-ci-local", "--preview"],
    root: "/tmp/exec/parser",
    env: "/usr/bin/env",
    commands: { git: "/usr/bin/git" },
    libraries: ["/lib/odd: name.so"],
    project: "/tmp/exec/clone",
    variables: "/tmp/exec/variables.json",
    timeMaxSeconds: 30,
  });
  expect(argv.join("\n")).toMatchInlineSnapshot(`
    "systemd-run
    --wait
    --pipe
    --collect
    --unit=UNIT.service
    --description=nspawn-runner: parser of a .gitlab-ci.yml
    --property=RootDirectory=/tmp/exec/parser
    --property=ProtectSystem=strict
    --property=PrivateDevices=yes
    --property=PrivateNetwork=yes
    --property=PrivateIPC=yes
    --property=ProtectProc=invisible
    --property=ProcSubset=pid
    --property=MountAPIVFS=no
    --property=InaccessiblePaths=-+/sys
    --property=InaccessiblePaths=-+/dev/shm
    --property=InaccessiblePaths=-+/dev/mqueue
    --property=InaccessiblePaths=-+/dev/hugepages
    --property=InaccessiblePaths=-+/dev/pts
    --property=InaccessiblePaths=-+/tmp
    --property=InaccessiblePaths=-+/var/tmp
    --property=TemporaryFileSystem=/state:mode=1777,size=16M
    --property=DynamicUser=yes
    --property=PrivateUsers=yes
    --property=CapabilityBoundingSet=
    --property=NoNewPrivileges=yes
    --property=RestrictSUIDSGID=yes
    --property=RestrictNamespaces=yes
    --property=RestrictRealtime=yes
    --property=RestrictAddressFamilies=AF_UNIX
    --property=LockPersonality=yes
    --property=ProtectKernelTunables=yes
    --property=ProtectKernelModules=yes
    --property=ProtectKernelLogs=yes
    --property=ProtectControlGroups=yes
    --property=ProtectClock=yes
    --property=ProtectHostname=yes
    --property=KeyringMode=private
    --property=SystemCallArchitectures=native
    --property=SystemCallFilter=@system-service
    --property=SystemCallFilter=~@privileged @resources @keyring @setuid @aio socket ptrace process_vm_readv process_vm_writev
    --property=SystemCallErrorNumber=EPERM
    --property=MemoryMax=1G
    --property=MemorySwapMax=0
    --property=TasksMax=64
    --property=LimitDATA=8G
    --property=LimitNPROC=64
    --property=LimitNOFILE=256
    --property=LimitFSIZE=16M
    --property=LimitCORE=0
    --property=OOMScoreAdjust=1000
    --property=UMask=0077
    --property=RuntimeMaxSec=30
    --property=KillSignal=SIGKILL
    --property=BindReadOnlyPaths=/usr/bin/env
    --property=BindReadOnlyPaths=/lib/odd\\:\\ name.so
    --property=BindReadOnlyPaths=/usr/bin/git:/bin/git
    --property=BindReadOnlyPaths=/usr/bin/nspawn-runner:/bin/parser
    --property=BindReadOnlyPaths=/tmp/exec/clone:/project
    --property=BindReadOnlyPaths=/tmp/exec/variables.json:/etc/variables.json
    --property=WorkingDirectory=/project
    --property=StandardInput=null
    --
    /usr/bin/env
    -i
    PATH=/bin
    HOME=/state
    LC_ALL=C.UTF-8
    NO_COLOR=1
    GIT_CONFIG_COUNT=1
    GIT_CONFIG_KEY_0=safe.directory
    GIT_CONFIG_VALUE_0=/project
    /bin/parser
    internal-gitlab-ci-local
    --preview"
  `);
});

test.each([
  ["its time was over", 1, "Finished with result: timeout", "did not come to an end"],
  ["out of memory", 137, "Finished with result: oom-kill", "too much memory"],
  ["killed", 255, "Finished with result: signal", "was killed"],
  ["it sent something else", 0, "Finished with result: success", "without an answer"],
  [
    "the sandbox cannot be made",
    226,
    "Finished with result: exit-code",
    "Cannot start the sandbox",
  ],
  ["no service manager", 1, "Failed to connect to bus: No such file", "Cannot start the sandbox"],
])("an end without an answer: %s", (_title, exitCode, last, text) => {
  const error = endedWithout({ exitCode, printed: `Running as unit: x\nforged\n${last}\n` });
  expect(`${error.message} ${(error.cause as Error).message}`).toContain(text);
});

test.each([
  [
    "Remote include could not be fetched https://example.org/x.yml\nError",
    '"https://example.org/x.yml"',
  ],
  [
    "Project include could not be fetched { project: group/a, ref: HEAD, file: b.yml }",
    '"b.yml" of the project "group/a"',
  ],
  ["Component include could not be fetched { project: group/c, ref: 1", 'component of "group/c"'],
])("what wants the network is refused in one sentence: %s", (words, text) => {
  const error = refusedBy(words);
  expect(error.message).toContain(text);
  expect(error.message).toContain("without network");
});

test("words of a stranger are lines that drive no terminal, and few", () => {
  expect(wordsOf("parsing and downloads finished in 3 ms.\n\n a\u001b[2Jb\n")).toEqual([
    "a\\x1b[2Jb",
  ]);
  const many = wordsOf("line\n".repeat(1000));
  expect(many).toHaveLength(21);
  expect(many.at(-1)).toBe("… and 980 more lines");
  expect(wordsOf("x".repeat(10_000))[0]?.length).toBe(301);
});
