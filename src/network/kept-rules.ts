/** What machines may reach otherwise than all others, as it was written down when they started. */
import type { Host } from "../host/host.ts";
import { readRecord, readValue } from "../record/record.ts";
import { MACHINE_RULES, type MachineRules } from "./machine-rules.ts";
import { PAIRS_DIRECTORY, RULES_DIRECTORY } from "./network-paths.ts";

/** Those of machines that live, and of dead ones that nobody has tidied yet. */
export function listMachineRules(host: Pick<Host, "files" | "log">): MachineRules[] {
  return listRules(host).flatMap(
    (name) => readValue(readRecord(host, `${RULES_DIRECTORY}/${name}`, MACHINE_RULES)) ?? [],
  );
}

const listRules = (host: Pick<Host, "files">): readonly string[] =>
  host.files.probe(RULES_DIRECTORY) === undefined ? [] : host.files.list(RULES_DIRECTORY);

/** Rules of interfaces that no machine has claimed. */
export function findStrayRules(host: Pick<Host, "files" | "claims">): string[] {
  const claimed = new Set(host.claims.list(PAIRS_DIRECTORY).map(({ thing }) => thing));
  return listRules(host).filter((name) => !claimed.has(name));
}
