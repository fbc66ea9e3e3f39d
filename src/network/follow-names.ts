/** Keeps up with names whose addresses change while machines live that may, or may not, reach them. */
import type { Host } from "../host/host.ts";
import { lockClaims } from "./claims-lock.ts";
import { listMachineRules, readRules, writeRules } from "./kept-rules.ts";
import { lookUpAll } from "./look-up.ts";
import { formatNames, learnNames, type MachineRules, namesOf } from "./machine-rules.ts";

/** What the unit does that watches the firewall, three times a minute. */
export async function followNames(host: Host): Promise<void> {
  const all = listMachineRules(host).filter((rules) => namesOf(rules).length > 0);
  await Promise.all(all.map((rules) => followOne(host, rules)));
}

async function followOne(host: Host, rules: MachineRules): Promise<void> {
  const lookup = await lookUpAll(host, { names: namesOf(rules), servers: rules.servers });
  using _lock = await lockClaims(host);
  // The machine may have ended meanwhile, and another have its interface.
  if (JSON.stringify(readRules(host, rules.interface)) !== JSON.stringify(rules)) return;
  const nowMs = host.clock.nowMs();
  const learnt = learnNames(rules, lookup, nowMs);
  // First: a firewall that is made again is made from it.
  writeRules(host, learnt);
  const done = await host.processes.run(["nft", "-f", "-"], { input: formatNames(learnt, nowMs) });
  // Of a firewall that is about to be made again.
  if (done.exitCode !== 0) host.log.debug(`# ${done.stderr.trim()}`);
}
