/**
 * The sandbox of the parser, as the command that starts it: a transient service that can compute,
 * read one directory, and print. docs/decisions/ says why it is a service. Pure.
 *
 * Tried with systemd 252 and 257. What is surprising in it:
 * - `TemporaryFileSystem=/` does nothing beside `DynamicUser=`, which has an entry of its own for
 *   "/": the root is an empty directory of ours instead.
 * - With `RootDirectory=`, paths to make inaccessible are the host's unless they begin with "+".
 * - A mount of its own, as /sys for `PrivateNetwork=`, has to be made inaccessible all the same.
 * - systemd-run takes no `RestrictAddressFamilies=none`: socket(2) is denied instead. What a pipe
 *   between processes needs is socketpair(2).
 */

/** What is the same for every pipeline of this host. */
export interface SandboxPrograms {
  /** Our executable. */
  readonly program: string;
  /** env(1), which starts it. */
  readonly env: string;
  /** What the parser calls, by name. */
  readonly commands: Readonly<Record<string, string>>;
  /** What these and the program are linked with. */
  readonly libraries: readonly string[];
}

export interface SandboxFacts extends SandboxPrograms {
  readonly unit: string;
  /** What our executable is asked. */
  readonly words: readonly string[];
  /** An empty directory; mount points appear in it. */
  readonly root: string;
  /** The clone to be parsed. */
  readonly project: string;
  /** A file of variables that the parser is told. */
  readonly variables: string;
  readonly timeMaxSeconds: number;
}

/** Enough for ten thousand jobs; a parser that wants more is stopped. */
const MEMORY_MAX = "1G";
const TASKS_MAX = 64;
/**
 * The runtime reserves 6.3 GB that it does not use. Where it cannot, as with 1 GB, it has no compiler
 * for what runs often, and the parser takes 1.4 times as long (Bun 1.4.5).
 */
const RESERVED_MAX = "8G";

/** What it may not reach, whatever file it names. */
const PLACES = [
  "ProtectSystem=strict",
  "PrivateDevices=yes",
  "PrivateNetwork=yes",
  "PrivateIPC=yes",
  "ProtectProc=invisible",
  "ProcSubset=pid",
  "MountAPIVFS=no",
  // Shared with the host, or with its names in them. /tmp would be on the host's disk.
  ...["/sys", "/dev/shm", "/dev/mqueue", "/dev/hugepages", "/dev/pts", "/tmp", "/var/tmp"].map(
    (path) => `InaccessiblePaths=-+${path}`,
  ),
  "TemporaryFileSystem=/state:mode=1777,size=16M",
];

/** What it may not become, or ask the kernel for. */
const RIGHTS = [
  "DynamicUser=yes",
  "PrivateUsers=yes",
  "CapabilityBoundingSet=",
  "NoNewPrivileges=yes",
  "RestrictSUIDSGID=yes",
  "RestrictNamespaces=yes",
  "RestrictRealtime=yes",
  "RestrictAddressFamilies=AF_UNIX",
  "LockPersonality=yes",
  "ProtectKernelTunables=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelLogs=yes",
  "ProtectControlGroups=yes",
  "ProtectClock=yes",
  "ProtectHostname=yes",
  "KeyringMode=private",
  "SystemCallArchitectures=native",
  "SystemCallFilter=@system-service",
  "SystemCallFilter=~@privileged @resources @keyring @setuid @aio socket ptrace process_vm_readv process_vm_writev",
  "SystemCallErrorNumber=EPERM",
];

/** What it may use. The limits of single processes are for hosts without controllers for groups. */
const AMOUNTS = [
  `MemoryMax=${MEMORY_MAX}`,
  "MemorySwapMax=0",
  `TasksMax=${TASKS_MAX}`,
  `LimitDATA=${RESERVED_MAX}`,
  `LimitNPROC=${TASKS_MAX}`,
  "LimitNOFILE=256",
  "LimitFSIZE=16M",
  "LimitCORE=0",
  "OOMScoreAdjust=1000",
  "UMask=0077",
];

/** All that it has: a service gets the manager's too, where a proxy may stand with its password. */
const ENVIRONMENT = {
  PATH: "/bin",
  HOME: "/state",
  LC_ALL: "C.UTF-8",
  NO_COLOR: "1",
  // The clone belongs to who called us, and git asks for that.
  GIT_CONFIG_COUNT: "1",
  GIT_CONFIG_KEY_0: "safe.directory",
  GIT_CONFIG_VALUE_0: "/project",
};

/** Where the file of variables is, for the parser. */
export const VARIABLES_INSIDE = "/etc/variables.json";

export function planSandbox(facts: SandboxFacts): readonly string[] {
  const properties = [
    `RootDirectory=${facts.root}`,
    ...PLACES,
    ...RIGHTS,
    ...AMOUNTS,
    `RuntimeMaxSec=${facts.timeMaxSeconds}`,
    "KillSignal=SIGKILL",
    ...[facts.env, ...facts.libraries].map((path) => `BindReadOnlyPaths=${escapeBind(path)}`),
    ...Object.entries({ ...facts.commands, parser: facts.program }).map(
      ([name, path]) => `BindReadOnlyPaths=${escapeBind(path)}:/bin/${name}`,
    ),
    `BindReadOnlyPaths=${escapeBind(facts.project)}:/project`,
    `BindReadOnlyPaths=${escapeBind(facts.variables)}:${VARIABLES_INSIDE}`,
    "WorkingDirectory=/project",
    "StandardInput=null",
  ];
  return [
    "systemd-run",
    "--wait",
    "--pipe",
    "--collect",
    `--unit=${facts.unit}`,
    "--description=nspawn-runner: parser of a .gitlab-ci.yml",
    ...properties.map((property) => `--property=${property}`),
    "--",
    // systemd-run wants to find the command on the host, and then it is looked for in the root.
    facts.env,
    "-i",
    ...Object.entries(ENVIRONMENT).map(([name, value]) => `${name}=${value}`),
    "/bin/parser",
    ...facts.words,
  ];
}

/** systemd.exec(5): a colon separates source and destination, and blanks separate paths. */
const escapeBind = (path: string): string => path.replace(/[\\: ]/g, "\\$&");
