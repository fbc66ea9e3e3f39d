/** What a person may choose, and how they are asked: by whoever has a terminal. */
export interface Choice {
  readonly group: string;
  readonly value: string;
  readonly line: string;
}

export type ChooseOne = (
  message: string,
  choices: readonly Choice[],
  options: { readonly signal: AbortSignal },
) => Promise<string | undefined>;
