/**
 * From the configuration and what is known of a job to what its machine may be. Later words win, term
 * by term: the host's defaults, the settings, the image's own limits, then each rule that matches, in
 * order. A rule of which nobody knows whether it matches takes away and never gives. Pure.
 */
import type { Config } from "../config/config.ts";
import type { LimitChoice } from "../config/limit-choice.ts";
import type { Rule, RuleConsequences } from "../config/rule-settings.ts";
import { NO_LOOSENING } from "../machine/loosening.ts";
import type { MachineLimits } from "../machine/machine-limits.ts";
import { formatNetworkTarget } from "../network/network-target.ts";
import { matchRule, type RuleMatch, type Subject } from "./match-rule.ts";
import { either, TERMS, type TermName, type TermValues } from "./terms.ts";

export interface PolicyFacts extends Subject {
  /** What a machine on this host has where nobody says anything. */
  readonly hostLimits: MachineLimits;
  /** What the image's definition says; nothing where it says nothing or the image is not there yet. */
  readonly imageLimits: MachineLimits;
  /** What a clone may take where it is kept in memory; nothing where it is not. */
  readonly tmpfsBytes?: number | undefined;
}

/** A value and who has decided it: `rule 2 "name"`, `job_memory`, `the default of this host`. */
interface Decided<Value> {
  readonly value: Value;
  readonly by: string;
  /** By a rule of which nobody knows whether it is for this job. */
  readonly unsure?: boolean;
}

export type Terms = { readonly [Name in TermName]: Decided<TermValues[Name]> };

export interface Decision {
  readonly matches: readonly RuleMatch[];
  readonly terms: Terms;
}

export type PolicyConfig = Pick<
  Config,
  "network" | "networkAllow" | "networkDeny" | "jobLimits" | "rules"
>;

export function decide(config: PolicyConfig, facts: PolicyFacts): Decision {
  const matches = config.rules.map((rule) => matchRule(rule, facts));
  const start = beforeRules(config, facts);
  const terms = matches.reduce((before, { rule, match }) => {
    return match === "no" ? before : applyRule(before, rule, match);
  }, start);
  return { matches, terms };
}

/** Who has decided, for people. */
const HOST_DEFAULT = "this host's default";
const NOBODY = "nobody has said otherwise";

export const formatRule = ({ number, name }: Pick<Rule, "number" | "name">): string =>
  name === undefined ? `rule ${number}` : `rule ${number} "${name}"`;

function beforeRules(config: PolicyConfig, facts: PolicyFacts): Terms {
  const { hostLimits, imageLimits, tmpfsBytes } = facts;
  const { network, networkAllow, networkDeny, jobLimits } = config;
  const start: Terms = {
    refuse: unsaid(undefined),
    network: { value: network, by: "setting network" },
    allow: { value: allowed(networkAllow), by: "setting network_allow" },
    deny: { value: networkDeny, by: "setting network_deny" },
    memoryBytes: unsaid(undefined),
    memoryMaxBytes: unsaid(undefined),
    swapBytes: unsaid(undefined),
    cpus: unsaid(undefined),
    cpusMax: unsaid(undefined),
    cpuWeight: unsaid(undefined),
    ioWeight: unsaid(undefined),
    tasks: unsaid(undefined),
    diskBytes: unsaid(undefined),
    diskMaxBytes: unsaid(undefined),
    nesting: unsaid(NO_LOOSENING.nesting),
    devices: unsaid(NO_LOOSENING.devices),
    capabilities: unsaid(NO_LOOSENING.capabilities),
    binds: unsaid(NO_LOOSENING.binds),
    systemCalls: unsaid(NO_LOOSENING.systemCalls),
  };
  const onHost = applySure(start, limitsSaid(hostLimits), () => HOST_DEFAULT);
  const onStorage = applySure(
    onHost,
    limitsSaid({ diskBytes: tmpfsBytes }),
    () => "setting tmpfs_size",
  );
  const bySettings = applySure(
    onStorage,
    limitsSaid(jobLimits),
    (name) => `setting job_${TERMS[name].label}`,
  );
  return applySure(bySettings, limitsSaid(imageLimits), () => "the image");
}

const unsaid = <Value>(value: Value): Decided<Value> => ({ value, by: NOBODY });

const allowed = (targets: TermValues["deny"]): TermValues["allow"] =>
  targets.length === 0 ? "everything" : targets;

