/** Tidying, as apart from doing: what must not decide how a command ends. */
import { formatError } from "./format-error.ts";

/**
 * Does it; a failure is told as a warning. `what` is half a sentence: "remove old generations".
 * Resolves to whether it was done.
 */
export async function onlyWarn(
  log: { warn(text: string): void },
  what: string,
  act: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    log.warn(`Cannot ${what}. ${formatError(error, { debug: false })}`);
    return false;
  }
}
