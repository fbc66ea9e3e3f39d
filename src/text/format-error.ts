/** Errors as text for people: what / why / what to do. The only place that walks a chain of causes. */
import { RunnerError } from "./errors.ts";

/**
 * The lines for one error. A `SuppressedError` (body and clean-up both failed) shows the body's
 * error first. Stacks are shown only with `debug`.
 */
export function formatError(error: unknown, options: { readonly debug: boolean }): string {
  if (error instanceof SuppressedError) {
    const cleanUp = formatError(error.error, options);
    return `${formatError(error.suppressed, options)}\nWhile cleaning up after it: ${cleanUp}`;
  }
  const lines: string[] = [];
  const [first, ...causes] = chain(error);
  if (first instanceof RunnerError) lines.push(`ERROR: ${first.message}`);
  else {
    lines.push(`ERROR: Fault in nspawn-runner itself: ${messageOf(first)}`);
    if (!options.debug) lines.push("Hint: run again with --debug and report what it prints.");
  }
  for (const cause of causes) lines.push(`Why: ${messageOf(cause)}`);
  for (const hint of hintsOf(error)) lines.push(`Hint: ${hint}`);
  if (options.debug && error instanceof Error && error.stack) lines.push(error.stack);
  return lines.join("\n");
}

const CAUSES_MAX = 8;

function chain(error: unknown): unknown[] {
  const links: unknown[] = [error];
  let link = error;
  while (link instanceof Error && link.cause !== undefined && links.length < CAUSES_MAX) {
    link = link.cause;
    links.push(link);
  }
  return links;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function hintsOf(error: unknown): readonly string[] {
  return chain(error).flatMap((link) => (link instanceof RunnerError ? link.hints : []));
}
