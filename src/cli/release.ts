/** `internal-release MACHINE`: the `ExecStopPost=` of a machine's unit. */
import { endMachine } from "../machine/end-machine.ts";
import { parseMachineName } from "../text/names.ts";
import type { Action } from "./context.ts";

export const releaseAction: Action<[string]> = async ({ host }, text) => {
  // systemd.exec(5).
  const { SERVICE_RESULT: result, EXIT_CODE: code, EXIT_STATUS: status } = host.environment;
  const end = { result: result ?? "unknown", code: code ?? "", status: status ?? "" };
  await endMachine(host, parseMachineName(text), end);
  return "success";
};
