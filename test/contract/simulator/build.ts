/** What GitLab Runner knows of a job once `config` has answered: directories and variables. Pure. */
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
  const projectDirectory = `${root}/${job.job_info.project_full_path}${suffix}`;
  const temporaryDirectory = `${root}/${job.job_info.project_full_path}.tmp`;
  return {
    job,
    shell,
    hostname: config.hostname ?? "",
    projectDirectory,
    temporaryDirectory,
    cacheDirectory: `${cache}/${job.job_info.project_full_path}`,
    variables: [
      ...runnerVariables(job, { builds, projectDirectory }),
      ...job.variables.map(({ key, value, file }) => ({ key, value, file })),
      plain("CI_SHARED_ENVIRONMENT", "true"),
      plain("CI_RUNNER_VERSION", "19.4.0"),
      plain("RUNNER_TEMP_PROJECT_DIR", temporaryDirectory),
    ],
  };
}

/** These come before the job's own, which therefore win. */
function runnerVariables(
  job: JobResponse,
  places: { readonly builds: string; readonly projectDirectory: string },
): BuildVariable[] {
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

const plain = (key: string, value: string): BuildVariable => ({ key, value, file: false });

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
  const scope = new Map([...build.variables, ...own].map(({ key, value }) => [key, value]));
  const expanded = own.map(({ key, value }) => [key, expand(value, scope)] as const);
  return {
    name: service.name,
    alias: service.alias?.split(/[\s,]+/).find((alias) => alias !== "") ?? "",
    entrypoint: service.entrypoint ?? null,
    command: service.command ?? null,
    ...(own.length === 0 ? {} : { variables: Object.fromEntries(expanded) }),
  };
}

function expand(text: string, scope: ReadonlyMap<string, string>): string {
  return text.replaceAll(
    /\$(?:\{(\w+)\}|(\w+))/g,
    (_, braced: string | undefined, bare: string | undefined) =>
      scope.get(braced ?? bare ?? "") ?? "",
  );
}
