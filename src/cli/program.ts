/** The command line: what there is, its help and examples. Actions are imported when they run. */
import { Command, CommanderError, Help } from "commander";
import { RECEIVE_ARTIFACTS } from "../local/artifacts/receive-command.ts";
import { RunnerError } from "../text/errors.ts";
import { nearestName } from "../text/nearest.ts";
import type { CommandEnd, Context } from "./context.ts";
import { type AnyAction, STAGES } from "./direct-call.ts";
import { expandImageWords, IMAGE_WORDS_HELP } from "./image-words.ts";

interface ProgramOptions {
  readonly version: string;
  /** Called once, with the options that every command has, before its action. */
  readonly open: (options: { readonly verbose: boolean; readonly debug: boolean }) => Context;
  readonly writeOut: (text: string) => void;
}

/**
 * Parses `words` (without program name), runs the command and resolves to its end. Throws a usage
 * error for what cannot be understood.
 */
export async function runProgram(
  words: readonly string[],
  options: ProgramOptions,
): Promise<CommandEnd> {
  const argv = expandImageWords(words);
  let end: CommandEnd = "success";
  const program = buildProgram(options, (ended) => {
    end = ended;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return "success";
    throw usageError(program, error, argv);
  }
  return end;
}

/** All commands, their help and examples; `onEnd` is told how the one that ran has ended. */
export function buildProgram(options: ProgramOptions, onEnd: (end: CommandEnd) => void): Command {
  const program = new Command("nspawn-runner")
    .description("GitLab CI jobs in real, throw-away Linux machines with systemd inside.")
    .version(options.version)
    .configureHelp({
      sortSubcommands: false,
      subcommandTerm: (command) => new Help().subcommandTerm(command),
    })
    .configureOutput({ writeOut: options.writeOut, writeErr: () => {} })
    .enablePositionalOptions()
    .showSuggestionAfterError(false)
    .exitOverride();
  withCommonOptions(program);
  program.addHelpText("after", IMAGE_WORDS_HELP);

  const add = (
    nameAndArguments: string,
    description: string,
    details: {
      readonly load: () => Promise<AnyAction>;
      readonly examples?: readonly string[];
      readonly hidden?: boolean;
    },
  ): Command => {
    const command = program
      .command(nameAndArguments, { hidden: details.hidden ?? false })
      .description(description)
      .exitOverride();
    withCommonOptions(command);
    if (details.examples) {
      command.addHelpText(
        "after",
        `\nExamples:\n${details.examples.map((line) => `  ${line}`).join("\n")}`,
      );
    }
    return command.action(async (...values: unknown[]) => {
      // Commander appends the command itself, which actions have no use for.
      const words = values.slice(0, -1);
      const common = { ...program.opts(), ...command.opts() };
      const context = options.open({
        verbose: common.verbose === true,
        debug: common.debug === true,
      });
      const action = await details.load();
      onEnd(await action(context, ...words));
    });
  };

  addStages(add);
  addImages(add);
  addTools(add);
  return program;
}

type Add = (
  nameAndArguments: string,
  description: string,
  details: {
    readonly load: () => Promise<AnyAction>;
    readonly examples?: readonly string[];
    readonly hidden?: boolean;
  },
) => Command;

function withCommonOptions(command: Command): void {
  command
    .option("-v, --verbose", "say what is being done")
    .option("--debug", "show every command, decision and stack trace");
}

const DEFAULT_IMAGE = ["--default-image <name>", "the image of jobs that name none"] as const;
const JOBS = ["--jobs <count>", "how many to build at once (default: 2)"] as const;
const ID = ["--id <name>", "the machine, when not called by GitLab Runner"] as const;

function addStages(add: Add): void {
  add(STAGES.config.declaration, "stage: print the job's configuration for GitLab Runner", {
    load: STAGES.config.load,
    examples: ["nspawn-runner config --default-image trixie"],
  })
    .alias("gitlab-config")
    .option(...DEFAULT_IMAGE);
  add(STAGES.prepare.declaration, "stage: clone an image and boot the job's machine", {
    load: STAGES.prepare.load,
    examples: [
      "nspawn-runner prepare --default-image trixie",
      "nspawn-runner prepare --id try1 trixie",
      "nspawn-runner prepare --dry-run trixie",
    ],
  })
    .option(...ID)
    .option(...DEFAULT_IMAGE)
    .option("--packages <names>", "add these packages to the image (as a job's NSPAWN_PACKAGES)")
    .option("--dry-run", "print what would be started, and do nothing");
  add(STAGES.run.declaration, "stage: run a script in the job's machine", {
    load: STAGES.run.load,
    examples: ["nspawn-runner run --id try1 ./script.sh"],
  }).option(...ID);
  add(STAGES.cleanup.declaration, "stage: end the job's machine and remove every trace of it", {
    load: STAGES.cleanup.load,
    examples: ["nspawn-runner cleanup --id try1"],
  }).option(...ID);
}

function addImages(add: Add): void {
  add(
    "chroot-create [names...]",
    "create images: the declared ones that are missing, or one more",
    {
      load: async () => (await import("./chroot-create.ts")).chrootCreateAction,
      examples: [
        "nspawn-runner chroot-create",
        "nspawn-runner chroot-create trixie",
        "nspawn-runner chroot-create stable --suite bookworm",
      ],
    },
  )
    .option("--suite <suite>", "the Debian suite, for one without a definition (default: its name)")
    .option(...JOBS)
    .option("--json", "print JSON");
  add("chroot-maintenance [names...]", "bring declared images up to date", {
    load: async () => (await import("./chroot-maintenance.ts")).chrootMaintenanceAction,
    examples: [
      "nspawn-runner chroot-maintenance",
      "nspawn-runner chroot-maintenance trixie --check",
      "nspawn-runner chroot-maintenance trixie -- --tags web -v",
    ],
  })
    .option("--check", "only say what would be done, and why")
    .option("--force", "also where nothing has changed")
    .option(...JOBS)
    .option("--json", "print JSON");
  add("chroot-login <name> [command...]", "change an image by a shell in a copy of it", {
    load: async () => (await import("./chroot-login.ts")).chrootLoginAction,
    examples: [
      "nspawn-runner chroot-login trixie",
      "nspawn-runner chroot-login trixie -- apt-get install -y cmake",
      "nspawn-runner chroot-login trixie --read-only",
    ],
  })
    .option("--discard", "throw the changes away, whatever the exit code")
    .option("--read-only", "only look: nothing can be written");
  add("chroot-list [names...]", "list the images, or the generations of some", {
    load: async () => (await import("./chroot-list.ts")).chrootListAction,
    examples: ["nspawn-runner chroot-list", "nspawn-runner chroot-list trixie"],
  })
    .option("--generations", "the generations of all")
    .option("--json", "print JSON");
  add("chroot-lint [names...]", "check definitions of images, all or these names or files", {
    load: async () => (await import("./chroot-lint.ts")).chrootLintAction,
    examples: ["nspawn-runner chroot-lint", "nspawn-runner chroot-lint ./trixie.yaml --json"],
  }).option("--json", "print JSON");
  addGenerations(add);
}

function addGenerations(add: Add): void {
  add("chroot-rollback <name> [version]", "make an older generation the current one", {
    load: async () => (await import("./chroot-rollback.ts")).chrootRollbackAction,
    examples: ["nspawn-runner chroot-rollback trixie"],
  });
  add("chroot-pin <name> [version]", "keep a generation from being removed or replaced", {
    load: async () => (await import("./chroot-pin.ts")).chrootPinAction,
    examples: ["nspawn-runner chroot-pin trixie", "nspawn-runner chroot-pin trixie --remove"],
  }).option("--remove", "take the pin away");
  add("chroot-remove <name> [version]", "remove an image, or one generation of it", {
    load: async () => (await import("./chroot-remove.ts")).chrootRemoveAction,
    examples: ["nspawn-runner chroot-remove old-stable"],
  });
  add("chroot-diff <name> <from> [to]", "show what changed between two generations", {
    load: async () => (await import("./chroot-diff.ts")).chrootDiffAction,
    examples: ["nspawn-runner chroot-diff trixie 20261123T020000-abcd --packages"],
  })
    .option("--packages", "only packages, no files")
    .option("--json", "print JSON");
}

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

function addTools(add: Add): void {
  addExec(add);
  add("toml [image]", "print the [[runners]] section for GitLab Runner's config.toml", {
    load: async () => (await import("./toml.ts")).tomlAction,
    examples: ["nspawn-runner toml trixie --url https://gitlab.example.com/ --token-file token"],
  })
    .option("--url <url>", "the GitLab server")
    .option("--token-file <file>", "the file that holds the runner's authentication token")
    .option("--token <token>", "the token itself, which everybody on this host can read meanwhile");
  add("policy", "explain what the rules of config.toml make of a job", {
    load: async () => (await import("./policy.ts")).policyAction,
    examples: [
      "nspawn-runner policy --image trixie --project group/app --branch main --protected",
      "nspawn-runner policy --job ./response.json",
    ],
  })
    .option(
      "--job <file>",
      "a job response that was kept ($JOB_RESPONSE_FILE), instead of the rest",
    )
    .option("--image <name>", "the image that the job asks for")
    .option("--project <path>", "the full path of its project; what is left out is not known")
    .option("--project-id <number>", "GitLab's number of the project")
    .option("--user <number>", "GitLab's number of who started it")
    .option("--branch <name>", "the branch that it runs for")
    .option("--tag <name>", "the git tag that it runs for")
    .option("--protected", "that branch or tag is protected")
    .option("--no-protected", "it is not")
    .option("--memory <size>", "what it asks for by NSPAWN_MEMORY")
    .option("--cpus <number>", "by NSPAWN_CPUS")
    .option("--disk <size>", "by NSPAWN_DISK");
  add("gc", "remove what crashes left, and make the firewall again where it was removed", {
    load: async () => (await import("./gc.ts")).gcAction,
    examples: ["nspawn-runner gc", "nspawn-runner gc --dry-run"],
  }).option("--dry-run", "print what would be done, and what cannot be deleted, and do nothing");
  add(STAGES.release.declaration, "ExecStopPost of a machine's unit", {
    load: STAGES.release.load,
    hidden: true,
  });
  add(`${RECEIVE_ARTIFACTS} <directory> <bytes>`, "takes artifacts from stdin, for exec", {
    load: async () => (await import("./receive-artifacts.ts")).receiveArtifactsAction,
    hidden: true,
  });
  add(STAGES.launch.declaration, "ExecStart of a machine with a layered clone", {
    load: STAGES.launch.load,
    hidden: true,
  });
  add(STAGES.ownerGone.declaration, "what a unit that waits for the end of machines' owner does", {
    load: STAGES.ownerGone.load,
    hidden: true,
  });
  add(STAGES.followNames.declaration, "what a timer does while machines reach places by name", {
    load: STAGES.followNames.load,
    hidden: true,
  });
  add(STAGES.restoreFirewall.declaration, "what a unit does when the firewall was loaded anew", {
    load: STAGES.restoreFirewall.load,
    hidden: true,
  });
  add(STAGES.relieveDisk.declaration, "what a unit does that has found the disk full", {
    load: STAGES.relieveDisk.load,
    hidden: true,
  });
  add(STAGES.emptyTrash.declaration, "what the unit does that deletes trees", {
    load: STAGES.emptyTrash.load,
    hidden: true,
  });
}

function addExec(add: Add): void {
  add("exec [jobs...]", "run jobs of the local .gitlab-ci.yml, from the committed state", {
    load: async () => (await import("./exec.ts")).execAction,
    examples: [
      "nspawn-runner exec",
      "nspawn-runner exec test",
      "nspawn-runner exec --image trixie build test",
      "nspawn-runner exec --all --worktree",
    ],
  })
    .option("--stage <name>", "run the jobs of this stage")
    .option("--from <job>", "run this job and all that come after it")
    .option("--all", "run the whole pipeline")
    .option("--image <name>", "use this image instead of the job's")
    .option("--variable <key=value>", "set a variable of the jobs (may be given again)", collect)
    .option("--variables-file <file>", "set those of a file: lines of KEY=VALUE, or YAML")
    .option("--event <event>", "pretend to be a pipeline of push, tag, merge_request or schedule")
    .option("--branch <name>", "pretend that the commit is on this branch")
    .option("--worktree", "take the work tree as it is, uncommitted changes and new files too")
    .option("--keep", "keep the machine of a job that has failed, until ^C")
    .option("--shell-on-failure", "a shell in the machine of a job that has failed")
    .option("--json", "print events as JSON, one a line")
    .option("--artifacts <directory>", "put the jobs' artifacts there")
    .option("--artifacts-size <size>", "how large they, or a cache, may be (default: 1G)");
}

function usageError(program: Command, error: CommanderError, argv: readonly string[]): RunnerError {
  const message = error.message.replace(/^error: /, "");
  const word = /'([^']*)'/.exec(message)?.[1] ?? "";
  const command = program.commands.find((known) => argv.includes(known.name()));
  const commands = program.commands
    .map((known) => known.name())
    .filter((name) => !name.startsWith("internal-"));
  const flags = (command ?? program).options.map((option) => option.long ?? "");
  const near =
    error.code === "commander.unknownOption"
      ? nearestName(word, flags)
      : error.code === "commander.unknownCommand"
        ? nearestName(word, commands)
        : undefined;
  return new RunnerError({
    kind: "usage",
    message:
      error.code === "commander.help"
        ? "No command was given."
        : `${message.charAt(0).toUpperCase()}${message.slice(1)}.`,
    hints: [
      ...(near === undefined ? [] : [`Did you mean "${near}"?`]),
      `See "nspawn-runner ${command === undefined ? "" : `${command.name()} `}--help".`,
    ],
  });
}
