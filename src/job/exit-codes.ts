/** From outcome to exit code: the one table, used by `main.ts` alone. */
import { type ErrorKind, RunnerError } from "../text/errors.ts";

export type Outcome = "success" | "script-failed" | ErrorKind | "fault";

/** Without GitLab Runner's variables; with them, the two are what they say. */
const BUILD_FAILURE = 1;
const SYSTEM_FAILURE = 2;

interface ExitCodes {
  readonly buildFailure: number;
  readonly systemFailure: number;
}

/** What GitLab Runner wants to see (`$BUILD_FAILURE_EXIT_CODE`, `$SYSTEM_FAILURE_EXIT_CODE`). */
export function readExitCodes(environment: Readonly<Record<string, string>>): ExitCodes {
  return {
    buildFailure: parseCode(environment.BUILD_FAILURE_EXIT_CODE) ?? BUILD_FAILURE,
    systemFailure: parseCode(environment.SYSTEM_FAILURE_EXIT_CODE) ?? SYSTEM_FAILURE,
  };
}

/**
 * | outcome | code |
 * |---|---|
 * | success | 0 |
 * | a script failed, or only the job's author can mend it | build failure: final |
 * | the host, a wrong command line, a fault of ours | system failure: never the author's fault |
 */
export function exitCodeOf(outcome: Outcome, codes: ExitCodes): number {
  switch (outcome) {
    case "success":
      return 0;
    case "script-failed":
    case "job":
      return codes.buildFailure;
    case "system":
    case "usage":
    case "fault":
      return codes.systemFailure;
  }
}

export function outcomeOf(error: unknown): Outcome {
  if (error instanceof SuppressedError) return outcomeOf(error.suppressed);
  return error instanceof RunnerError ? error.kind : "fault";
}

function parseCode(text: string | undefined): number | undefined {
  const code = Number(text);
  return text !== undefined && Number.isInteger(code) && code >= 1 && code <= 255
    ? code
    : undefined;
}
