/**
 * What GitLab Runner and a machine's unit call again and again, understood without the parser of the
 * command line, which costs a third of such a call. Words alone: what has an option goes the long way,
 * and so does what cannot be understood.
 */
import type { CommandEnd, Context } from "./context.ts";

// biome-ignore lint/suspicious/noExplicitAny: an action is handed what its declaration says
export type AnyAction = (context: Context, ...values: any[]) => Promise<CommandEnd>;

interface Command {
  /** As `program.ts` declares it: its name, then `<needed>` and `[optional]` words. */
  readonly declaration: string;
  /** An action is imported only when it runs. */
  readonly load: () => Promise<AnyAction>;
}

export const STAGES = {
  config: {
    declaration: "config",
    load: async () => (await import("./config.ts")).configAction,
  },
  prepare: {
    declaration: "prepare [image]",
    load: async () => (await import("./prepare.ts")).prepareAction,
  },
  run: {
    declaration: "run <script> [stage]",
    load: async () => (await import("./run.ts")).runAction,
  },
  cleanup: {
    declaration: "cleanup",
    load: async () => (await import("./cleanup.ts")).cleanupAction,
  },
  release: {
    declaration: "internal-release <machine>",
    load: async () => (await import("./release.ts")).releaseAction,
  },
  launch: {
    declaration: "internal-launch <machine>",
    load: async () => (await import("./launch.ts")).launchAction,
  },
  unpack: {
    declaration: "internal-unpack <file>",
    load: async () => (await import("./unpack.ts")).unpackAction,
  },
  ownerGone: {
    declaration: "internal-owner-gone <pid> <ticks>",
    load: async () => (await import("./owner-gone.ts")).ownerGoneAction,
  },
  followNames: {
    declaration: "internal-follow-names",
    load: async () => (await import("./follow-names.ts")).followNamesAction,
  },
  restoreFirewall: {
    declaration: "internal-restore-firewall",
    load: async () => (await import("./restore-firewall.ts")).restoreFirewallAction,
  },
  relieveDisk: {
    declaration: "internal-relieve-disk <root>",
    load: async () => (await import("./relieve-disk.ts")).relieveDiskAction,
  },
  emptyTrash: {
    declaration: "internal-empty-trash <root>",
    load: async () => (await import("./empty-trash.ts")).emptyTrashAction,
  },
} satisfies Record<string, Command>;

interface DirectCall {
  readonly load: Command["load"];
  /** What the action gets behind its context: a word or nothing for each declared one, no options. */
  readonly values: readonly unknown[];
}

const RUNNER_CALLS = ["config", "gitlab-config", "prepare", "run", "cleanup"];

/** Whether this is what GitLab Runner calls for a job. Pure. */
export function isRunnerCall(argv: readonly string[]): boolean {
  return RUNNER_CALLS.includes(argv.find((word) => !word.startsWith("-")) ?? "");
}

/** Pure. Nothing for all that is not a stage with as many plain words as it takes. */
export function parseDirectCall(argv: readonly string[]): DirectCall | undefined {
  const [name, ...words] = argv;
  for (const { declaration, load } of Object.values(STAGES)) {
    const [command, ...parameters] = declaration.split(" ");
    if (command !== name) continue;
    const needed = parameters.filter((parameter) => parameter.startsWith("<"));
    if (words.length < needed.length || words.length > parameters.length) return undefined;
    if (words.some((word) => word === "" || word.startsWith("-"))) return undefined;
    return { load, values: [...parameters.map((_, index) => words[index]), {}] };
  }
  return undefined;
}
