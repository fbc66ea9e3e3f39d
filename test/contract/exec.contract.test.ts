/**
 * The same job by `exec` and by a real GitLab Runner: what its script finds and says, in which order, its
 * verdict, its exit code and its artifacts. Of the log, lines that begin with "say" are compared, and what
 * the uploader says.
 */
import { expect } from "bun:test";
import { cleanUpAfterEach, command, later, openRunner, PLACES } from "../lab/harness.ts";
import { openProject } from "../lab/project.ts";
import { realTest, shareRealRig } from "./rig/real-test.ts";

const [place] = PLACES;
if (place === undefined) throw new Error("There is no storage to test on.");

cleanUpAfterEach();
const rig = shareRealRig(place);
const runner = openRunner(place, 'default_image = "nosystemd"\n');

interface Keywords {
  readonly script: readonly string[];
  readonly after_script?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  readonly artifacts?: {
    readonly paths: string[];
    readonly exclude?: string[];
    untracked?: boolean;
  };
}

interface Told {
  readonly code: number;
  readonly lines: readonly string[];
  /** Paths of its artifacts, without directories. */
  readonly artifacts: readonly string[];
}

const linesOf = (log: string): string[] =>
  log
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
    .replace(/\u001b\[[\d;]*m/g, "")
    .split(/\r?\n/)
    .filter((line) => /^say\b|: (found|excluded) \d+|no matching files|not a subpath/.test(line))
    .map((line) => line.trimEnd().replace(/\/builds\/[\w/-]+?(?=\/top|\))/, "DIRECTORY"));

async function byExec(keywords: Keywords): Promise<Told> {
  const job = {
    image: "trixie",
    ...keywords,
    variables: { GIT_STRATEGY: "none", ...keywords.variables },
  };
  const project = await openProject(runner, {
    ".gitlab-ci.yml": JSON.stringify({ contract: job }),
  });
  const got = `${project.directory}/got`;
  const { code, stdout } = await project.exec("contract", "--artifacts", got);
  const files = await command("find", got, "!", "-type", "d", "-printf", "%P\\n");
  return { code, lines: linesOf(stdout), artifacts: sorted(files.stdout) };
}

async function byRealRunner(keywords: Keywords): Promise<Told> {
  const { script, after_script: afterScript, variables = {}, artifacts } = keywords;
  const job = await rig().start({
    wish: {
      image: "trixie",
      script,
      variables,
      ...(afterScript === undefined ? {} : { afterScript }),
      ...(artifacts === undefined ? {} : { artifacts: [artifacts] }),
    },
  });
  const { status, exitCode, log } = await job.result;
  const [archive] = rig().coordinator.artifactsOf(job.id);
  return {
    code: status === "success" ? 0 : (exitCode ?? -1),
    lines: linesOf(log),
    artifacts: archive === undefined ? [] : await filesOf(archive),
  };
}

async function filesOf(archive: Uint8Array): Promise<readonly string[]> {
  const path = `/tmp/nspawn-runner-exec-contract-${Bun.randomUUIDv7()}.zip`;
  later(() => command("rm", "-f", path));
  await Bun.write(path, archive);
  const words = "import sys, zipfile; print('\\n'.join(zipfile.ZipFile(sys.argv[1]).namelist()))";
  const { stdout } = await command("python3", "-c", words, path);
  return sorted(stdout).filter((name) => !name.endsWith("/"));
}

const sorted = (lines: string): readonly string[] =>
  lines
    .split("\n")
    .filter((line) => line !== "")
    .sort();

const FILES =
  "mkdir -p out/deep/er && touch out/1.txt out/2.log out/deep/3.txt out/deep/er/4.txt top";

