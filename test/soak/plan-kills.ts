/** Which jobs the kill loop runs, and who dies in each, and when: all of it from one seed. Pure. */
import { PLACES, type Place } from "../lab/harness.ts";
import { openRandom, type Random } from "./random.ts";

/** What GitLab Runner calls for one job; afterwards the deleting unit does what is left. */
export const PHASES = ["prepare", "run 1", "run 2", "run 3", "cleanup", "afterwards"] as const;
export type Phase = (typeof PHASES)[number];

/** Whom a SIGKILL hits, and in which phases there is one. */
const VICTIMS = {
  driver: ["prepare", "run 1", "run 2", "run 3", "cleanup"],
  "systemd-run": ["prepare"],
  nspawn: ["prepare", "run 1", "run 2", "run 3"],
  "the machine's PID 1": ["prepare", "run 1", "run 2", "run 3"],
  agent: ["prepare", "run 1", "run 2", "run 3"],
  "the deleting unit": ["afterwards"],
} as const satisfies Record<string, readonly [Phase, ...Phase[]]>;
export type Victim = keyof typeof VICTIMS;
export const VICTIM_NAMES = Object.keys(VICTIMS).filter((name): name is Victim => name in VICTIMS);

export interface Kill {
  readonly victim: Victim;
  readonly phase: Phase;
  /** How much of the phase is over when it comes, from 0 to 1. */
  readonly moment: number;
}

/** A runner lives to call `cleanup`, or it dies too: with the victim, or once the scripts have run. */
export type End = "cleanup" | "the runner dies at once" | "the runner dies later";

export interface PlannedJob {
  readonly number: number;
  readonly place: Place;
  readonly network: "host" | "private";
  readonly image: "trixie" | "nosystemd";
  readonly end: End;
  readonly kill: Kill;
  /** What the three scripts end with. */
  readonly codes: readonly number[];
}

const NETWORKS = ["host", "private"] as const;

/**
 * `count` jobs. Every storage with every network, with and without cleanup, comes before any comes
 * again.
 */
export function planKills(seed: number, count: number): PlannedJob[] {
  const random = openRandom(seed);
  const kinds = PLACES.flatMap((place) =>
    NETWORKS.flatMap((network) => [true, false].map((cleansUp) => ({ place, network, cleansUp }))),
  );
  const rounds = Array.from({ length: Math.ceil(count / kinds.length) }, () =>
    random.shuffle(kinds),
  );
  return rounds
    .flat()
    .slice(0, count)
    .map(({ cleansUp, ...kind }, number) => ({
      number,
      ...kind,
      end: cleansUp ? "cleanup" : random.pick(["the runner dies at once", "the runner dies later"]),
      image: random.pick(["trixie", "trixie", "nosystemd"]),
      kill: planKill(random, cleansUp),
      codes: [0, 0, random.pick([0, 0, 1, 77, 255])],
    }));
}

/** The driver dies as often as two others: it is killed in every phase. */
function planKill(random: Random, cleansUp: boolean): Kill {
  const victim = random.pick<Victim>(["driver", "driver", ...VICTIM_NAMES]);
  const phases: readonly Phase[] = VICTIMS[victim];
  const [first, ...others] = phases.filter((phase) => cleansUp || phase !== "cleanup");
  const phase = random.pick([first ?? "prepare", ...others]);
  return { victim, phase, moment: random.fraction() };
}

export function formatPlannedJob(job: PlannedJob): string {
  const { number, place, network, image, end, kill } = job;
  const moment = `${Math.round(kill.moment * 100)} % of ${kill.phase}`;
  return `job ${number} (${place.kind}, ${network}, ${image}, ${end}): ${kill.victim} at ${moment}`;
}
