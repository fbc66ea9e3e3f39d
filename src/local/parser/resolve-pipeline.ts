/** Runs the parser in its sandbox. What comes back is data of a stranger, and is taken as such. */
import * as v from "valibot";
import type { CommandResult, Host } from "../../host/host.ts";
import { WAITS } from "../../host/waits.ts";
import { RunnerError } from "../../text/errors.ts";
import type { Variables } from "../variables/expand.ts";
import { endedWithout, plain, refusedBy, wordsOf } from "./explain-end.ts";
import { HIDDEN_COMMAND } from "./gitlab-ci-local.ts";
import { parseLibraries } from "./needed-libraries.ts";
import { planSandbox, type SandboxPrograms, VARIABLES_INSIDE } from "./plan-sandbox.ts";

const OUTPUT_MAX_BYTES = 16 * 1024 * 1024;
/** After the sandbox's own bound, so that systemd's word for it comes first. */
const MARGIN_MS = 5000;
/** What the parser calls. */
const COMMANDS = ["git", "bash", "id"];

const answerSchema = v.object({ pipeline: v.optional(v.unknown()), words: v.string() });

/** What the sandbox will hold. Needs no clone: both are made at once. */
export async function findPrograms(host: Host): Promise<SandboxPrograms> {
  const [program = "", ...more] = host.driver;
  if (more.length > 0) {
    throw new RunnerError({
      kind: "system",
      message: "The parser's sandbox holds one executable, and we were started from source.",
      hints: ["Run script/build, and use dist/nspawn-runner."],
    });
  }
  const commands = Object.fromEntries(COMMANDS.map((name) => [name, need(host, name)]));
  const env = need(host, "env");
  const linked = await host.processes.exec(["ldd", program, env, ...Object.values(commands)]);
  return { program, env, commands, libraries: parseLibraries(linked) };
}

interface Places {
  readonly programs: SandboxPrograms;
  readonly project: string;
  /** An empty directory of ours, for the sandbox alone. */
  readonly root: string;
  /** What rules of includes may ask for. */
  readonly variables: Variables;
  /** A path for them that is not there yet, in a directory that is closed to others: they are secrets. */
  readonly variablesFile: string;
}

/**
 * The pipeline of the clone at `project`, as data that only its parser looked at. Throws a usage
 * error when it is none.
 */
export async function resolvePipeline(host: Host, places: Places): Promise<unknown> {
  const ended = await runSandboxed(host, places);
  const answer = parseAnswer(ended.stdout);
  if (answer === undefined) {
    throw endedWithout({ exitCode: ended.exitCode, printed: plain(ended.stderr) });
  }
  if (answer.pipeline === undefined) throw refusedBy(answer.words);
  for (const line of wordsOf(plain(answer.words))) host.log.warn(`.gitlab-ci.yml: ${line}`);
  return answer.pipeline;
}

async function runSandboxed(
  host: Host,
  { programs, project, root, variables, variablesFile }: Places,
): Promise<CommandResult> {
  host.files.writeText(variablesFile, variablesText(variables), 0o644);
  const unit = `nspawn-runner-parser-${host.randomName(10)}.service`;
  const argv = planSandbox({
    ...programs,
    unit,
    // The parser's own state goes beside the clone, and no file of the repository is one of its own.
    words: [HIDDEN_COMMAND, ...parserWords(variables)],
    root,
    project,
    variables: variablesFile,
    timeMaxSeconds: WAITS.pipeline.ms / 1000,
  });
  try {
    return await host.processes.run(argv, {
      onCancel: "kill",
      wait: { ms: WAITS.pipeline.ms + MARGIN_MS },
      outputMaxBytes: OUTPUT_MAX_BYTES,
    });
  } catch (error) {
    // systemd-run has gone; the service would have gone on.
    await host.processes.run(["systemctl", "stop", unit]);
    throw error;
  }
}

/** Of a tag or merge request; the parser would take what is checked out for a branch. */
const OF_BRANCHES = ["CI_COMMIT_BRANCH"];

/** Of its schema, which knows ten keywords of `default:`; GitLab takes all. */
const TOO_STRICT = ["/oneOf", "/oneOf/0/type", "/oneOf/1/items/enum"].map(
  (rule) => `#/properties/inherit/properties/default${rule}`,
);

const parserWords = (variables: Variables): readonly string[] => [
  "--preview",
  ...["--state-dir", "../state/parser"],
  ...["--variables-file", VARIABLES_INSIDE],
  // It would warn of each, in each job.
  ...["--ignore-predefined-vars", Object.keys(variables).join(",")],
  // What they say is decided outside: it knows too little of the repository.
  "--evaluate-rule-changes=false",
  ...TOO_STRICT.flatMap((rule) => ["--ignore-schema-paths", rule]),
  ...OF_BRANCHES.filter((name) => variables[name] === undefined).flatMap((name) => [
    "--unset-variable",
    name,
  ]),
];

/** In the parser's form, where a value alone may be taken for a path. */
const variablesText = (variables: Variables): string =>
  JSON.stringify(
    Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [
        name,
        { type: "variable", values: { "*": value } },
      ]),
    ),
  );

function need(host: Host, command: string): string {
  const path = host.processes.which(command);
  if (path !== undefined) return path;
  throw new RunnerError({
    kind: "system",
    message: `Cannot find the command "${command}".`,
    hints: [`Install it: the parser of pipelines calls it.`],
  });
}

/** JSON has no aliases, so that what is parsed is no larger than what was sent. */
function parseAnswer(text: string): v.InferOutput<typeof answerSchema> | undefined {
  try {
    return v.parse(answerSchema, JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof v.ValiError) return undefined;
    throw error;
  }
}