const CASES: readonly (readonly [string, Keywords])[] = [
  [
    "lines in order, in one shell",
    { script: ["X=1", "cd /tmp", 'echo "say $X $PWD"', "echo say two"] },
  ],
  ["an exit code", { script: ["echo say before", "exit 42", "echo say after"] }],
  ["a command that fails", { script: ["(exit 7)", "echo say after"] }],
  ["in a pipe", { script: ["(exit 7) | cat", "echo say after"] }],
  ["in a condition", { script: ["false || echo say went on", "! true || true", "echo say after"] }],
  ["no such command", { script: ["no-such-command", "echo say after"] }],
  ["a syntax error", { script: ["if", "echo say after"] }],
  ["killed by a signal", { script: ["kill -KILL $$"] }],
  [
    "lines with lines in them",
    { script: ["for i in 1 2\ndo\n  echo say $i\ndone", "cat <<E\nsay here\nE"] },
  ],
  [
    "quotes and escapes",
    { script: ["echo say \"a'b\" 'c\"d' \\$e `echo f`", "printf 'say %s\\n' \"\\\\\""] },
  ],
  ["nothing to read", { script: ["read -r x || echo say nothing", "cat", "echo say after"] }],
  ["a shell's options", { script: ['echo "say $SHELLOPTS"', "set +e", "false", "echo say after"] }],
  [
    "what a shell is",
    { script: ['echo "say $(umask) $(id -u) $#"', "type -t source | sed s/^/say-/"] },
  ],
  [
    "variables",
    {
      variables: {
        A: "a",
        // Of those that name others, a runner sees what GitLab has made: they are none here.
        B: "${A}b $A%",
        DOLLARS: "$$A $$ 5$ ${$} $",
        UNKNOWN: "[$NOBODY] $1 $12 $* ${@} $-",
        ITSELF: "x:$ITSELF",
        BROKEN: "${} ${A-x} ${",
        ODD: 'it\'s "odd" \\ `x` $(x)',
        LINES: "one\ntwo",
      },
      script: [
        'printf "say %q\\n" "$A" "$B" "$DOLLARS" "$UNKNOWN" "$ITSELF" "$BROKEN" "$ODD" "$LINES"',
      ],
    },
  ],
  [
    "after_script",
    {
      script: ["export X=1", "cd /", "echo say main"],
      after_script: ['echo "say after [$X] $CI_JOB_STATUS"', "false", "echo say not reached"],
    },
  ],
  [
    "after_script of a failure",
    { script: ["exit 3"], after_script: ['echo "say after $CI_JOB_STATUS"', "exit 5"] },
  ],
  [
    "what stays behind",
    {
      script: ["sleep 30 & echo say begun"],
      after_script: ["pgrep sleep >/dev/null && echo say lives"],
    },
  ],
  ["artifacts: a directory", { script: [FILES], artifacts: { paths: ["out/"] } }],
  [
    "artifacts: patterns",
    { script: [FILES], artifacts: { paths: ["out/*", "out/**/*.txt", "*.none"] } },
  ],
  ["artifacts: two stars alone", { script: [FILES], artifacts: { paths: ["out/**", "**/*.txt"] } }],
  [
    "artifacts: alternatives and sets",
    {
      script: [FILES],
      artifacts: { paths: ["out/{1,2}.*", "out/[!1]*", "{out/deep/**,**/2.log}"] },
    },
  ],
  [
    "artifacts: exclude",
    { script: [FILES], artifacts: { paths: ["out"], exclude: ["out/**/*.txt"] } },
  ],
  [
    "artifacts: exclude all, and what is below",
    { script: [FILES], artifacts: { paths: ["out", "top"], exclude: ["{out/**,*p}"] } },
  ],
  [
    "artifacts: paths that lead out, or are none",
    {
      script: [FILES],
      artifacts: { paths: ["../x", "/etc/passwd", "./out/deep/", "$CI_PROJECT_DIR/top"] },
    },
  ],
  [
    "artifacts: what git does not know",
    {
      script: ["git init -q .", FILES, "git add top"],
      artifacts: { paths: ["top"], untracked: true, exclude: ["out/*.log"] },
    },
  ],
  [
    "artifacts: links, and files that are hidden",
    {
      script: ["mkdir -p a .b; touch a/1 .b/2; ln -s a to-a; ln -s a/1 to-1"],
      artifacts: { paths: ["to-a", "to-1/", "*/2", ".b/**"] },
    },
  ],
];

realTest.each(CASES.map(([title, keywords]) => ({ title, keywords })))(
  "exec is as a real runner: $title",
  async ({ keywords }) => {
    const [here, there] = [await byExec(keywords), await byRealRunner(keywords)];
    expect(here).toEqual(there);
  },
);
