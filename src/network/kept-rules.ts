/** What machines may reach otherwise than all others, as it was written down when they started. */
import type { Host } from "../host/host.ts";
import { formatRecord, readRecord, readValue } from "../record/record.ts";
import { chainsIn, MACHINE_RULES, type MachineRules } from "./machine-rules.ts";
import { INTERFACE_PREFIX, PAIRS_DIRECTORY, RULES_DIRECTORY } from "./network-paths.ts";

/** Those of machines that live, and of dead ones that nobody has tidied yet. */
export function listMachineRules(host: RulesHost): MachineRules[] {
  return listRules(host).flatMap((name) => readRules(host, name) ?? []);
}

type RulesHost = Pick<Host, "files" | "log">;

/** By its interface; nothing where it is like all others. */
export const readRules = (host: RulesHost, name: string): MachineRules | undefined =>
  readValue(readRecord(host, rulesPath(name), MACHINE_RULES));

/** Under the claims' lock: by then another machine may have that interface. */
export function writeRules(host: RulesHost, rules: MachineRules): void {
  host.files.ensureDirectory(RULES_DIRECTORY, 0o700);
  host.files.writeText(rulesPath(rules.interface), formatRecord(MACHINE_RULES, rules), 0o600);
}

export const rulesPath = (name: string): string => `${RULES_DIRECTORY}/${name}`;

/** Without the drafts of those that are just being written. */
const listRules = (host: Pick<Host, "files">): readonly string[] =>
  host.files.probe(RULES_DIRECTORY) === undefined
    ? []
    : host.files.list(RULES_DIRECTORY).filter((name) => INTERFACE.test(name));

const INTERFACE = new RegExp(`^${INTERFACE_PREFIX}[0-9a-f]{8}$`);

/**
 * Interfaces that no machine has claimed and that have rules: written down, or in the table as `nft
 * list` says it. Both are looked at before claims are: a machine claims before it has rules.
 */
export function findStrayRules(host: Pick<Host, "files" | "claims">, listed: string): string[] {
  const names = new Set([...listRules(host), ...chainsIn(listed)]);
  const claimed = new Set(host.claims.list(PAIRS_DIRECTORY).map(({ thing }) => thing));
  return [...names].filter((name) => !claimed.has(name)).sort();
}
