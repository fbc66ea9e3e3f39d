/** What a machine gets, in sentences for the job's log. Pure. */
import type { NetworkKind } from "../config/values.ts";
import type { Terms } from "./decide.ts";
import { TERMS, type TermName } from "./terms.ts";

const LIMITS = [
  "memoryBytes",
  "swapBytes",
  "cpus",
  "cpuWeight",
  "ioWeight",
  "tasks",
  "diskBytes",
] as const;
const LOOSENED = ["nesting", "devices", "capabilities", "binds", "systemCalls"] as const;

/** `Limits: memory 4G (job_memory), tasks 4096 (this host's default).` */
export function describeLimits(terms: Terms): string | undefined {
  const parts = LIMITS.filter((name) => terms[name].value !== undefined).map(
    (name) => `${TERMS[name].label} ${show(terms, name)} (${terms[name].by})`,
  );
  return parts.length === 0 ? undefined : `Limits: ${parts.join(", ")}.`;
}

/** `Network: private (rule 2), allowed registry.test:443 (rule 3), denied 10.0.0.0/8 (network_deny).` */
export function describeNetwork(terms: Terms, kind: NetworkKind): string {
  const { network, allow, deny } = terms;
  const parts = [`${kind} (${network.by})`];
  const filters = [
    ...(allow.value === "everything" ? [] : [`allowed ${show(terms, "allow")} (${allow.by})`]),
    ...(deny.value.length === 0 ? [] : [`denied ${show(terms, "deny")} (${deny.by})`]),
  ];
  if (kind === "private") parts.push(...filters);
  else if (kind === "host" && filters.length > 0) {
    parts.push("where network_allow and network_deny do not hold");
  }
  return `Network: ${parts.join(", ")}.`;
}

/** `Loosened: nesting (rule 2 "kernel team"), devices /dev/kvm (rule 3).` Nothing when nothing is. */
export function describeLoosening(terms: Terms): string | undefined {
  const parts = LOOSENED.filter((name) => isLoose(terms[name].value)).map((name) => {
    const { by } = terms[name];
    return name === "nesting"
      ? `nesting (${by})`
      : `${TERMS[name].label} ${show(terms, name)} (${by})`;
  });
  return parts.length === 0 ? undefined : `Loosened: ${parts.join(", ")}.`;
}

const isLoose = (value: boolean | readonly unknown[]): boolean =>
  typeof value === "boolean" ? value : value.length > 0;

const show = <Name extends TermName>(terms: Terms, name: Name): string =>
  TERMS[name].show(terms[name].value);
