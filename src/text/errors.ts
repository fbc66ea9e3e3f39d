/**
 * The one error class of the project, and who is to blame in it.
 * Text for people is made in `format-error.ts`; exit codes in `job/exit-codes.ts`.
 */

/**
 * `job`: only the job's author can mend it. `system`: another try or the administrator may.
 * `usage`: the command line is wrong.
 */
export type ErrorKind = "job" | "system" | "usage";

export interface RunnerErrorOptions {
  readonly kind: ErrorKind;
  /** What could not be done, to which object: a full sentence, without its cause. */
  readonly message: string;
  /** What to do: each something one can type, or a setting to change. */
  readonly hints?: readonly string[];
  readonly cause?: unknown;
}

/** An error that a person can act on. Anything else that is thrown is a bug of ours. */
export class RunnerError extends Error {
  override readonly name = "RunnerError";
  readonly kind: ErrorKind;
  readonly hints: readonly string[];

  constructor(options: RunnerErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = options.kind;
    this.hints = options.hints ?? [];
  }
}
