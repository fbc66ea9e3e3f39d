/**
 * A creation as services: commands of one kind that follow each other are one. Each has mounts and
 * processes of its own, limits, and an end that none of them outlives. See docs/decisions/0014-a-creation-is-a-unit.md. Pure.
 */
import { limitSettings, type MachineLimits } from "../../machine/machine-limits.ts";
import { formatCommand, quoteArgument } from "../../text/format-command.ts";
import { AMOUNTS, attendedCommand, escapeBind, exportLines, HARDENED } from "../attended-unit.ts";
import { type CommandStep, type CreateStep, UNPACKING } from "../creators/creator.ts";
import type { Environment } from "../passed-on.ts";
import type { Unpacking } from "./unpack.ts";
import { withDevices } from "./with-devices.ts";

export interface CreationFacts {
  /** Its name, which nobody else has had. */
  readonly unit: string;
  /** Where files of ours are for it, which it does not change. */
  readonly place: string;
  readonly tree: string;
  readonly work: string;
  /** All that its commands have. */
  readonly environment: Environment;
  readonly driver: readonly string[];
  readonly limits: MachineLimits;
  readonly timeMaxSeconds: number;
}

export interface CreationUnit {
  readonly files: readonly { readonly path: string; readonly text: string }[];
  readonly argv: readonly string[];
  /** In `place`: the number of the step that it is at. */
  readonly at: string;
  /** In `place`: what systemd says of its end, as systemd.exec(5) has it for `$SERVICE_RESULT`. */
  readonly result: string;
}

/** What one service does each. What strangers have made has one for itself. */
export function groupSteps(steps: readonly CreateStep[]): CommandStep[][] {
  const groups: CommandStep[][] = [];
  for (const step of steps) {
    if (step.kind !== "run" && step.kind !== "unpack") continue;
    const last = groups.at(-1);
    if (step.kind === "run" && last?.at(-1)?.kind === "run") last.push(step);
    else groups.push([step]);
  }
  return groups;
}

export function planUnit(facts: CreationFacts, steps: readonly CommandStep[]): CreationUnit {
  const { place, environment } = facts;
  const unpacks = steps.find((step) => step.kind === "unpack");
  const at = (name: string): string => `${place}/${name}`;
  const files = { script: at("script"), ended: at("ended"), unpacking: at("unpacking.json") };
  const marks = { at: at("at"), result: at("result") };
  return {
    ...marks,
    files: [
      { path: files.ended, text: `echo "$SERVICE_RESULT" >${quoteArgument(marks.result)}\n` },
      unpacks === undefined
        ? { path: files.script, text: scriptText(facts, steps, marks.at) }
        : { path: files.unpacking, text: JSON.stringify(unpackingOf(facts, unpacks.argv)) },
    ],
    argv: attendedCommand({
      unit: facts.unit,
      description: "an image's root file system",
      properties: [
        ...AMOUNTS,
        ...limitSettings(facts.limits),
        `RuntimeMaxSec=${facts.timeMaxSeconds}`,
        "PrivateMounts=yes",
        // What it has made is thrown away: nobody needs to be asked to end.
        "KillSignal=SIGKILL",
        ...(unpacks === undefined ? [] : confinement(facts)),
        `ExecStopPost=/bin/sh ${quoteWord(files.ended)}`,
      ],
      argv: [
        `PATH=${environment.PATH}`,
        "LC_ALL=C.UTF-8",
        ...["unshare", ...NAMESPACES, "--"],
        ...(unpacks === undefined
          ? ["/bin/sh", files.script]
          : [...facts.driver, "internal-unpack", files.unpacking]),
      ],
    }),
  };
}

/**
 * systemd has no namespace of processes before release 257. What is unmounted on the host while it works
 * is unmounted here as well, and nothing the other way.
 */
const NAMESPACES = [
  ...["--mount", "--propagation", "slave"],
  ...["--pid", "--fork", "--kill-child", "--mount-proc"],
];

function scriptText(
  { environment, tree, work, place }: CreationFacts,
  steps: readonly CommandStep[],
  mark: string,
): string {
  const lines = steps.flatMap((step, index) => {
    if (step.kind !== "run") return [];
    const input = step.input === undefined ? "/dev/null" : `${place}/input-${index}`;
    return [
      ...(step.input === undefined
        ? []
        : [`printf %s ${quoteArgument(step.input)} >${quoteArgument(input)} || exit`]),
      // Each line of it is one of ours in the log.
      `step ${index} ${quoteArgument(formatCommand(step.argv).replaceAll("\n", "\n# "))}`,
      "(",
      ...exportLines(step.environment ?? {}),
      `cd ${quoteArgument(step.workingDirectory ?? work)} || exit`,
      `exec ${formatCommand(step.devices === true ? withDevices(tree, step.argv) : step.argv)} <${quoteArgument(input)}`,
      ") || exit",
    ];
  });
  return [
    ...exportLines(environment),
    "step() {",
    `  echo "$1" >${quoteArgument(mark)} || exit`,
    `  printf '# %s %s\\n' "$(date --utc +%FT%TZ)" "$2"`,
    "}",
    ...lines,
    "",
  ].join("\n");
}

/** What its launcher needs to make it so, of which what it starts keeps nothing. */
const LAUNCHER_RIGHTS = ["SYS_ADMIN", "SETUID", "SETGID", "SETPCAP"];

const confinement = ({ tree, work, place, driver }: CreationFacts): string[] => [
  ...HARDENED,
  `CapabilityBoundingSet=${LAUNCHER_RIGHTS.map((name) => `CAP_${name}`).join(" ")}`,
  "PrivateNetwork=yes",
  "RestrictAddressFamilies=AF_UNIX",
  // Sockets of daemons are in there.
  "TemporaryFileSystem=/run:mode=0755",
  // What of these is below /tmp would be out of sight.
  ...[work, ...driver].map((path) => `BindReadOnlyPaths=${escapeBind(path)}`),
  ...[tree, place].map((path) => `BindPaths=${escapeBind(path)}`),
];

/**
 * All numbers that an archive may name, as numbers of the host that nobody has: systemd, and all
 * registries of them that it knows, end at 2^31 (UIDS-GIDS.md). On the disk they are what they were.
 */
const ID_SHIFT = 0x8000_0000;
const ID_COUNT = 0x7fff_0000;

/** To give files their owners and modes. */
const RIGHTS = ["chown", "dac_override", "fowner", "fsetid", "setfcap"];

const unpackingOf = ({ tree, work }: CreationFacts, argv: readonly string[]): Unpacking => ({
  mounts: [
    { source: tree, target: UNPACKING.tree },
    { source: work, target: UNPACKING.work },
  ],
  idShift: ID_SHIFT,
  idCount: ID_COUNT,
  argv: [
    ...["setpriv", "--no-new-privs", "--inh-caps=-all"],
    `--bounding-set=-all,${RIGHTS.map((name) => `+${name}`).join(",")}`,
    ...["--", "/bin/sh", "-c", UNPACK_ALL, "unpack", UNPACKING.tree, ...argv],
  ],
});

/** An archive may hold what overlayfs takes for a removed file: a device that anyone may make. */
const UNPACK_ALL = `tree=$1; shift
cd /tmp && HOME=/tmp "$@" || exit
exec find "$tree" -xdev '(' -type b -o -type c ')' -delete`;

/** systemd.syntax(7), and "$" of systemd.service(5). "%" stays as it is (systemd 252 and 257, over the bus). */
const quoteWord = (word: string): string =>
  `"${word.replace(/[\\"]/g, "\\$&").replaceAll("$", "$$$$")}"`;
