/** What GitLab Runner knows of a job once `config` has answered: directories and variables. Pure. */
import { expand } from "./expand.ts";
import type { JobImage, JobResponse } from "./job-response.ts";
import type { ShellName } from "./shell-text.ts";

/** What `config` prints; unknown keys are ignored. */
export interface DriverConfig {
  readonly builds_dir?: string;
  readonly cache_dir?: string;
  readonly builds_dir_is_shared?: boolean;
  readonly hostname?: string;
  readonly driver?: { readonly name?: string; readonly version?: string };
  readonly job_env?: Readonly<Record<string, string>>;
  readonly shell?: string;
}

export interface Build {
  readonly job: JobResponse;
  readonly shell: ShellName;
  readonly hostname: string;
  readonly projectDirectory: string;
  /** Beside the project: file variables, and what is removed at the end. */
  readonly temporaryDirectory: string;
  readonly cacheDirectory: string;
  readonly variables: readonly BuildVariable[];
}

export interface BuildVariable {
  readonly key: string;
  readonly value: string;
  readonly file: boolean;
}

const SHORT_TOKEN = "contract0";
const DEFAULT_BUILDS = "/builds";
const DEFAULT_CACHE = "/cache";

/** What `config` itself is called with: nobody knows yet where the builds will be. */
export function planUnconfigured(job: JobResponse): Build {
  const nowhere = { builds: "", projectDirectory: "", temporaryDirectory: ".tmp" };
  return {
    job,
    shell: "bash",
    hostname: "",
    projectDirectory: nowhere.projectDirectory,
    temporaryDirectory: nowhere.temporaryDirectory,
    cacheDirectory: "",
    variables: variablesOf(job, nowhere),
  };
}

export function planBuild(job: JobResponse, config: DriverConfig): Build {
  const builds = config.builds_dir ?? DEFAULT_BUILDS;
  const cache = config.cache_dir ?? DEFAULT_CACHE;
  for (const path of [builds, cache]) {
    if (!path.startsWith("/")) throw new Error(`"${path}" of the driver's config is not absolute.`);
  }
  const shell = config.shell ?? "bash";
  if (shell !== "bash" && shell !== "sh") throw new Error(`shell ${shell} not found`);
  const root = config.builds_dir_is_shared === true ? `${builds}/${SHORT_TOKEN}/0` : builds;
  const strategy = job.variables.findLast((variable) => variable.key === "GIT_STRATEGY")?.value;
  const suffix = strategy === "empty" ? "-empty" : "";
  const projectDirectory = `${root}/${projectSlug(job)}${suffix}`;
  const temporaryDirectory = `${projectDirectory}.tmp`;
  return {
    job,
    shell,
    hostname: config.hostname ?? "",
    projectDirectory,
    temporaryDirectory,
    cacheDirectory: `${cache}/${projectSlug(job)}`,
    variables: variablesOf(job, { builds, projectDirectory, temporaryDirectory }),
  };
}

/** From the address of the repository, whatever the job says that its project is called. */
function projectSlug(job: JobResponse): string {
  const url = URL.parse(job.git_info.repo_url);
  return url === null || url.host === ""
    ? `project-${job.job_info.project_id}`
    : url.pathname.slice(1).replace(/\.git$/, "");
}

interface Places {
  readonly builds: string;
  readonly projectDirectory: string;
  readonly temporaryDirectory: string;
}

/** All of them, with the references in their values put in, once: a value put in is left as it is. */
function variablesOf(job: JobResponse, places: Places): BuildVariable[] {
  const all = [
    ...runnerVariables(job, places),
    ...job.variables,
    plain("CI_SHARED_ENVIRONMENT", "true"),
    plain("CI_RUNNER_VERSION", "19.4.0"),
    plain("RUNNER_TEMP_PROJECT_DIR", places.temporaryDirectory),
  ];
  const lookUp = (name: string): string | undefined => {
    const found = all.findLast(({ key }) => key === name);
    return found?.file === true ? `${places.temporaryDirectory}/${name}` : found?.value;
  };
  return all.map(({ key, value, file, raw }) => ({
    key,
    value: raw ? value : expand(value, lookUp),
    file,
  }));
}

/** The job as the driver finds it: images may be named by variables. */
export function expandImages(job: JobResponse): JobResponse {
  const { variables } = planUnconfigured(job);
  const name = (image: JobImage): JobImage => ({
    ...image,
    name: expand(image.name, (key) => variableOf({ variables }, key)),
  });
  return { ...job, image: name(job.image), services: job.services?.map(name) ?? null };
}

/** These come before the job's own, which therefore win. */
function runnerVariables(
  job: JobResponse,
  places: Places,
): (BuildVariable & { readonly raw: boolean })[] {
  return [
    ...(job.image.name === "" ? [] : [plain("CI_JOB_IMAGE", job.image.name)]),
    plain("CI_BUILDS_DIR", places.builds),
    plain("CI_PROJECT_DIR", places.projectDirectory),
    plain("CI_CONCURRENT_ID", "0"),
    plain("CI_CONCURRENT_PROJECT_ID", "0"),
    plain("CI_SERVER", "yes"),
    plain("CI_JOB_STATUS", "running"),
    plain("CI_JOB_TIMEOUT", String(job.runner_info.timeout)),
  ];
}

const plain = (key: string, value: string) => ({ key, value, file: false, raw: false });

/** What calls after the script find; a job that sets the variable itself keeps its own. */
export function withStatus(build: Build, status: string): Build {
  const index = build.variables.findIndex(({ key }) => key === "CI_JOB_STATUS");
  const variables = build.variables.with(index, {
    key: "CI_JOB_STATUS",
    value: status,
    file: false,
  });
  return { ...build, variables };
}

/** The last of equal names wins. */
export function variableOf(build: Pick<Build, "variables">, key: string): string | undefined {
  return build.variables.findLast((variable) => variable.key === key)?.value;
}

/** The value of `CI_JOB_SERVICES`: empty without services. Service variables are expanded here. */
export function servicesText(build: Pick<Build, "job" | "variables">): string {
  const services = build.job.services ?? [];
  if (services.length === 0) return "";
  return JSON.stringify(services.map((service) => serviceEntry(build, service)));
}

function serviceEntry(
  build: Pick<Build, "variables">,
  service: JobImage,
): Readonly<Record<string, unknown>> {
  const own = service.variables ?? [];
  const all = [...build.variables, ...own];
  const lookUp = (name: string): string | undefined =>
    all.findLast(({ key }) => key === name)?.value;
  const expanded = own.map(({ key, value }) => [key, expand(value, lookUp)] as const);
  return {
    name: service.name,
    alias: service.alias?.split(/[\s,]+/).find((alias) => alias !== "") ?? "",
    entrypoint: service.entrypoint ?? null,
    command: service.command ?? null,
    ...(own.length === 0 ? {} : { variables: Object.fromEntries(expanded.toSorted()) }),
  };
}
