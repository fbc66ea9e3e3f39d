/** What each stage of a job does in the machine, as lines of shell. Pure. */
import { type Build, variableOf } from "./build.ts";
import type { JobCache } from "./job-response.ts";
import { formatScript, type Quoting, quoteWord } from "./shell-text.ts";

/** The script of a stage; nothing where the stage has nothing to do and is left out. */
export function stageScript(build: Build, stage: string): string | undefined {
  const lines = stageLines(build, stage);
  return lines === undefined ? undefined : formatScript(build.shell, lines, quotingOf(build));
}

const quotingOf = (build: Build): Quoting => ({
  posix: variableOf(build, "FF_POSIXLY_CORRECT_ESCAPES") === "true",
});

function stageLines(build: Build, stage: string): string[] | undefined {
  switch (stage) {
    case "prepare_script":
      return [
        greeting(build),
        `rm -f ${quote(build, `${build.temporaryDirectory}/gitlab_runner_env`)}`,
      ];
    case "get_sources":
      return [...exports(build), ...sourceLines(build)];
    case "clear_worktree":
      return [
        'echo "Deleting tracked and untracked files..."',
        `if [ -d ${project(build)} ]; then`,
        `cd ${project(build)}`,
        "git rm -rf --ignore-unmatch --quiet .",
        "git clean -ffdx -q",
        "fi",
      ];
    case "restore_cache":
      return cacheLines(build, "cache-extractor", (cache) => cache.policy !== "push");
    case "download_artifacts":
      return guarded(build, "artifacts-downloader", downloads(build));
    case "after_script":
      return userLines(build, "after_script", ['echo "Running after script..."']);
    case "archive_cache":
      return cacheLines(build, "cache-archiver", (cache) => cache.when !== "on_failure");
    case "archive_cache_on_failure":
      return cacheLines(build, "cache-archiver", (cache) => cache.when !== "on_success");
    case "upload_artifacts_on_success":
      return guarded(build, "artifacts-uploader", uploads(build, "on_success"));
    case "upload_artifacts_on_failure":
      return guarded(build, "artifacts-uploader", uploads(build, "on_failure"));
    case "cleanup_file_variables":
      return [
        ...exports(build),
        ...fileVariables(build).map((key) => `rm -f ${quote(build, filePath(build, key))}`),
      ];
    default:
      return userLines(build, stage.replace(/^step_/, ""), []);
  }
}

const quote = (build: Build, text: string): string => quoteWord(text, quotingOf(build));
const project = (build: Build): string => quote(build, build.projectDirectory);
const filePath = (build: Build, key: string): string => `${build.temporaryDirectory}/${key}`;

function greeting(build: Build): string {
  const via = build.hostname === "" ? "" : ` via ${build.hostname}`;
  return `echo "Running on $(hostname)${via}..."`;
}

function exports(build: Build): string[] {
  return build.variables.flatMap(({ key, value, file }) => {
    if (!file) return [`export ${quote(build, key)}=${quote(build, value)}`];
    const path = quote(build, filePath(build, key));
    return [
      `mkdir -p ${quote(build, build.temporaryDirectory)}`,
      `printf '%s' ${quote(build, value)} > ${path}`,
      `export ${quote(build, key)}=${path}`,
    ];
  });
}

function sourceLines(build: Build): string[] {
  const { repo_url: url, ref } = build.job.git_info;
  const strategy = variableOf(build, "GIT_STRATEGY");
  if (url === "" || strategy === "none" || strategy === "empty")
    return [`mkdir -p ${project(build)}`, 'echo "Skipping Git repository setup"'];
  return [
    `git init -q ${project(build)}`,
    `cd ${project(build)}`,
    `git fetch -q --depth 1 ${quote(build, url)} ${quote(build, ref)}`,
    "git checkout -q -f FETCH_HEAD",
  ];
}

function userLines(build: Build, name: string, before: string[]): string[] | undefined {
  const step = build.job.steps.find((candidate) => candidate.name.toLowerCase() === name);
  if (step === undefined) return undefined;
  if (name === "after_script" && step.script.length === 0) return undefined;
  return [
    ...exports(build),
    `cd ${project(build)}`,
    ...before,
    ...step.script.flatMap((command) => [`echo ${quote(build, `$ ${shown(command)}`)}`, command]),
  ];
}

/** Of a command with many lines the log has the first. */
function shown(command: string): string {
  const [first = "", ...more] = command.trim().split("\n");
  return more.length === 0 ? first : `${first} # collapsed multi-line command`;
}

function cacheLines(
  build: Build,
  command: string,
  wanted: (cache: JobCache) => boolean,
): string[] | undefined {
  const commands = (build.job.cache ?? [])
    .filter(wanted)
    .map(
      (cache) =>
        `${command} --file ${quote(build, `${build.cacheDirectory}/${cache.key}/cache.zip`)}`,
    );
  return guarded(build, command, commands);
}

function downloads(build: Build): string[] {
  const wanted = (build.job.dependencies ?? []).filter((job) => job.artifacts_file.filename !== "");
  return wanted.map((job) => `artifacts-downloader --id ${job.id}`);
}

function uploads(build: Build, state: "on_success" | "on_failure"): string[] {
  const wanted = (build.job.artifacts ?? []).filter(
    ({ when }) => when === state || when === "always",
  );
  return wanted.map((artifact) => `artifacts-uploader --name ${quote(build, artifact.name)}`);
}

/** Without a `gitlab-runner` in the machine the stage warns and stays green. */
function guarded(build: Build, what: string, commands: string[]): string[] | undefined {
  if (commands.length === 0) return undefined;
  return [
    ...exports(build),
    `cd ${project(build)}`,
    "if gitlab-runner --version >/dev/null 2>&1; then",
    ...commands.map((command) => `gitlab-runner ${command}`),
    `else echo "Missing gitlab-runner. ${what} is disabled."; fi`,
  ];
}

function fileVariables(build: Build): string[] {
  const files = build.variables.filter(({ file }) => file).map(({ key }) => key);
  return ["gitlab_runner_env", "masking.db", ...files];
}
