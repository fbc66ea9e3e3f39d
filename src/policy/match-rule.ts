/** Whether a rule is for a job, and why. Pure. */
import type { Rule, RuleConditions } from "../config/rule-settings.ts";
import { escapeUntrusted } from "../text/escape.ts";
import { matchesGlob } from "../text/glob.ts";
import type { Job, JobIdentity } from "./job-identity.ts";

export interface Subject {
  readonly identity: JobIdentity;
  /** The names of its image: the one that was asked for, and its own. */
  readonly images: readonly string[];
}

/** "maybe": none of its conditions fails, but a fact that one of them asks for is not known. */
export type Match = "yes" | "no" | "maybe";

interface Verdict {
  readonly match: Match;
  /** Half a sentence. */
  readonly because: string;
}

export interface RuleMatch {
  readonly rule: Rule;
  readonly match: Match;
  /** A line for each condition. */
  readonly reasons: readonly string[];
}

export function matchRule(rule: Rule, subject: Subject): RuleMatch {
  const verdicts = conditionsOf(rule.conditions, subject);
  const matches = verdicts.map(({ match }) => match);
  const worst = matches.includes("no") ? "no" : matches.includes("maybe") ? "maybe" : "yes";
  return { rule, match: worst, reasons: verdicts.map(({ because }) => because) };
}

function conditionsOf(conditions: RuleConditions, { identity, images }: Subject): Verdict[] {
  const { projects, users, branches, tags, protected: isProtected } = conditions;
  const { ref } = identity.kind === "job" ? identity : {};
  return [
    ...(projects === undefined
      ? []
      : [
          verdict(identity, `projects = ${list(projects)}`, projectOf, (job) =>
            fits(job, projects),
          ),
        ]),
    ...(users === undefined
      ? []
      : [
          verdict(
            identity,
            `users = ${list(users)}`,
            ({ user }) => user && `user ${user}`,
            ({ user }) => user && users.includes(user),
          ),
        ]),
    ...refVerdicts("branch", branches),
    ...refVerdicts("tag", tags),
    ...(isProtected === undefined
      ? []
      : [
          verdict(
            identity,
            `protected = ${isProtected}`,
            (job) =>
              job.protected === undefined
                ? undefined
                : `its ${ref?.kind ?? "ref"} is ${job.protected ? "" : "not "}protected`,
            (job) => (job.protected === undefined ? undefined : job.protected === isProtected),
          ),
        ]),
    ...(conditions.images === undefined ? [] : [imageVerdict(images, conditions.images)]),
  ];

  function refVerdicts(kind: "branch" | "tag", globs: readonly string[] | undefined): Verdict[] {
    if (globs === undefined) return [];
    const shown = `${kind === "tag" ? "tags" : "branches"} = ${list(globs)}`;
    return [
      verdict(
        identity,
        shown,
        (job) => job.ref && `${job.ref.kind} ${quote(job.ref.name)}`,
        (job) => job.ref && job.ref.kind === kind && matchesAny(globs, job.ref.name),
      ),
    ];
  }
}

/** Of a condition on the job itself: `fact` and `holds` are nothing where what they need is not known. */
function verdict(
  identity: JobIdentity,
  condition: string,
  fact: (job: Job) => string | undefined | 0,
  holds: (job: Job) => boolean | undefined | 0,
): Verdict {
  if (identity.kind === "person") {
    return { match: "no", because: `${condition}: no, this is a call by hand and no job` };
  }
  const held = holds(identity);
  const match = held === true ? "yes" : held === false ? "no" : "maybe";
  return { match, because: `${condition}: ${match}, ${fact(identity) || "it is not known"}` };
}

const projectOf = ({ project, projectId }: Job): string | undefined => {
  const number = projectId === undefined ? undefined : `number ${projectId}`;
  const path = project === undefined ? undefined : `project ${quote(project)}`;
  return [path, number].filter((part) => part !== undefined).join(", ");
};

/**
 * GitLab takes no two paths that differ in case alone, and who owns a project may change the case:
 * it must not lead out of a rule.
 */
function fits(
  { project, projectId }: Job,
  wanted: readonly (string | number)[],
): boolean | undefined {
  const numbers = wanted.filter((one) => typeof one === "number");
  const globs = wanted.filter((one) => typeof one === "string").map((one) => one.toLowerCase());
  if (projectId !== undefined && numbers.includes(projectId)) return true;
  if (project !== undefined && matchesAny(globs, project.toLowerCase())) return true;
  const asksUnknown =
    (numbers.length > 0 && projectId === undefined) || (globs.length > 0 && project === undefined);
  return asksUnknown ? undefined : false;
}

function imageVerdict(images: readonly string[], globs: readonly string[]): Verdict {
  const match = images.some((image) => matchesAny(globs, image)) ? "yes" : "no";
  const names = [...new Set(images)].map(quote).join(", its name is ");
  return { match, because: `images = ${list(globs)}: ${match}, image ${names}` };
}

const matchesAny = (globs: readonly string[], name: string): boolean =>
  globs.some((glob) => matchesGlob(glob, name));

const quote = (name: string): string => `"${escapeUntrusted(name, 100)}"`;

const list = (values: readonly (string | number)[]): string => JSON.stringify(values);
