/** argv → command → exit code. The only place that exits, after all disposers ran. */

import type { CommandEnd, Context } from "./cli/context.ts";
import { isRunnerCall, parseDirectCall } from "./cli/direct-call.ts";
import { openHost } from "./host/host.ts";
import { writeStderrNow, writeStdoutNow } from "./host/write-now.ts";
import { exitCodeOf, outcomeOf, readExitCodes } from "./job/exit-codes.ts";
import { escapeLines } from "./text/escape.ts";
import { formatError } from "./text/format-error.ts";

/** Set by script/build from package.json. */
declare const NSPAWN_RUNNER_VERSION: string | undefined;
const version = typeof NSPAWN_RUNNER_VERSION === "string" ? NSPAWN_RUNNER_VERSION : "0.0.0-source";

const cancel = new AbortController();
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  process.on(signal, () => cancel.abort());
}
// GitLab's documented way to drain a runner sends SIGQUIT to all processes of its service: the calls of
// a job that is to end by itself are among them.
const drains = isRunnerCall(process.argv.slice(2));
if (drains) process.on("SIGQUIT", () => {});

// The runtime would exit with 1 here, which blames the job's author.
const exitOnFault = (error: unknown): void => {
  const debug = process.argv.includes("--debug");
  writeStderrNow(escapeLines(`${formatError(error, { debug })}\n`));
  process.exit(exitCodeOf("fault", readExitCodes(process.env as Record<string, string>)));
};
process.on("uncaughtException", exitOnFault);
process.on("unhandledRejection", exitOnFault);

async function main(argv: readonly string[]): Promise<number> {
  let context: Context | undefined;
  const open = (options: { readonly verbose: boolean; readonly debug: boolean }): Context => {
    const level = options.debug ? "debug" : options.verbose ? "verbose" : "quiet";
    context = { host: openHost({ level, signal: cancel.signal, drains }), version };
    return context;
  };
  let end: CommandEnd;
  try {
    const direct = parseDirectCall(argv);
    if (direct === undefined) {
      const { runProgram } = await import("./cli/program.ts");
      end = await runProgram(argv, { version, open, writeOut: writeStdoutNow });
    } else {
      const action = await direct.load();
      end = await action(open({ verbose: false, debug: false }), ...direct.values);
    }
  } catch (error) {
    const { host } = context ?? open({ verbose: false, debug: false });
    host.log.error(formatError(error, { debug: host.log.level === "debug" }));
    end = outcomeOf(error);
  }
  if (typeof end === "object") return end.code;
  return exitCodeOf(end, readExitCodes(process.env as Record<string, string>));
}

const argv = process.argv.slice(2);
if (argv[0] === "internal-gitlab-ci-local") {
  // A program of its own in our executable: it reads argv and exits by itself.
  process.removeAllListeners();
  const { runGitlabCiLocal } = await import("./local/parser/gitlab-ci-local.ts");
  await runGitlabCiLocal(argv.slice(1), writeStdoutNow);
} else {
  process.exit(await main(argv));
}
