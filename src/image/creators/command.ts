/** A root file system made by a command of the definition's author. */
import * as v from "valibot";
import type { CreateContext, Creator } from "./creator.ts";
import { byForm, hostPath } from "./options.ts";

type Options =
  | { readonly kind: "shell"; readonly text: string }
  | { readonly kind: "argv"; readonly argv: readonly [string, ...string[]] };

/** exec(3) takes no NUL. */
const argument = v.pipe(v.string("must be a text"), v.regex(/^[^\0]*$/, "must hold no NUL"));

const filled = (message: string) =>
  v.pipe(v.string(message), v.regex(/^[^\0]*[^\0\s][^\0]*$/, message));

const shell = v.pipe(
  filled("must be a text that is not empty"),
  v.description("Text for bash -euo pipefail; $1 is the directory to fill"),
  v.transform((text): Options => ({ kind: "shell", text })),
);

const argv = v.pipe(
  v.tupleWithRest(
    [filled("must be a program")],
    argument,
    "must be a text for the shell, or a list of a program and its arguments",
  ),
  v.description("A program and its arguments; the directory to fill is added as the last"),
  v.transform((list): Options => ({ kind: "argv", argv: list })),
);

export const command: Creator<Options> = {
  title: "a command of your own that fills a directory",
  schema: byForm<Options>([shell, argv]),
  version: 1,
  tools: (chosen) => (chosen.kind === "shell" ? [{ command: "bash", debian: "bash" }] : []),
  // Nobody knows, and a stale image is worse than one that was made for nothing.
  rolling: () => true,
  installsPackages: () => false,
  // The text itself is in the definition.
  inputs: (chosen, { directory }) =>
    chosen.kind === "argv" && chosen.argv[0].includes("/")
      ? [hostPath(directory, chosen.argv[0])]
      : [],
  parent: () => undefined,
  plan: (chosen, context) => {
    const run = {
      kind: "run",
      environment: commandEnvironment(context),
      workingDirectory: context.directory,
    } as const;
    if (chosen.kind === "argv") {
      const [program, ...rest] = chosen.argv;
      // A program without a slash is looked for in PATH.
      const found = program.includes("/") ? hostPath(context.directory, program) : program;
      return [{ ...run, argv: [found, ...rest, context.tree] }];
    }
    // A file, because one argument of a command holds 128 KiB at most (execve(2)).
    const script = `${context.work}/create.sh`;
    return [
      { kind: "write", path: script, text: chosen.text, mode: 0o600 },
      { ...run, argv: ["bash", "-euo", "pipefail", script, context.tree] },
    ];
  },
};

/** The text for the shell, where that is how an image is created. */
export function commandText({ kind, options }: { kind: string; options: unknown }) {
  const chosen = kind === "command" ? v.safeParse(shellOptions, options) : undefined;
  return chosen?.success === true ? chosen.output.text : undefined;
}

const shellOptions = v.object({ kind: v.literal("shell"), text: v.string() });

/** What the command is told besides the tree. */
const commandEnvironment = (context: CreateContext): Readonly<Record<string, string>> => ({
  NSPAWN_RUNNER_TARGET: context.tree,
  NSPAWN_RUNNER_IMAGE: context.name,
  NSPAWN_RUNNER_WORK: context.work,
  NSPAWN_RUNNER_DEFINITION_DIRECTORY: context.directory,
});
