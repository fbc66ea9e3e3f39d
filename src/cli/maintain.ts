/** What `chroot-create` and `chroot-maintenance` share: tasks with progress, and a summary. */
import { buildLimits } from "../config/choices.ts";
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import type { PlaybookWords } from "../image/ansible/playbook-words.ts";
import { removeStaleDrafts } from "../image/draft.ts";
import type { Manifest } from "../image/generations/manifest.ts";
import {
  type MaintenanceTask,
  openMaintenance,
  type TaskResult,
} from "../image/maintenance/maintain-images.ts";
import type { MaintenanceWish } from "../image/maintenance/plan-maintenance.ts";
import { requireRootDirectory } from "../image/root-directory.ts";
import { formatJson } from "../text/escape.ts";
import { formatError } from "../text/format-error.ts";
import { runWithProgress } from "./build-progress.ts";
import type { CommandEnd } from "./context.ts";
import { readDefinitions, withParents } from "./declared-images.ts";
import { openImageStore } from "./image-store.ts";

export interface MaintainOptions {
  readonly names: readonly string[];
  readonly wish: MaintenanceWish;
  readonly words?: PlaybookWords;
  readonly check: boolean;
  readonly json: boolean;
  readonly jobs: number;
}

/** One image's end, as `--json` prints it. */
interface Report {
  readonly image: string;
  readonly result: "built" | "skipped" | "failed" | "would create" | "would update";
  readonly reason: string;
  readonly version?: string;
  readonly seconds?: number;
  readonly playbook?: Manifest["playbook"];
}

/** Ends with a system failure when any image failed; one failure stops none of the others. */
export async function maintainImages(
  host: Host,
  config: Config,
  options: MaintainOptions,
): Promise<CommandEnd> {
  const store = await openImageStore(host, config);
  requireRootDirectory(host, config.rootDirectory);
  const named = readDefinitions(host, config, options.names);
  const read = options.wish === "missing" ? withParents(host, config, named) : named;
  const definitions = read.flatMap((one) => (one.kind === "read" ? one.definition : []));
  const faulty = read.flatMap((one) =>
    one.kind === "faulty" ? [failure(host, one.name, one.error)] : [],
  );
  const tasks = openMaintenance(host, store, {
    definitions,
    wish: options.wish,
    ...(options.words === undefined ? {} : { words: options.words }),
    limits: buildLimits(config),
    whenLocked: "refuse",
  });
  // A build that was killed may be of an image that has nothing to do now.
  if (!options.check) await removeStaleDrafts(host, store);
  const done = options.check ? planAll(host, tasks) : await runAll(host, tasks, options);
  const reports = [...faulty, ...done];
  if (options.json) host.print(formatJson(reports));
  else summarise(host, reports, options);
  return reports.some((report) => report.result === "failed") ? "system" : "success";
}

function failure(host: Host, image: string, error: unknown): Report {
  const reason = formatError(error, { debug: host.log.level === "debug" });
  host.log.error(reason);
  return { image, result: "failed", reason };
}

function planAll(host: Host, tasks: readonly MaintenanceTask[]): Report[] {
  return tasks.map((task): Report => {
    try {
      const plan = task.plan();
      const result = plan.kind === "skip" ? "skipped" : (`would ${plan.kind}` as const);
      return { image: task.name, result, reason: plan.reason };
    } catch (error) {
      return failure(host, task.name, error);
    }
  });
}

async function runAll(
  host: Host,
  tasks: readonly MaintenanceTask[],
  options: MaintainOptions,
): Promise<Report[]> {
  const ended = await runWithProgress<TaskResult>(
    tasks.map((task) => ({ title: task.name, describe: describeResult, run: task.run })),
    { jobs: options.jobs, quiet: options.json, verbose: host.log.level !== "quiet" },
  );
  return tasks.map((task, index): Report => {
    const end = ended[index];
    const image = task.name;
    if (end === undefined) return failure(host, image, new Error("its task did not end"));
    if (end.kind === "failed") return failure(host, image, end.error);
    const { result } = end;
    if (result.kind === "skipped") return { image, result: "skipped", reason: result.reason };
    const { version, buildSeconds, playbook } = result.manifest;
    const more = playbook === undefined ? {} : { playbook };
    return {
      image,
      result: "built",
      reason: result.reason,
      version,
      seconds: buildSeconds,
      ...more,
    };
  });
}

function describeResult(result: TaskResult): string {
  return result.kind === "skipped"
    ? result.reason
    : `built in ${result.manifest.buildSeconds} s${describePlaybook(result.manifest)}, because ${result.reason}`;
}

function describePlaybook({ playbook }: Manifest): string {
  if (playbook === undefined) return "";
  const { ok, changed, failed } = playbook;
  return ` (tasks: ${ok} ok, ${changed} changed, ${failed} failed)`;
}

function summarise(host: Host, reports: readonly Report[], options: MaintainOptions): void {
  if (options.check) {
    for (const { image, result, reason } of reports) {
      if (result !== "failed") host.print(`${image}: ${result}, because ${reason}\n`);
    }
    return;
  }
  const count = (result: Report["result"]): number =>
    reports.filter((report) => report.result === result).length;
  const failed = reports.filter((report) => report.result === "failed").map(({ image }) => image);
  const names = failed.length === 0 ? "" : `: ${failed.join(", ")}`;
  host.log.info(
    `${count("built")} built, ${count("skipped")} had nothing to do, ${failed.length} failed${names}.`,
  );
}
