/** Where the words of a job go: a terminal, a pipe, among those of others, or as events. */

export interface JobLog {
  /** Begins a section: of ours, as the preparation, or of the job's own scripts. */
  open(title: string, whose: "ours" | "job's"): OpenSection;
  /** A line of ours. */
  say(text: string): void;
  warn(text: string): void;
}

export interface OpenSection {
  /** What the commands of the section are started with. */
  readonly output:
    | { readonly terminal: "output" }
    | { readonly onOutput: (bytes: Uint8Array) => void };
  end(success: boolean): void;
}

/** As GitLab's log has it, to the hundredth of a second. */
export const formatSeconds = (ms: number): string => `(${(ms / 1000).toFixed(2)} s)`;
