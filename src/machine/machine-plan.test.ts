import { expect, test } from "bun:test";
import { planPrivateNetwork } from "../network/network-plan.ts";
import { STORAGES } from "../storage/detect.ts";
import { parseMachineName } from "../text/names.ts";
import { NO_LOOSENING } from "./loosening.ts";
import { type MachineFacts, planMachine } from "./machine-plan.ts";
import { PLAIN_SETTINGS } from "./machine-settings.ts";
import { explainOldSystemd } from "./systemd-version.ts";

const name = parseMachineName("job-17-abcdef");
const request = {
  source: "/r/trixie",
  sourceMode: 0o755,
  directory: "/r/.machines/job-17-abcdef",
  memoryBytes: 1024,
};
const facts: MachineFacts = {
  name,
  clone: STORAGES.btrfs.planClone(request),
  payload: { kind: "system" },
  idShift: 1_073_741_824,
  network: { kind: "host" },
  nestingDevices: ["/dev/fuse", "/dev/net/tun"],
  driver: ["/usr/bin/nspawn-runner"],
  architecture: "x64",
  bootTimeoutSeconds: 120,
  jobTimeoutSeconds: 3600,
  gitlabRunner: "/usr/bin/gitlab:runner",
  settings: PLAIN_SETTINGS,
  loosening: NO_LOOSENING,
};

/** What starts the unit, and what the unit becomes. */
const wordsOf = (of: MachineFacts): readonly string[] => {
  const { start, nspawn } = planMachine(of);
  return [...start, ...nspawn];
};

test("a machine that boots, on btrfs", () => {
  expect(wordsOf(facts).filter((word) => !word.startsWith("systemd.mask="))).toMatchInlineSnapshot(`
    [
      "systemd-run",
      "--quiet",
      "--unit=nspawn-runner-job\\x2d17\\x2dabcdef.service",
      "--slice=nspawn_runner-job\\x2d17\\x2dabcdef.slice",
      "--service-type=notify",
      "--property=Description=CI machine job-17-abcdef",
      "--property=SyslogIdentifier=nspawn-runner-console",
      "--property=SyslogLevelPrefix=no",
      "--property=LogLevelMax=info",
      "--property=LogRateLimitIntervalSec=1d",
      "--property=LogRateLimitBurst=3",
      "--property=CollectMode=inactive-or-failed",
      "--property=Delegate=yes",
      "--property=Environment=MEMORY_PRESSURE_WATCH=/dev/null",
      "--property=Environment=SYSTEMD_NSPAWN_LOCK=0",
      "--property=IgnoreSIGPIPE=no",
      "--property=TasksMax=infinity",
      "--property=OOMScoreAdjust=500",
      "--property=OOMPolicy=continue",
      "--property=KillMode=control-group",
      "--property=KillSignal=SIGKILL",
      "--property=TimeoutStartSec=5400",
      "--property=TimeoutStopSec=30",
      "--property=RuntimeMaxSec=5400",
      "--property=DevicePolicy=closed",
      "--property=DeviceAllow=/dev/net/tun rwm",
      "--property=DeviceAllow=char-pts rw",
      "--property=ExecStopPost=-/bin/sh /run/nspawn-runner/machines/job-17-abcdef/release",
      "--property=PrivateMounts=yes",
      "--",
      "/usr/bin/nspawn-runner",
      "internal-launch",
      "job-17-abcdef",
      "/usr/bin/systemd-nspawn",
      "--quiet",
      "--keep-unit",
      "--register=no",
      "--settings=no",
      "--machine=job-17-abcdef",
      "--directory=/r/.machines/job-17-abcdef/root",
      "--private-users=1073741824:65536",
      "--private-users-ownership=map",
      "--link-journal=no",
      "--timezone=off",
      "--rlimit=CORE=1",
      "--rlimit=NOFILE=1024:524288",
      "--system-call-filter=~io_uring_setup io_uring_enter io_uring_register userfaultfd",
      "--resolv-conf=replace-host",
      "--bind-ro=/run/nspawn-runner/machines/job-17-abcdef/control:/run/nspawn-runner",
      "--bind-ro=/usr/bin/gitlab\\:runner:/run/nspawn-runner/bin/gitlab-runner",
      "--notify-ready=no",
      "--console=read-only",
      "--setenv=SYSTEMD_UNIT_PATH=/run/nspawn-runner/units:",
      "--boot",
      "--",
      "systemd.show_status=error",
      "systemd.hostname=job-17-abcdef",
      "systemd.wants=nspawn-runner-agent.service",
    ]
  `);
});

test("a machine without init, on overlay, is launched by us", () => {
  const plan = planMachine({
    ...facts,
    payload: { kind: "agent" },
    clone: STORAGES.overlay.planClone(request),
    gitlabRunner: undefined,
    jobTimeoutSeconds: undefined,
  });
  expect(plan.start.slice(-3)).toEqual(["/usr/bin/nspawn-runner", "internal-launch", name]);
  expect(plan.start).toContain("--property=PrivateMounts=yes");
  expect(plan.nspawn).toMatchInlineSnapshot(`
    [
      "/usr/bin/systemd-nspawn",
      "--quiet",
      "--keep-unit",
      "--register=no",
      "--settings=no",
      "--machine=job-17-abcdef",
      "--directory=/r/.machines/job-17-abcdef/root",
      "--private-users=1073741824:65536",
      "--private-users-ownership=off",
      "--link-journal=no",
      "--timezone=off",
      "--rlimit=CORE=1",
      "--rlimit=NOFILE=1024:524288",
      "--system-call-filter=~io_uring_setup io_uring_enter io_uring_register userfaultfd",
      "--resolv-conf=replace-host",
      "--bind-ro=/run/nspawn-runner/machines/job-17-abcdef/control:/run/nspawn-runner",
      "--console=pipe",
      "--as-pid2",
      "--",
      "/bin/sh",
      "/run/nspawn-runner/agent",
    ]
  `);
});

