/**
 * What of a machine the policy decides: each term, how two of it are compared, and how it is shown. Pure.
 */
import type { LimitChoice } from "../config/limit-choice.ts";
import type { NetworkKind } from "../config/values.ts";
import type { HostBind, Loosening } from "../machine/loosening.ts";
import type { Allowed } from "../network/network-request.ts";
import { formatNetworkTarget, type NetworkTarget } from "../network/network-target.ts";
import { formatLimit } from "../text/sizes.ts";

type Limits = { readonly [Key in keyof LimitChoice]-?: number | undefined };

export interface TermValues extends Limits, Loosening {
  /** Why the job is refused; nothing when it is not. */
  readonly refuse: string | undefined;
  readonly network: NetworkKind;
  readonly allow: Allowed;
  readonly deny: readonly NetworkTarget[];
}

export type TermName = keyof TermValues;

interface Term<Value> {
  /** As the settings have it. */
  readonly label: string;
  /** What is as strict as both: what holds when nobody knows which of them is meant. */
  stricter(one: Value, other: Value): Value;
  show(value: Value): string;
}

export const TERMS: { readonly [Name in TermName]: Term<TermValues[Name]> } = {
  refuse: {
    label: "refuse",
    stricter: (one, other) => one ?? other,
    show: (value) => (value === undefined ? "no" : JSON.stringify(value)),
  },
  network: {
    label: "network",
    stricter: (one, other) =>
      NETWORKS[Math.min(NETWORKS.indexOf(one), NETWORKS.indexOf(other))] ?? "none",
    show: (value) => value,
  },
  allow: {
    label: "network_allow",
    stricter: (one, other) => {
      if (one === "everything") return other;
      return other === "everything" ? one : both(one, other, formatNetworkTarget);
    },
    show: (value) => (value === "everything" ? value : showList(value.map(formatNetworkTarget))),
  },
  deny: {
    label: "network_deny",
    stricter: (one, other) => either(one, other, formatNetworkTarget),
    show: (value) => showList(value.map(formatNetworkTarget)),
  },
  memoryBytes: size("memory"),
  memoryMaxBytes: { ...size("memory_max"), stricter: smallerMaximum },
  swapBytes: size("swap"),
  cpus: count("cpus"),
  cpusMax: { ...count("cpus_max"), stricter: smallerMaximum },
  cpuWeight: weight("cpu_weight"),
  ioWeight: weight("io_weight"),
  tasks: count("tasks"),
  diskBytes: size("disk"),
  diskMaxBytes: { ...size("disk_max"), stricter: smallerMaximum },
  nesting: {
    label: "nesting",
    stricter: (one, other) => one && other,
    show: (value) => String(value),
  },
  devices: names("devices"),
  capabilities: names("capabilities"),
  binds: {
    label: "binds",
    stricter: (one, other) => bothBinds(one, other),
    show: (value) => showList(value.map(formatBind)),
  },
  systemCalls: names("system_calls"),
};

/** The strictest first. */
const NETWORKS: readonly NetworkKind[] = ["none", "private", "host"];

function size(label: string): Term<number | undefined> {
  return {
    label,
    stricter: smaller,
    show: (value) => (value === undefined ? "no limit" : formatLimit(value)),
  };
}

function count(label: string): Term<number | undefined> {
  return {
    label,
    stricter: smaller,
    show: (value) => (value === undefined ? "no limit" : String(value)),
  };
}

/** Everybody's, where nobody says anything (systemd.resource-control(5)). */
const WEIGHT_USUAL = 100;

function weight(label: string): Term<number | undefined> {
  return {
    label,
    stricter: (one, other) => ((one ?? WEIGHT_USUAL) <= (other ?? WEIGHT_USUAL) ? one : other),
    show: (value) => String(value ?? WEIGHT_USUAL),
  };
}

function names(label: string): Term<readonly string[]> {
  const self = (name: string): string => name;
  return { label, stricter: (one, other) => both(one, other, self), show: showList };
}

function smaller(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}

/** Of what a job may ask for: without a maximum it may ask for no more than it has unasked. */
function smallerMaximum(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : Math.min(one, other);
}

function both<Item>(
  one: readonly Item[],
  other: readonly Item[],
  key: (item: Item) => string,
): readonly Item[] {
  const known = new Set(other.map(key));
  return one.filter((item) => known.has(key(item)));
}

export function either<Item>(
  one: readonly Item[],
  other: readonly Item[],
  key: (item: Item) => string,
): readonly Item[] {
  return [...new Map([...one, ...other].map((item) => [key(item), item])).values()];
}

/** A place that only one of both may write to is read-only. */
function bothBinds(one: readonly HostBind[], other: readonly HostBind[]): HostBind[] {
  return one.flatMap((bind) => {
    const same = other.find(
      ({ source, target }) => source === bind.source && target === bind.target,
    );
    return same === undefined ? [] : [{ ...bind, writable: bind.writable && same.writable }];
  });
}

function formatBind({ source, target, writable }: HostBind): string {
  const place = target === source ? source : `${source}:${target}`;
  return writable ? `${place}${target === source ? `:${target}` : ""}:rw` : place;
}

function showList(values: readonly string[]): string {
  return values.length === 0 ? "nothing" : values.join(", ");
}