/** What somebody says; absent where nothing is said. */
type Said = { readonly [Name in TermName]?: { readonly value: TermValues[Name] } | undefined };

const say = <Value>(value: Value | undefined): { readonly value: Value } | undefined =>
  value === undefined ? undefined : { value };

const limitsSaid = (limits: LimitChoice): Said => ({
  memoryBytes: say(limits.memoryBytes),
  memoryMaxBytes: say(limits.memoryMaxBytes),
  swapBytes: say(limits.swapBytes),
  cpus: say(limits.cpus),
  cpusMax: say(limits.cpusMax),
  cpuWeight: say(limits.cpuWeight),
  ioWeight: say(limits.ioWeight),
  tasks: say(limits.tasks),
  diskBytes: say(limits.diskBytes),
  diskMaxBytes: say(limits.diskMaxBytes),
});

/** What a rule says by itself. */
export function saidBy({ refuse, network, allow, deny, ...rest }: RuleConsequences): Said {
  const { loosening, limits } = rest;
  return {
    refuse: refuse === undefined ? undefined : { value: refuse === false ? undefined : refuse },
    network: say(network),
    allow: say(allow && allowed(allow)),
    deny: say(deny),
    ...limitsSaid(limits),
    nesting: say(loosening.nesting),
    devices: say(loosening.devices),
    capabilities: say(loosening.capabilities),
    binds: say(loosening.binds),
    systemCalls: say(loosening.systemCalls),
  };
}

/** What it means behind all that was said before. */
function saidBehind(before: Terms, consequences: RuleConsequences): Said {
  const said = saidBy(consequences);
  const { allow = [], deny = [] } = consequences;
  // Who filters means a network that can be filtered.
  const filters = allow.length > 0 || deny.length > 0;
  const implied = filters && before.network.value === "host" ? "private" : undefined;
  return {
    ...said,
    network: said.network ?? say(implied),
    // What is denied once stays so: a rule for one place must not open another.
    deny: said.deny && say(either(before.deny.value, deny, formatNetworkTarget)),
  };
}

function applyRule(before: Terms, rule: Rule, match: "yes" | "maybe"): Terms {
  const said = saidBehind(before, rule.consequences);
  if (match === "yes") return applySure(before, said, () => formatRule(rule));
  return mapTerms(before, (name, decided) => {
    const other = said[name];
    if (other === undefined) return decided;
    const value = TERMS[name].stricter(decided.value, other.value);
    if (JSON.stringify(value) === JSON.stringify(decided.value)) {
      // Had it been known that the rule is for the job, that might not hold.
      const isLifted = name === "refuse" && value !== undefined && other.value === undefined;
      return isLifted ? { ...decided, unsure: true } : decided;
    }
    return { value, by: `${formatRule(rule)}, which may be for this job`, unsure: true };
  });
}

const applySure = (before: Terms, said: Said, by: (name: TermName) => string): Terms =>
  mapTerms(before, (name, decided) => {
    const other = said[name];
    return other === undefined ? decided : { value: other.value, by: by(name) };
  });

/** `change` for each term. */
function mapTerms(
  terms: Terms,
  change: <Name extends TermName>(
    name: Name,
    decided: Decided<TermValues[Name]>,
  ) => Decided<TermValues[Name]>,
): Terms {
  return {
    refuse: change("refuse", terms.refuse),
    network: change("network", terms.network),
    allow: change("allow", terms.allow),
    deny: change("deny", terms.deny),
    memoryBytes: change("memoryBytes", terms.memoryBytes),
    memoryMaxBytes: change("memoryMaxBytes", terms.memoryMaxBytes),
    swapBytes: change("swapBytes", terms.swapBytes),
    cpus: change("cpus", terms.cpus),
    cpusMax: change("cpusMax", terms.cpusMax),
    cpuWeight: change("cpuWeight", terms.cpuWeight),
    ioWeight: change("ioWeight", terms.ioWeight),
    tasks: change("tasks", terms.tasks),
    diskBytes: change("diskBytes", terms.diskBytes),
    diskMaxBytes: change("diskMaxBytes", terms.diskMaxBytes),
    nesting: change("nesting", terms.nesting),
    devices: change("devices", terms.devices),
    capabilities: change("capabilities", terms.capabilities),
    binds: change("binds", terms.binds),
    systemCalls: change("systemCalls", terms.systemCalls),
  };
}
