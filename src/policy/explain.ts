/** A decision line by line, for who has written the rules. Pure. */

import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";
import { type Decision, formatRule, saidBy, type Terms } from "./decide.ts";
import { describeMaxima } from "./describe-grant.ts";
import { type DiskKeeper, grantJob } from "./grant.ts";
import type { JobIdentity } from "./job-identity.ts";
import type { JobWishes } from "./job-wishes.ts";
import type { Match, RuleMatch, Subject } from "./match-rule.ts";
import { TERMS, type TermName } from "./terms.ts";

interface GrantFacts {
  /** Throws a job error where the job asks for what is no amount. */
  wishes(): JobWishes;
  /** Nothing where it is not known what keeps limits of the disk. */
  readonly keeper: DiskKeeper | undefined;
}

export function explainDecision(
  subject: Subject,
  { matches, terms }: Decision,
  facts: GrantFacts,
): string {
  return [
    ["Job:", ...describeSubject(subject)],
    ...matches.map(explainRule),
    ...explainGrant(terms, facts),
  ]
    .map(([title, ...lines]) => `${title}\n${lines.map((line) => `  ${line}\n`).join("")}`)
    .join("\n");
}

function describeSubject({ identity, images }: Subject): string[] {
  const names = [...new Set(images)].map((name) => escapeUntrusted(name, 100));
  return [...describeIdentity(identity), row("image", names.join(", which is "))];
}

const UNKNOWN = "not known";

function describeIdentity(identity: JobIdentity): string[] {
  if (identity.kind === "person") return [row("called", "by hand, it is no job")];
  const { project, projectId, user, ref, protected: isProtected } = identity;
  return [
    row("project", project === undefined ? UNKNOWN : escapeUntrusted(project, 100)),
    row("its number", projectId === undefined ? UNKNOWN : String(projectId)),
    row("user", user === undefined ? UNKNOWN : String(user)),
    row(ref?.kind ?? "ref", ref === undefined ? UNKNOWN : escapeUntrusted(ref.name, 100)),
    row("protected", isProtected === undefined ? UNKNOWN : isProtected ? "yes" : "no"),
  ];
}

const TITLES: Readonly<Record<Match, string>> = {
  yes: "is for it:",
  no: "is not for it:",
  maybe: "may be for it, and what it takes away holds:",
};

function explainRule({ rule, match, reasons }: RuleMatch): string[] {
  const said = saidBy(rule.consequences);
  return [
    `${capital(formatRule(rule))} ${TITLES[match]}`,
    ...(reasons.length === 0 ? ["it has no conditions"] : reasons),
    ...(match === "no" ? [] : namesOf(said).map((name) => `→ ${showSaid(said, name)}`)),
  ];
}

function showSaid<Name extends TermName>(said: ReturnType<typeof saidBy>, name: Name): string {
  const { label, show } = TERMS[name];
  const value = said[name];
  return value === undefined ? "" : `${label} = ${show(value.value)}`;
}

function namesOf(said: ReturnType<typeof saidBy>): TermName[] {
  return TERM_NAMES.filter((name) => said[name] !== undefined);
}

const TERM_NAMES = Object.keys(TERMS).filter((name): name is TermName => name in TERMS);

/** In the words that the job's log, or the job's failure, would have. */
function explainGrant(terms: Terms, { wishes, keeper }: GrantFacts): string[][] {
  try {
    const { lines } = grantJob(terms, wishes(), keeper);
    const maxima = describeMaxima(terms);
    return [
      ["Its machine gets:", ...lines],
      ...(maxima.length === 0 ? [] : [["It may ask for:", ...maxima]]),
    ];
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    const whose = error.kind === "job" ? "its author" : "the administrator";
    return [[`It fails, for ${whose} to mend:`, error.message, ...error.hints]];
  }
}

const COLUMN = 15;
const row = (key: string, value: string): string => `${key.padEnd(COLUMN)}${value}`;
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
