/**
 * The unit that hears when the host's firewall is loaded anew, which takes our table away, and has names
 * looked up again. One for all machines; it looks for machines three times a minute and ends itself when
 * there is none. What it calls may fail: the next round is another try.
 */
import type { Host } from "../host/host.ts";
import { watcherCommand } from "../watch/watcher-command.ts";
import { TABLE } from "./firewall-rules.ts";
import { PAIRS_DIRECTORY, RULES_DIRECTORY } from "./network-paths.ts";
import scriptText from "./watch-firewall.sh" with { type: "text" };

/** A machine's unit is named with no dash behind its prefix: this is no machine's. */
const UNIT = "nspawn-runner-watch-firewall.service";
/** Not in the slice of machines: what stops, or starves, all of those is no reason to stop looking. */
const SLICE = "system.slice";
const SCRIPT = "/run/nspawn-runner/watch-firewall";

/** Pure. */
export const watchFirewallCommand = (driver: readonly string[]): string[] =>
  watcherCommand({
    unit: UNIT,
    slice: SLICE,
    description: "Makes the firewall of machines' networks again when it is removed",
    script: SCRIPT,
    words: [PAIRS_DIRECTORY, RULES_DIRECTORY, ...TABLE, ...driver],
  });

export const firewallIsWatched = (host: Pick<Host, "cgroups">): boolean =>
  host.cgroups.exists(`${SLICE}/${UNIT}`);

/**
 * To be done once a machine has claimed its addresses. One that is there already is fine; without one
 * there is `gc`, whose timer looks each minute.
 */
export async function ensureFirewallIsWatched(host: Host): Promise<void> {
  if (firewallIsWatched(host)) return;
  host.files.writeText(SCRIPT, scriptText, 0o600);
  const started = await host.processes.run(watchFirewallCommand(host.driver));
  if (started.exitCode !== 0) host.log.debug(`# ${started.stderr.trim()}`);
}
