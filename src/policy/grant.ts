/** What a job's machine gets: the decision, and within it what the job asks for. Pure. */
import type { NetworkKind } from "../config/values.ts";
import { memoryHighOf } from "../machine/default-limits.ts";
import type { Loosening } from "../machine/loosening.ts";
import type { MachineLimits } from "../machine/machine-limits.ts";
import type { Allowed } from "../network/network-request.ts";
import type { NetworkTarget } from "../network/network-target.ts";
import type { StorageFit, StorageKind } from "../storage/storage.ts";
import { RunnerError } from "../text/errors.ts";
import { formatLimit } from "../text/sizes.ts";
import type { Terms } from "./decide.ts";
import { describeLimits, describeLoosening, describeNetwork } from "./describe-grant.ts";
import { type JobWishes, limitWithin, WISH_VARIABLES } from "./job-wishes.ts";

export interface Grant {
  readonly network: {
    readonly kind: NetworkKind;
    readonly allow: Allowed;
    readonly deny: readonly NetworkTarget[];
  };
  readonly limits: MachineLimits;
  readonly loosening: Loosening;
  /** What the machine gets and who has decided it, for the job's log. */
  readonly lines: readonly string[];
}

/** Whether the storage of the host can hold a machine to a limit of the disk. */
export interface DiskKeeper {
  readonly storage: StorageKind;
  readonly fit: StorageFit;
}

/**
 * Throws a job error when the job is refused, or asks for more than it may have; a system error for a limit
 * of the disk that nobody keeps. Without a keeper none is known.
 */
export function grantJob(
  decision: Terms,
  wishes: JobWishes,
  keeper: DiskKeeper | undefined,
): Grant {
  const { refuse } = decision;
  if (refuse.value !== undefined) throw refused(refuse, refuse.value);
  const terms = withWishes(decision, wishes);
  if (keeper !== undefined) requireDiskLimit(terms.diskBytes, keeper);
  return {
    network: networkOf(terms),
    limits: limitsOf(terms),
    loosening: looseningOf(terms),
    lines: [describeLimits(terms), describeNetwork(terms), describeLoosening(terms)].filter(
      (line) => line !== undefined,
    ),
  };
}

/** A rule that is surely for the job is its author's to heed; what is not known, the administrator's. */
function refused({ by, unsure = false }: Terms["refuse"], reason: string): RunnerError {
  return new RunnerError({
    kind: unsure ? "system" : "job",
    message: `This host refuses the job: ${reason.replace(/\.$/, "")} (${by}).`,
    hints: unsure
      ? ["GitLab Runner does not say all that the rule asks for: its release may be too old."]
      : [],
  });
}

/** What cannot be kept is not promised. What the job itself has asked for is its author's to leave out. */
function requireDiskLimit({ value, by }: Terms["diskBytes"], { storage, fit }: DiskKeeper): void {
  if (value === undefined || fit.kind === "fits") return;
  const asked = by === WISH_VARIABLES.disk;
  throw new RunnerError({
    kind: asked ? "job" : "system",
    message: `Cannot hold what the job writes to ${formatLimit(value)} (${by}) with storage "${storage}": ${fit.reason}.`,
    hints: asked ? [`Leave ${by} out, or ask the administrator. ${fit.hint}`] : [fit.hint],
  });
}

function withWishes(terms: Terms, wishes: JobWishes): Terms {
  const { memoryBytes, memoryMaxBytes, cpus, cpusMax, diskBytes, diskMaxBytes } = terms;
  return {
    ...terms,
    memoryBytes: limitWithin("memory", wishes.memory, { usual: memoryBytes, max: memoryMaxBytes }),
    cpus: limitWithin("cpus", wishes.cpus, { usual: cpus, max: cpusMax }),
    diskBytes: limitWithin("disk", wishes.disk, { usual: diskBytes, max: diskMaxBytes }),
  };
}

const networkOf = ({ network, allow, deny }: Terms): Grant["network"] => ({
  kind: network.value,
  allow: allow.value,
  deny: deny.value,
});

function limitsOf(terms: Terms): MachineLimits {
  const memoryBytes = terms.memoryBytes.value;
  return {
    memoryBytes,
    memoryHighBytes: memoryBytes === undefined ? undefined : memoryHighOf(memoryBytes),
    swapBytes: terms.swapBytes.value,
    cpus: terms.cpus.value,
    cpuWeight: terms.cpuWeight.value,
    ioWeight: terms.ioWeight.value,
    tasks: terms.tasks.value,
    diskBytes: terms.diskBytes.value,
  };
}

const looseningOf = (terms: Terms): Loosening => ({
  nesting: terms.nesting.value,
  devices: terms.devices.value,
  capabilities: terms.capabilities.value,
  binds: terms.binds.value,
  systemCalls: terms.systemCalls.value,
});
