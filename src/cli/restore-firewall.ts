/** `internal-restore-firewall`: what the unit does that hears of changes of the host's firewall. */
import { firewallIsIncomplete, restoreFirewall } from "../network/ensure-firewall.ts";
import type { Action } from "./context.ts";

export const restoreFirewallAction: Action<[]> = async ({ host }) => {
  if (!(await firewallIsIncomplete(host))) return "success";
  await restoreFirewall(host);
  host.log.info(
    "Made the firewall of machines' networks again: somebody had removed or changed it.",
  );
  return "success";
};
