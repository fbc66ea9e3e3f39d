/** `internal-follow-names`: what the unit that watches the firewall does while machines live that may reach places by name. */
import { followNames } from "../network/follow-names.ts";
import type { Action } from "./context.ts";

export const followNamesAction: Action<[]> = async ({ host }) => {
  await followNames(host);
  return "success";
};
