/** What every command gets: the host, and what is worked out from its configuration when asked. */
import type { Host } from "../host/host.ts";
import type { Outcome } from "../job/exit-codes.ts";

/** What a command ends with: an outcome of the exit code table, or a code of its own. */
export type CommandEnd = Outcome | { readonly kind: "code"; readonly code: number };

export interface Context {
  readonly host: Host;
  readonly version: string;
}

/** One file a command: `action` is imported only when the command runs. */
export type Action<Arguments extends readonly unknown[]> = (
  context: Context,
  ...values: Arguments
) => Promise<CommandEnd>;
