/** The environment of every call. Later names win over earlier ones, as they do for a process. */
import { type Build, servicesText } from "./build.ts";

export interface EnvironmentFacts {
  /** Everything in the runner process's own environment. */
  readonly runner: Readonly<Record<string, string>>;
  readonly temporaryDirectory: string;
  readonly exitCodeFile: string;
  readonly jobResponseFile: string;
  readonly jobEnv: Readonly<Record<string, string>>;
  readonly build: Pick<Build, "job" | "variables">;
}

export function callEnvironment(facts: EnvironmentFacts): Record<string, string> {
  const variables = facts.build.variables.map(({ key, value }) => [`CUSTOM_ENV_${key}`, value]);
  return {
    ...facts.runner,
    TMPDIR: facts.temporaryDirectory,
    BUILD_FAILURE_EXIT_CODE: "1",
    SYSTEM_FAILURE_EXIT_CODE: "2",
    BUILD_EXIT_CODE_FILE: facts.exitCodeFile,
    JOB_RESPONSE_FILE: facts.jobResponseFile,
    ...facts.jobEnv,
    ...Object.fromEntries(variables),
    CUSTOM_ENV_CI_JOB_SERVICES: servicesText(facts.build),
  };
}

/** A service manager gives a runner little more than this. */
export function runnerEnvironment(
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const { PATH, HOME, LANG } = process.env;
  return {
    PATH: PATH ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: HOME ?? "/root",
    LANG: LANG ?? "C.UTF-8",
    ...more,
  };
}
