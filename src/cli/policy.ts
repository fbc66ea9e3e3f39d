/** `policy`: explains what the rules of the configuration make of a job. */
import { readConfig } from "../config/config.ts";
import { explainPolicy } from "../job/explain-policy.ts";
import { readJobResponse, readJobVariable } from "../job/job-request.ts";
import type { Job } from "../policy/job-identity.ts";
import { WISH_VARIABLES } from "../policy/job-wishes.ts";
import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";
import type { Action } from "./context.ts";
import { requireRoot } from "./machine-name.ts";

interface PolicyOptions {
  readonly job?: string;
  readonly image?: string;
  readonly project?: string;
  readonly projectId?: string;
  readonly user?: string;
  readonly branch?: string;
  readonly tag?: string;
  readonly protected?: boolean;
  readonly memory?: string;
  readonly cpus?: string;
  readonly disk?: string;
}

export const policyAction: Action<[PolicyOptions]> = async ({ host }, options) => {
  // Images, and their limits with them, are for root alone.
  requireRoot(host);
  const config = await readConfig(host);
  const saved = options.job === undefined ? undefined : readJobResponse(host, options.job);
  const image = options.image ?? saved?.image ?? config.defaultImage;
  if (image === undefined) {
    throw new RunnerError({
      kind: "usage",
      message: "The job names no image, and there is no default one.",
      hints: ["Name it: --image NAME."],
    });
  }
  const identity = saved?.identity ?? jobOf(options);
  const variable =
    options.job === undefined ? wishesOf(options) : readJobVariable(host, options.job);
  host.print(await explainPolicy(host, config, { identity, image, variable }));
  return "success";
};

/** What it would set its variables to. */
const wishesOf =
  (options: PolicyOptions) =>
  (name: string): string | undefined =>
    ({
      [WISH_VARIABLES.memory]: options.memory,
      [WISH_VARIABLES.cpus]: options.cpus,
      [WISH_VARIABLES.disk]: options.disk,
    })[name];

/** What is left out is not known. */
function jobOf(options: PolicyOptions): Job {
  const { project, projectId, user, branch, tag, protected: isProtected } = options;
  if (branch !== undefined && tag !== undefined) {
    throw new RunnerError({
      kind: "usage",
      message: "A job runs for a branch or for a tag: give --branch or --tag.",
    });
  }
  const name = branch ?? tag;
  return {
    kind: "job",
    project,
    projectId: parseNumber("--project-id", projectId),
    user: parseNumber("--user", user),
    ref: name === undefined ? undefined : { kind: tag === undefined ? "branch" : "tag", name },
    protected: isProtected,
  };
}

function parseNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined || /^[1-9]\d{0,14}$/.test(text))
    return text === undefined ? undefined : Number(text);
  throw new RunnerError({
    kind: "usage",
    message: `${option} takes GitLab's number, not "${escapeUntrusted(text, 40)}".`,
  });
}
