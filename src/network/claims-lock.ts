/** The lock of who lets go of claims, or changes the firewall's rules of one machine. */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { RunnerError } from "../text/errors.ts";

export const CLAIMS_LOCK = "/run/nspawn-runner/claims.lock";

const LOOK_MS = 5;
const TRIES = WAITS.machineDeath.ms / LOOK_MS;

/**
 * Also when we are told to end: what is undone has to be. It is held for less than a millisecond, or
 * while nft changes the rules of one machine.
 */
export async function lockClaims(
  host: Pick<Host, "files" | "clock" | "locks">,
): Promise<Disposable> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const lock = host.files.lock(CLAIMS_LOCK, { mode: "exclusive" });
    if (lock !== undefined) return lock;
    await host.clock.sleep(LOOK_MS);
  }
  throw new RunnerError({
    kind: "system",
    message: `Cannot change what machines have claimed, such as user ids, addresses and rules: ${host.locks.holder(CLAIMS_LOCK)} does so, and does not end.`,
    hints: ['End that process; "nspawn-runner gc" does the rest.'],
  });
}
