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
  const { projects, users, branches, tags, protected: wanted, images: named } = conditions;
  const asked: (Verdict | undefined)[] = [
    projects && ofJob(identity, `projects = ${list(projects)}`, (job) => askProject(job, projects)),
    users && ofJob(identity, `users = ${list(users)}`, (job) => askUser(job, users)),
    branches &&
      ofJob(identity, `branches = ${list(branches)}`, (job) => askRef(job, "branch", branches)),
    tags && ofJob(identity, `tags = ${list(tags)}`, (job) => askRef(job, "tag", tags)),
    wanted === undefined
      ? undefined
      : ofJob(identity, `protected = ${wanted}`, (job) => askProtected(job, wanted)),
    named && imageVerdict(images, named),
  ];
  return asked.filter((verdict) => verdict !== undefined);
}

/** What a job has to say of a condition: both are nothing where it is not known. */
interface Answer {
  readonly holds: boolean | undefined;
  readonly fact: string | undefined;
}

function ofJob(identity: JobIdentity, condition: string, ask: (job: Job) => Answer): Verdict {
  if (identity.kind === "person") {
    return { match: "no", because: `${condition}: no, this is a call by hand and no job` };
  }
  const { holds, fact = "it is not known" } = ask(identity);
  const match = holds === undefined ? "maybe" : holds ? "yes" : "no";
  return { match, because: `${condition}: ${match}, ${fact}` };
}

/**
 * GitLab takes no two paths that differ in case alone, and who owns a project may change the case:
 * it must not lead out of a rule.
 */
function askProject({ project, projectId }: Job, wanted: readonly (string | number)[]): Answer {
  const numbers = wanted.filter((one) => typeof one === "number");
  const globs = wanted.filter((one) => typeof one === "string").map((one) => one.toLowerCase());
  const facts = [
    ...(project === undefined ? [] : [`project ${quote(project)}`]),
    ...(projectId === undefined ? [] : [`number ${projectId}`]),
  ];
  const isNumbered = projectId !== undefined && numbers.includes(projectId);
  const isNamed = project !== undefined && matchesAny(globs, project.toLowerCase());
  const asksUnknown =
    (numbers.length > 0 && projectId === undefined) || (globs.length > 0 && project === undefined);
  return {
    holds: isNumbered || isNamed ? true : asksUnknown ? undefined : false,
    fact: facts.length === 0 ? undefined : facts.join(", "),
  };
}

const askUser = ({ user }: Job, wanted: readonly number[]): Answer => ({
  holds: user === undefined ? undefined : wanted.includes(user),
  fact: user === undefined ? undefined : `user ${user}`,
});

const askRef = ({ ref }: Job, kind: "branch" | "tag", globs: readonly string[]): Answer => ({
  holds: ref === undefined ? undefined : ref.kind === kind && matchesAny(globs, ref.name),
  fact: ref === undefined ? undefined : `${ref.kind} ${quote(ref.name)}`,
});

function askProtected({ protected: is, ref }: Job, wanted: boolean): Answer {
  if (is === undefined) return { holds: undefined, fact: undefined };
  return {
    holds: is === wanted,
    fact: `its ${ref?.kind ?? "ref"} is ${is ? "" : "not "}protected`,
  };
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
