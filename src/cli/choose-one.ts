/** Lets a person at a terminal choose one of several, by arrow keys. */
import select, { Separator } from "@inquirer/select";
import type { Choice } from "../local/choice.ts";

const LINES_MAX = 20;

/** Nothing when they would rather not, as by ^C. What is shown was made safe to show. */
export async function chooseOne(
  message: string,
  choices: readonly Choice[],
  { signal }: { readonly signal: AbortSignal },
): Promise<string | undefined> {
  const groups = [...new Set(choices.map(({ group }) => group))];
  const lines = groups.flatMap((group) => [
    new Separator(group),
    ...choices
      .filter((choice) => choice.group === group)
      .map(({ value, line }) => ({ value, name: line, short: line.trim() })),
  ]);
  try {
    return await select({ message, choices: lines, pageSize: LINES_MAX, loop: false }, { signal });
  } catch (error) {
    if (error instanceof Error && BY_THE_PERSON.has(error.name)) return undefined;
    throw error;
  }
}

/** Errors of the library, by name. */
const BY_THE_PERSON = new Set(["ExitPromptError", "AbortPromptError"]);
