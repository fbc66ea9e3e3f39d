/** `internal-release MACHINE`: the `ExecStopPost=` of a machine's unit. */
import { machinePaths } from "../machine/machine-paths.ts";
import { machineUnits } from "../machine/machine-plan.ts";
import { writeMachineEnd } from "../machine/machine-state.ts";
import { releaseMachine } from "../machine/release.ts";
import { parseMachineName } from "../text/names.ts";
import type { Action } from "./context.ts";

export const releaseAction: Action<[string]> = async ({ host }, text) => {
  const name = parseMachineName(text);
  const { runtime } = machinePaths(name);
  const { SERVICE_RESULT: result, EXIT_CODE: code, EXIT_STATUS: status } = host.environment;
  if (host.files.probe(runtime) !== undefined) {
    const ended = { result: result ?? "unknown", code: code ?? "", status: status ?? "" };
    host.files.remove(machinePaths(name).end);
    writeMachineEnd(host, name, ended);
  }
  await releaseMachine(host, name);
  // A slice outlives the units in it unless it is stopped too. Not waited for: we are in it.
  await host.processes.run(["systemctl", "--no-block", "stop", machineUnits(name).slice]);
  return "success";
};