const connected: MachineFacts = {
  ...facts,
  network: planPrivateNetwork({
    request: {
      kind: "private",
      range: { first: 0x0a00_0000, prefix: 8 },
      resolvers: [],
      allow: "everything",
      deny: [],
      open: [],
    },
    pair: { interface: "nsr-0a000002", host: 0x0a00_0002, machine: 0x0a00_0003 },
    uplink: { name: "eth0", mtu: 1500 },
    resolvers: { servers: ["192.0.2.53"], lines: [] },
    ipv6: true,
    forwards: true,
    connectionTableSize: 65_536,
    addresses: [],
    docker: false,
  }),
};

/** What a plan has that another has not, in its order. */
const beyond = (plan: readonly string[], other: readonly string[]): string[] =>
  plan.filter((word) => !other.includes(word));

test("a network of its own changes this, and nothing else", () => {
  const [own, hosts] = [wordsOf(connected), wordsOf(facts)];
  expect(beyond(own, hosts)).toMatchInlineSnapshot(`
    [
      "--property=BindReadOnlyPaths=-/run/nspawn-runner/machines/job-17-abcdef/resolv.conf:/etc/resolv.conf",
      "--network-veth-extra=nsr-0a000002:host0",
      "systemd.wants=nspawn-runner-network.service",
    ]
  `);
  expect(beyond(hosts, own)).toEqual([]);
  const alone = { ...connected, payload: { kind: "agent" } } as const;
  const [ownAlone, hostsAlone] = [
    wordsOf(alone),
    wordsOf({ ...facts, payload: { kind: "agent" } }),
  ];
  expect(beyond(ownAlone, hostsAlone)).toMatchInlineSnapshot(`
    [
      "--property=BindReadOnlyPaths=-/run/nspawn-runner/machines/job-17-abcdef/resolv.conf:/etc/resolv.conf",
      "--network-veth-extra=nsr-0a000002:host0",
    ]
  `);
  expect(beyond(hostsAlone, ownAlone)).toEqual([]);
});

test("a person's machine is an agent's, with their terminal, their words in a file, and nothing to boot", () => {
  const session = {
    kind: "session",
    command: ["sh", "-c", "echo $HOME %n", "it's"],
    terminal: true,
    readOnly: true,
    environment: { TERM: "xterm" },
    hostName: "trixie",
  } as const;
  const [one, other] = [
    wordsOf({ ...facts, payload: session }),
    wordsOf({ ...facts, payload: { kind: "agent" } }),
  ];
  expect(beyond(one, other)).toMatchInlineSnapshot(`
    [
      "--wait",
      "--pty",
      "--console=interactive",
      "--read-only",
      "--hostname=trixie",
      "--setenv=TERM=xterm",
      "/run/nspawn-runner/session",
    ]
  `);
  expect(beyond(other, one)).toMatchInlineSnapshot(`
    [
      "--console=pipe",
      "/run/nspawn-runner/agent",
    ]
  `);
  const piped = wordsOf({ ...facts, payload: { ...session, terminal: false } });
  expect(beyond(piped, one)).toEqual(["--pipe", "--console=pipe"]);
  const written = planMachine({ ...facts, payload: session }).files.find((file) =>
    file.path.endsWith("/control/command"),
  );
  expect(written?.text).toBe("exec sh -c 'echo $HOME %n' 'it'\\''s'\n");
});

test("no network is loopback alone, and nobody to resolve names", () => {
  const [none, hosts] = [
    planMachine({ ...facts, network: { kind: "none" } }).nspawn,
    planMachine(facts).nspawn,
  ];
  expect(beyond(none, hosts)).toEqual(["--private-network", "--resolv-conf=off"]);
  expect(beyond(hosts, none)).toEqual(["--resolv-conf=replace-host"]);
});

test.each([...Object.values(STORAGES)])(
  "storage $kind gives each machine its own user ids",
  (storage) => {
    const plan = planMachine({ ...facts, clone: storage.planClone(request) });
    expect(plan.nspawn).toContain("--private-users=1073741824:65536");
    expect(plan.nspawn).toContain("--settings=no");
  },
);

test("the script that a unit ends with starts us only when there is something to release", () => {
  const plan = planMachine({ ...facts, driver: ["/opt/my driver/$x"] });
  const release = plan.files.find((file) => file.path.endsWith("/release"));
  expect(release?.text).toMatchInlineSnapshot(`
    "[ -e /run/nspawn-runner/machines/job-17-abcdef/state.json ] || exit 0
    exec 9>>/run/nspawn-runner/machines/job-17-abcdef/lock
    flock 9
    [ ! -e /run/nspawn-runner/machines/job-17-abcdef/state.json ] || exec '/opt/my driver/$x' internal-release job-17-abcdef
    "
  `);
});

test.each([
  ["systemd 249 (249.11)\n+PAM", "This host has systemd 249; nspawn-runner needs 252 or newer."],
  ["systemd 257 (257.13-1~deb13u1)", undefined],
  ["", undefined],
])("systemctl --version says %p", (version, sentence) => {
  expect(explainOldSystemd(version)).toBe(sentence);
});
