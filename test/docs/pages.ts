/** The pages of `docs/reference/`, as text from what they describe. */
import * as v from "valibot";
import { buildProgram } from "../../src/cli/program.ts";
import { ruleEntries } from "../../src/config/rule-settings.ts";
import { entries } from "../../src/config/settings.ts";
import { LOCK_ORDER } from "../../src/host/lock-order.ts";
import { EXIT_CODES, readExitCodes } from "../../src/job/exit-codes.ts";

const NOTE = "<!-- Written by script/docs. -->\n\n";

/** File name in `docs/reference/` → text. */
export function referencePages(): Readonly<Record<string, string>> {
  return {
    "commands.md": NOTE + commandsPage(),
    "config.md": NOTE + configPage(),
    "exit-codes.md": NOTE + exitCodesPage(),
    "locks.md": NOTE + locksPage(),
  };
}

const HELP_WIDTH = 90;

/** What `--help` prints of each command that is not hidden. */
function commandsPage(): string {
  let written = "";
  const unused = (): never => {
    throw new Error("nothing runs here");
  };
  const program = buildProgram(
    {
      version: "",
      open: unused,
      writeOut: (text) => {
        written += text;
      },
    },
    unused,
  );
  const helpOf = (command: typeof program): string => {
    written = "";
    command.configureHelp({ ...command.configureHelp(), helpWidth: HELP_WIDTH });
    command.outputHelp();
    return `\`\`\`\n${written.trimEnd()}\n\`\`\`\n`;
  };
  const commands = program
    .createHelp()
    .visibleCommands(program)
    .filter((command) => command.name() !== "help")
    .map((command) => `## ${command.name()}\n\n${helpOf(command)}`);
  return ["# Commands\n", helpOf(program), ...commands].join("\n");
}

function locksPage(): string {
  const rows = LOCK_ORDER.map(({ name, guards, held }) => `| ${name} | ${guards} | ${held} |\n`);
  return [
    "# Locks\n\n",
    "Every lock there is (flock(2)), in the order in which they are waited for: who holds one waits\n",
    "only for those below it. A test's fake host refuses any other wait. Nothing that waits blocks its\n",
    "process; each wait is bounded, ends by a signal, and names the process that has the lock.\n\n",
    "| lock | guards | is held |\n|---|---|---|\n",
    ...rows,
  ].join("");
}

function configPage(): string {
  const rows = Object.entries(entries).map(([key, { wrapped, default: byDefault }]) => {
    const what = v.getDescription(wrapped) ?? "";
    const initial = byDefault === undefined ? "none" : `\`${JSON.stringify(byDefault)}\``;
    return `| \`${key}\` | ${v.getTitle(wrapped) ?? ""} | ${initial} | ${what} |\n`;
  });
  const ruleRows = Object.entries(ruleEntries).map(([key, { wrapped }]) => {
    const what = v.getDescription(wrapped) ?? "";
    return `| \`${key}\` | ${v.getTitle(wrapped) ?? ""} | ${what} |\n`;
  });
  return [
    "# Settings\n\n",
    "`/etc/nspawn-runner/config.toml`, or the file that `$NSPAWN_RUNNER_CONFIG` names. TOML; every\n",
    "setting may be left out, and an unknown one is an error.\n\n",
    "| setting | takes | default | |\n|---|---|---|---|\n",
    ...rows,
    "\n## Rules\n\n",
    "Tables `[[rule]]`, behind all settings. The conditions come first: all that are there must hold. The\n",
    "rest is what follows; how rules add up is in [policy.md](../policy.md).\n\n",
    "| key | takes | |\n|---|---|---|\n",
    ...ruleRows,
  ].join("");
}

const VARIABLES = {
  success: "",
  buildFailure: "`$BUILD_FAILURE_EXIT_CODE`, else ",
  systemFailure: "`$SYSTEM_FAILURE_EXIT_CODE`, else ",
} as const;

function exitCodesPage(): string {
  const usual = { success: 0, ...readExitCodes({}) };
  const rows = Object.values(EXIT_CODES).map(
    ({ code, means }) => `| ${VARIABLES[code]}${usual[code]} | ${means} |\n`,
  );
  return [
    "# Exit codes\n\n",
    "GitLab Runner says in two variables what it wants to see. `exec` and `chroot-login` end with the\n",
    "code of the job and of the command.\n\n",
    "| code | means |\n|---|---|\n",
    ...rows,
  ].join("");
}
