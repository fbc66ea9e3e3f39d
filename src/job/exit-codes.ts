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

/** The one table: `script/docs` prints it into the reference. */
export const EXIT_CODES = {
  success: { code: "success", means: "What was asked for is done." },
  "script-failed": { code: "buildFailure", means: "A script of the job failed." },
  // Final: GitLab Runner does not try `prepare` again.
  job: {
    code: "buildFailure",
    means: "Only the job's author can mend it, such as an image that does not exist.",
  },
  system: {
    code: "systemFailure",
    means: "The host failed; another try or its administrator may help.",
  },
  usage: { code: "systemFailure", means: "The command line cannot be understood." },
  // A fault of ours never blames the job's author.
  fault: { code: "systemFailure", means: "A fault of nspawn-runner itself." },
} as const satisfies Record<
  Outcome,
  { readonly code: "success" | keyof ExitCodes; readonly means: string }
>;

export function exitCodeOf(outcome: Outcome, codes: ExitCodes): number {
  const { code } = EXIT_CODES[outcome];
  return code === "success" ? 0 : codes[code];
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
