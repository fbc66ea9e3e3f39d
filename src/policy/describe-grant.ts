/** What a machine gets, in sentences for the job's log. Pure. */
import type { Terms } from "./decide.ts";
import { WISH_VARIABLES } from "./job-wishes.ts";
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
export function describeNetwork(terms: Terms): string {
  const { network, allow, deny } = terms;
  const kind = network.value;
  const parts = [`${kind} (${network.by})`];
  const filters = [
    ...(allow.value === "everything" ? [] : [`allowed ${showAllowed(terms)} (${allow.by})`]),
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

/** Two lists of which nobody knows whether both hold may have no place in common. */
const showAllowed = (terms: Terms): string =>
  terms.allow.value.length > 0
    ? show(terms, "allow")
    : "nothing but GitLab, name servers and what network_open opens";

const isLoose = (value: boolean | readonly unknown[]): boolean =>
  typeof value === "boolean" ? value : value.length > 0;

const MAXIMA = [
  ["memory", "memoryBytes", "memoryMaxBytes"],
  ["cpus", "cpus", "cpusMax"],
  ["disk", "diskBytes", "diskMaxBytes"],
] as const;

/** `up to memory 8G (setting job_memory_max), by NSPAWN_MEMORY`: where that is more than it has unasked. */
export function describeMaxima(terms: Terms): string[] {
  return MAXIMA.flatMap(([wish, usual, max]) => {
    const [has, most] = [terms[usual].value, terms[max].value];
    if (has === undefined || most === undefined || most <= has) return [];
    return `up to ${wish} ${show(terms, max)} (${terms[max].by}), by ${WISH_VARIABLES[wish]}`;
  });
}

const show = <Name extends TermName>(terms: Terms, name: Name): string =>
  TERMS[name].show(terms[name].value);
