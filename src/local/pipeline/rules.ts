/**
 * Whether a job, or the pipeline, is there: `rules`, and the older `only` and `except`. As GitLab
 * decides it, for the pipeline that we pretend to be. Pure.
 */
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";
import { expandKnown, type Variables } from "../variables/expand.ts";
import type { DeclaredJob, Policy, Rule, When } from "./declared-pipeline.ts";
import { isTrue } from "./expression.ts";
import { matchesAny } from "./path-patterns.ts";

/** What rules ask for besides variables. */
export interface RuleFacts {
  readonly ref: string;
  readonly kind: "branch" | "tag" | "merge_request";
  /** `CI_PIPELINE_SOURCE`. */
  readonly source: string;
  readonly projectPath: string;
  /** Of the commit. */
  readonly files: readonly string[];
  /** What the push or merge request changes; nothing where GitLab cannot tell, as for a tag. */
  readonly changedFiles: readonly string[] | undefined;
  /** What differs from a ref that a `changes: compare_to` names. */
  readonly changedSince: Readonly<Record<string, readonly string[]>>;
}

export interface Verdict {
  readonly when: When;
  readonly rule: Rule | undefined;
}

/** Of several rules the first that matches; without one, never. */
export function evaluateRules(
  rules: readonly Rule[],
  otherwise: When,
  { facts, variables }: { readonly facts: RuleFacts; readonly variables: Variables },
): Verdict {
  const rule = rules.find((each) => isMatch(each, facts, variables));
  return { when: rule === undefined ? "never" : (rule.when ?? otherwise), rule };
}

function isMatch(rule: Rule, facts: RuleFacts, variables: Variables): boolean {
  const paths = (patterns: readonly string[]) =>
    patterns.map((pattern) => expandKnown(pattern, variables));
  if (rule.if !== undefined && !isTrue(rule.if, variables)) return false;
  if (rule.changes !== undefined) {
    const { paths: patterns, compare_to: ref } = rule.changes;
    const changed = ref === undefined ? facts.changedFiles : changedSince(ref, facts, variables);
    if (changed !== undefined && !matchesAny(paths(patterns), changed)) return false;
  }
  if (rule.exists !== undefined) {
    if (rule.exists.project !== undefined) {
      throw new RunnerError({
        kind: "usage",
        message: `A rule asks for files of the project "${escapeUntrusted(rule.exists.project, 80)}", which are not here.`,
      });
    }
    if (!matchesAny(paths(rule.exists.paths), facts.files)) return false;
  }
  return true;
}

function changedSince(ref: string, facts: RuleFacts, variables: Variables): readonly string[] {
  const expanded = expandKnown(ref, variables);
  const found = facts.changedSince[expanded];
  if (found !== undefined) return found;
  throw new RunnerError({
    kind: "usage",
    message: `A rule compares with "${escapeUntrusted(expanded, 80)}", which is no ref of this repository.`,
    hints: ["Fetch it, as by git fetch origin."],
  });
}

/** Refs that rules compare with, as they are written. */
export const comparedRefs = (rules: readonly Rule[]): readonly string[] =>
  rules.flatMap((rule) => rule.changes?.compare_to ?? []);

/** docs.gitlab.com, "only / except": without either, a job is there for branches and tags. */
export function evaluatePolicies(
  job: Pick<DeclaredJob, "only" | "except">,
  facts: RuleFacts,
  variables: Variables,
): boolean {
  const only = job.only ?? { refs: ["branches", "tags"] };
  // Each key of "only" has to hold; one of "except" is enough.
  const wanted = holds({ refs: ["branches", "tags"], ...only }, facts, variables).every(Boolean);
  const { except } = job;
  const unwanted = !!except && holds(except, facts, variables).some(Boolean);
  return wanted && !unwanted;
}

function holds(policy: Policy, facts: RuleFacts, variables: Variables): readonly boolean[] {
  const { refs, variables: conditions, changes, kubernetes } = policy;
  return [
    // There is no cluster here.
    ...(kubernetes === undefined ? [] : [false]),
    ...(refs === undefined ? [] : [refs.some((ref) => isRef(ref, facts))]),
    ...(conditions === undefined ? [] : [conditions.some((each) => isTrue(each, variables))]),
    ...(changes === undefined
      ? []
      : [facts.changedFiles === undefined || matchesAny(changes, facts.changedFiles)]),
  ];
}

/** `CI_PIPELINE_SOURCE` → what `only` calls it. */
const SOURCES: Readonly<Record<string, string>> = {
  api: "api",
  merge_request_event: "merge_requests",
  push: "pushes",
  schedule: "schedules",
  trigger: "triggers",
  web: "web",
};

function isRef(pattern: string, facts: RuleFacts): boolean {
  const [name = "", path] = pattern.split(/@(.*)/s, 2);
  if (path !== undefined && path !== facts.projectPath) return false;
  if (name === "tags") return facts.kind === "tag";
  if (name === "branches") return facts.kind === "branch";
  if (name === SOURCES[facts.source]) return true;
  if (name.startsWith("/")) return isTrue(`$REF =~ ${name}`, { REF: facts.ref });
  return name === facts.ref;
}
