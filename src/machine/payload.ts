/** What runs in a machine. */
export type Payload =
  /** The systemd of its tree, and our agent as a unit of it. */
  | { readonly kind: "system" }
  /** Our agent alone. */
  | { readonly kind: "agent" }
  | Session;

/** What a person does there: their shell, or a command of theirs. The machine ends with it. */
export interface Session {
  readonly kind: "session";
  /** None for a shell. */
  readonly command: readonly string[];
  /** It has a terminal, to which ours is connected; else our stdin, stdout and stderr as they are. */
  readonly terminal: boolean;
  /** It cannot write to its tree. */
  readonly readOnly: boolean;
  /** What is passed on of the person's own environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the machine calls itself. */
  readonly hostName: string;
}
