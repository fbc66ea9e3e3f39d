/** What may stand in a `[[rule]]` of `config.toml`: for which jobs it is, and what follows. */
import * as v from "valibot";
import type { Loosening } from "../machine/loosening.ts";
import type { NetworkTarget } from "../network/network-target.ts";
import type { LimitChoice } from "./limit-choice.ts";
import { chooseLimits } from "./limit-choice.ts";
import { looseningEntries } from "./loosening-settings.ts";
import { imageFault, pattern, patterns, projectFault, refFault } from "./patterns.ts";
import {
  limitEntries,
  line,
  type NetworkKind,
  networkKind,
  networkTargets,
  ONCE,
  once,
} from "./values.ts";

const number = v.pipe(v.number(), v.integer(), v.minValue(1));
const projectOrNumber = v.lazy((input) =>
  typeof input === "number" ? number : pattern(projectFault),
);

/** All of those that are there must hold. Titles and descriptions are the reference (`script/docs`). */
export const conditionEntries = {
  projects: v.optional(
    v.pipe(
      v.array(projectOrNumber),
      v.minLength(1, "must hold at least one: a rule for nothing is of no use"),
      v.check(once, ONCE),
      v.title("list of patterns and numbers"),
      v.description(
        "Projects, by full path, such as `group/app` or `group/**` (case is ignored), or by GitLab's number.",
      ),
    ),
  ),
  users: v.optional(
    v.pipe(
      v.array(number),
      v.minLength(1, "must hold at least one: a rule for nobody is of no use"),
      v.check(once, ONCE),
      v.title("list of numbers"),
      v.description("Who started the job, by GitLab's number of the user: a job can forge names."),
    ),
  ),
  branches: v.optional(
    v.pipe(
      patterns(refFault("heads")),
      v.description(
        "Branches that the job runs for. Those of merge requests are `refs/merge-requests/…`.",
      ),
    ),
  ),
  tags: v.optional(
    v.pipe(patterns(refFault("tags")), v.description("Git tags that the job runs for.")),
  ),
  protected: v.optional(
    v.pipe(
      v.boolean(),
      v.title("true or false"),
      v.description("Whether the project protects that branch or tag."),
    ),
  ),
  images: v.optional(
    v.pipe(
      patterns(imageFault),
      v.description("Images, by the name that the job asks for or by their own."),
    ),
  ),
};

export const consequenceEntries = {
  refuse: v.optional(
    v.pipe(
      v.union([line, v.literal(false)], "must be the reason, a text, or false"),
      v.title("the reason, or false"),
      v.description("Refuses the job; `false` takes back what an earlier rule has refused."),
    ),
  ),
  network: v.optional(
    v.pipe(networkKind, v.description("What the machine has for a network, as the setting.")),
  ),
  network_allow: v.optional(
    v.pipe(
      networkTargets("allow"),
      v.description("All that it reaches, instead of the setting's; everything when empty."),
    ),
  ),
  network_deny: v.optional(
    v.pipe(
      networkTargets("deny"),
      v.description("What it never reaches, besides what is denied already."),
    ),
  ),
  ...limitEntries,
  ...looseningEntries,
};

const CONSEQUENCES = Object.keys(consequenceEntries);

export const ruleEntries = {
  name: v.optional(
    v.pipe(
      line,
      v.title("text"),
      v.description("What messages call the rule, besides its number."),
    ),
  ),
  ...conditionEntries,
  ...consequenceEntries,
};

const strictRule = v.strictObject(ruleEntries);

export const ruleSchema = v.pipe(
  strictRule,
  v.check(
    (rule) => CONSEQUENCES.some((key) => key in rule),
    "says nothing of what follows, such as refuse, network or memory",
  ),
  v.check(
    (rule) => rule.network === undefined || rule.network === "private" || !hasTargets(rule),
    'filters nothing by network_allow and network_deny: they need network = "private"',
  ),
  v.check(
    (rule) => rule.branches === undefined || rule.tags === undefined,
    "is for no job: none runs for a branch and a tag at once",
  ),
);

type RuleSettings = v.InferOutput<typeof strictRule>;

const hasTargets = (rule: {
  readonly network_allow?: readonly NetworkTarget[] | undefined;
  readonly network_deny?: readonly NetworkTarget[] | undefined;
}): boolean => [rule.network_allow, rule.network_deny].some((list) => (list ?? []).length > 0);

export interface RuleConditions {
  readonly projects?: readonly (string | number)[] | undefined;
  readonly users?: readonly number[] | undefined;
  readonly branches?: readonly string[] | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly protected?: boolean | undefined;
  readonly images?: readonly string[] | undefined;
}

/** What is absent stays as it was. */
export interface RuleConsequences {
  readonly refuse?: string | false | undefined;
  readonly network?: NetworkKind | undefined;
  readonly allow?: readonly NetworkTarget[] | undefined;
  readonly deny?: readonly NetworkTarget[] | undefined;
  readonly limits: LimitChoice;
  readonly loosening: { readonly [Key in keyof Loosening]?: Loosening[Key] | undefined };
}

export interface Rule {
  /** Its place among all, from 1. */
  readonly number: number;
  readonly name: string | undefined;
  readonly conditions: RuleConditions;
  readonly consequences: RuleConsequences;
}

export function toRule(settings: RuleSettings, index: number): Rule {
  const { projects, users, branches, tags, images } = settings;
  return {
    number: index + 1,
    name: settings.name,
    conditions: { projects, users, branches, tags, protected: settings.protected, images },
    consequences: {
      refuse: settings.refuse,
      network: settings.network,
      allow: settings.network_allow,
      deny: settings.network_deny,
      limits: chooseLimits("", settings),
      loosening: {
        nesting: settings.nesting,
        devices: settings.devices,
        capabilities: settings.capabilities,
        binds: settings.binds,
        systemCalls: settings.system_calls,
      },
    },
  };
}
