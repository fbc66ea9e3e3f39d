/** Carries out a MachinePlan: clone, control directory, unit, readiness. */
import type { Host } from "../host/host.ts";
import type { Storage } from "../storage/storage.ts";
import { RunnerError } from "../text/errors.ts";
import agentText from "./agent.sh" with { type: "text" };
import { machinePaths } from "./machine-paths.ts";
import { AGENT_UNIT, agentUnitText, type MachinePlan } from "./machine-plan.ts";
import { environmentFile, userFile } from "./machine-settings.ts";
import { explainOldSystemd } from "./systemd-version.ts";
import { lastWordsOfUnit } from "./unit-journal.ts";

/**
 * Starts the machine and waits until its agent takes requests. Throws a system error with the
 * journal's reason; what is half made is the caller's to `release`.
 */
export async function startMachine(
  host: Host,
  plan: MachinePlan,
  options: { readonly storage: Storage; readonly bootTimeoutSeconds: number },
): Promise<void> {
  makeControlDirectory(host, plan);
  host.files.writeText(machinePaths(plan.name).release, plan.release, 0o600);
  if (plan.clone.kind !== "in-place") await options.storage.clone(host, plan.clone);
  if (plan.clone.kind === "layers") {
    const launch = { clone: plan.clone, idShift: plan.idShift, nspawn: plan.nspawn };
    host.files.writeText(machinePaths(plan.name).launch, JSON.stringify(launch), 0o600);
  }
  await using ready = host.fifos.openLines(machinePaths(plan.name).ready);
  const startedAt = new Date(host.clock.nowMs());
  const started = await host.processes.run(plan.start, { interruptible: true });
  const line =
    started.exitCode === 0
      ? await ready.readLine(options.bootTimeoutSeconds * 1000, host.signal)
      : "gone";
  if (line === "ready") return;
  throw new RunnerError({
    kind: "system",
    message:
      line === "gone"
        ? `Cannot boot machine "${plan.name}".`
        : `Machine "${plan.name}" does not take scripts after ${options.bootTimeoutSeconds} s.`,
    hints: [...(await versionHint(host)), ...bootHints(plan)],
    cause: new Error(await lastWordsOfUnit(host, plan.unit, startedAt, started.stderr)),
  });
}

/**
 * What the machine sees at /run/nspawn-runner, read-only. The FIFOs belong to its root; all else
 * is ours.
 */
function makeControlDirectory(host: Host, plan: MachinePlan): void {
  const paths = machinePaths(plan.name);
  for (const path of [paths.control, paths.steps, paths.units, `${paths.control}/bin`]) {
    host.files.createDirectory(path, 0o755);
  }
  host.files.writeText(`${paths.control}/agent`, agentText, 0o644);
  const { settings } = plan;
  host.files.writeText(`${paths.units}/${AGENT_UNIT}`, agentUnitText(settings.readyTarget), 0o644);
  host.files.writeText(`${paths.control}/environment`, environmentFile(settings), 0o644);
  if (settings.user !== undefined) {
    host.files.writeText(`${paths.control}/user`, userFile(settings.user), 0o644);
  }
  if (plan.gitlabRunner !== undefined) {
    host.files.writeText(`${paths.control}/bin/gitlab-runner`, "", 0o755);
  }
  for (const fifo of [paths.request, paths.ready]) {
    host.files.makeFifo(fifo, { mode: 0o600, ownerId: plan.idShift });
  }
}

async function versionHint(host: Host): Promise<string[]> {
  const { stdout } = await host.processes.run(["systemctl", "--version"]);
  const old = explainOldSystemd(stdout);
  return old === undefined ? [] : [old];
}

function bootHints(plan: MachinePlan): string[] {
  return [
    `See "journalctl -u ${plan.unit}" on the host, or try the image with "nspawn-runner chroot-login".`,
  ];
}
