/** The machines there are, dead or alive. */
import type { Host } from "../host/host.ts";
import type { RecordHost, RecordRead } from "../record/record.ts";
import { isMachineName, type MachineName } from "../text/names.ts";
import { MACHINES_DIRECTORY } from "./machine-paths.ts";
import { type MachineState, readMachineState } from "./machine-state.ts";

interface KnownMachine {
  readonly name: MachineName;
  /** Absent while it is being prepared. */
  readonly state: RecordRead<MachineState>;
}

export function listMachines(host: RecordHost): KnownMachine[] {
  return listMachineNames(host).map((name) => ({ name, state: readMachineState(host, name) }));
}

/** What else lies there is nobody's machine. */
function listMachineNames(host: Pick<Host, "files">): MachineName[] {
  if (host.files.probe(MACHINES_DIRECTORY) === undefined) return [];
  return host.files.list(MACHINES_DIRECTORY).filter(isMachineName);
}
