/**
 * Keeps up with names whose addresses change while machines live that may, or may not, reach them: a
 * timer of systemd's for all of them, which ends itself with the last.
 */
import type { Host } from "../host/host.ts";
import { listMachineRules } from "./kept-rules.ts";
import { lookUpAll } from "./look-up.ts";
import { formatNames, type MachineRules, namesOf } from "./machine-rules.ts";

// With a dash: it must be no machine's (machine/machine-units.ts).
const UNIT = "nspawn-runner-follow-names";
const EVERY = "20s";

/** Pure. */
export function followCommand(driver: readonly string[]): string[] {
  return [
    "systemd-run",
    "--quiet",
    `--unit=${UNIT}`,
    "--description=Follows names that machines may reach",
    `--on-active=${EVERY}`,
    `--on-unit-active=${EVERY}`,
    "--timer-property=AccuracySec=1s",
    "--property=CollectMode=inactive-or-failed",
    "--property=SyslogIdentifier=nspawn-runner",
    "--",
    ...driver,
    "internal-follow-names",
  ];
}

const followed = (host: Host): MachineRules[] =>
  listMachineRules(host).filter((rules) => namesOf(rules).length > 0);

/** Where names are to be followed and nobody does. Looks only. */
export async function namesAreLost(host: Host): Promise<boolean> {
  if (followed(host).length === 0) return false;
  const state = await host.processes.run(["systemctl", "is-active", "--quiet", `${UNIT}.timer`]);
  return state.exitCode !== 0;
}

/** One that is there already is fine; one that is just ending is started again by who ends it. */
export async function ensureNamesAreFollowed(host: Host): Promise<void> {
  const started = await host.processes.run(followCommand(host.driver));
  if (started.exitCode !== 0) host.log.debug(`# ${started.stderr.trim()}`);
}

/** What the timer does. */
export async function followNames(host: Host): Promise<void> {
  const all = followed(host);
  await Promise.all(all.map((rules) => followOne(host, rules)));
  if (all.length > 0) return;
  await host.processes.run(["systemctl", "stop", `${UNIT}.timer`]);
  // A machine that has come meanwhile has found it there.
  if (followed(host).length > 0) await ensureNamesAreFollowed(host);
}

async function followOne(host: Host, rules: MachineRules): Promise<void> {
  const lookup = await lookUpAll(host, { names: namesOf(rules), servers: rules.servers });
  const changes = formatNames(rules, lookup);
  if (changes === "") return;
  const done = await host.processes.run(["nft", "-f", "-"], { input: changes });
  // Of a machine that has just gone, or a firewall that is made again within the minute.
  if (done.exitCode !== 0) host.log.debug(`# ${done.stderr.trim()}`);
}
