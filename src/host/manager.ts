/**
 * The host's service manager may start itself anew at any time (`systemctl daemon-reexec`, an upgrade
 * of systemd). It takes a few hundred milliseconds, in which it answers nobody, and who was talking to
 * it is cut off. Machines live on meanwhile; so that jobs begin and end as well, what failed for that
 * reason alone is tried once more.
 */
import { connect } from "node:net";

/** What root's systemctl and systemd-run talk to; busctl goes by the bus. */
export const MANAGER_SOCKET = "/run/systemd/private";
const CLIENTS = ["systemctl", "systemd-run", "busctl"];

interface Ended {
  readonly argv: readonly string[];
  readonly exitCode: number | undefined;
  readonly stderr: string;
}

/**
 * What they print then: refused at the door, or cut off. systemd-run of 252 talks through the bus,
 * which says so in its own words (252 and 257, tried).
 */
const LOST =
  /: (Connection refused|Transport endpoint is not connected|Connection reset by peer|Connection terminated|Message recipient disconnected from message bus without replying)$/m;

/** Pure. */
export function lostManager({ argv, exitCode, stderr }: Ended): boolean {
  return exitCode !== 0 && CLIENTS.includes(argv[0] ?? "") && LOST.test(stderr);
}

/**
 * The second try of one that was cut off may find that the first was heard: a transient unit of its
 * name is there. Nobody else uses the names of ours. Pure.
 */
export function wasHeard(second: Ended): boolean {
  return (
    ["systemd-run", "busctl"].includes(second.argv[0] ?? "") &&
    /Unit \S+ was already loaded or has a fragment file\./.test(second.stderr)
  );
}

/**
 * Starts the unit of a systemd-run, or the slice of a busctl, or waits for its start when that is under
 * way. Pure.
 */
export function startCommand(argv: readonly string[]): string[] {
  const unit =
    argv.find((word) => word.startsWith("--unit="))?.slice("--unit=".length) ??
    argv.find((word) => word.endsWith(".slice")) ??
    "";
  const patience = argv.includes("--no-block") ? ["--no-block"] : [];
  return ["systemctl", ...patience, "start", unit];
}

/** Exit status of systemctl for a unit that is not loaded (systemctl(1), "Exit status"). */
export const UNIT_ABSENT = 5;

const LOOK_MS = 20;

/** Resolves when the manager takes connections, after that time, or when we are told to end. */
export async function awaitManager(
  socket: string,
  { ms, signal }: { readonly ms: number; readonly signal: AbortSignal },
): Promise<void> {
  for (const until = performance.now() + ms; performance.now() < until && !signal.aborted; ) {
    if (await answers(socket)) return;
    await Bun.sleep(LOOK_MS);
  }
}

function answers(socket: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const connection = connect({ path: socket });
  connection.once("connect", () => resolve(true));
  connection.once("error", () => resolve(false));
  return promise.finally(() => connection.destroy());
}
