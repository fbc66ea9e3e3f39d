/** Carries out a MachinePlan: clone, control directory, unit, readiness. */

import type { CommandResult, Host, LineFifo } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { connectMachine } from "../network/connect-machine.ts";
import { ensureFirewall } from "../network/ensure-firewall.ts";
import type { PrivateNetworkPlan } from "../network/network-plan.ts";
import type { Storage } from "../storage/storage.ts";
import { RunnerError } from "../text/errors.ts";
import agentText from "./agent.sh" with { type: "text" };
import { type Checked, checkTree } from "./checked-tree.ts";
import { machinePaths } from "./machine-paths.ts";
import type { MachinePlan } from "./machine-plan.ts";
import { findMachineProcess } from "./machine-process.ts";
import { environmentFile, userFile } from "./machine-settings.ts";
import { explainOldSystemd } from "./systemd-version.ts";
import { lastWordsOfUnit } from "./unit-journal.ts";
import { AGENT_UNIT, agentUnitText, NETWORK_UNIT, NETWORK_UNIT_TEXT } from "./units-inside.ts";

/**
 * Starts the machine and waits until its network is up and its agent takes requests. Throws a system error with the
 * journal's reason; what is half made is the caller's to `release`.
 */
export async function startMachine(
  host: Host,
  plan: MachinePlan,
  options: {
    readonly storage: Storage;
    /** The image's name, for errors. */
    readonly image: string;
    readonly bootTimeoutSeconds: number;
  },
): Promise<void> {
  makeControlDirectory(host, plan);
  host.files.writeText(machinePaths(plan.name).release, plan.release, 0o600);
  if (plan.clone.kind !== "in-place") await options.storage.clone(host, plan.clone);
  if (plan.clone.kind === "layers") {
    const launch = { clone: plan.clone, idShift: plan.idShift, nspawn: plan.nspawn };
    host.files.writeText(machinePaths(plan.name).launch, JSON.stringify(launch), 0o600);
  }
  const checked = checkTree(host, plan, options.image);
  await using ready = host.fifos.openLines(machinePaths(plan.name).ready);
  const startedAt = new Date(host.clock.nowMs());
  const started = await startUnit(host, checked, options);
  const line =
    started.exitCode === 0 ? await awaitReady(host, plan, { ready, ...options }) : "gone";
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
 * Runs the unit's start to its end. The firewall is looked at meanwhile: the machine's interface is
 * not up before `connect`.
 */
async function startUnit(
  host: Host,
  plan: Checked<MachinePlan>,
  options: { readonly bootTimeoutSeconds: number },
): Promise<CommandResult> {
  const { network } = plan;
  const starting = host.processes.run(plan.start, {
    onCancel: "kill",
    // systemd itself gives up after that (TimeoutStartSec=); this is for a bus that does not answer.
    wait: { ms: options.bootTimeoutSeconds * 1000 + WAITS.command.ms },
  });
  if (network.kind !== "private") return starting;
  // Both end before a failure of one is told: what is undone then does not start any more.
  const [started, firewall] = await Promise.allSettled([
    starting,
    ensureFirewall(host, network.firewall),
  ]);
  if (firewall.status === "rejected") throw firewall.reason;
  if (started.status === "rejected") throw started.reason;
  return started.value;
}

/** What the machine's agent, or the end of its unit, says; nothing when neither does in time. */
async function awaitReady(
  host: Host,
  plan: MachinePlan,
  options: { readonly ready: LineFifo; readonly bootTimeoutSeconds: number },
): Promise<string | undefined> {
  const { ready, bootTimeoutSeconds } = options;
  const { network } = plan;
  if (network.kind !== "private") return ready.readLine(bootTimeoutSeconds * 1000, host.signal);
  // Held open until the machine is ready: what is written waits for a machine that boots.
  await using _waiting = host.fifos.openLines(machinePaths(plan.name).network);
  try {
    await connect(host, plan, network);
  } catch (error) {
    // A machine that died meanwhile has no network to connect to; its end is the better reason.
    const word = await ready.readLine(LAST_WORD_MS, host.signal);
    if (word === "gone") return word;
    throw error;
  }
  return await ready.readLine(bootTimeoutSeconds * 1000, host.signal);
}

/** From the death of a machine's main process to the release by its unit: tens of milliseconds. */
const LAST_WORD_MS = 3000;

async function connect(host: Host, plan: MachinePlan, network: PrivateNetworkPlan): Promise<void> {
  await connectMachine(host, network, {
    name: plan.name,
    leader: async () => (await findMachineProcess(host, plan)).leader,
  });
  host.fifos.writeLine(machinePaths(plan.name).network, "up");
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
  if (plan.network.kind === "private") {
    host.files.writeText(paths.resolvConf, plan.network.resolvConf, 0o644);
    host.files.writeText(`${paths.units}/${NETWORK_UNIT}`, NETWORK_UNIT_TEXT, 0o644);
  }
  const connects = plan.network.kind === "private";
  for (const fifo of [paths.request, paths.ready, ...(connects ? [paths.network] : [])]) {
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
