/**
 * The slice above all machines: what all of them may take together, so that the host keeps something for
 * itself however many there are.
 */
import type { Host } from "../host/host.ts";
import { RUNTIME_DIRECTORY } from "./machine-paths.ts";
import { MACHINES_SLICE } from "./machine-units.ts";

/** As packaging/nspawn_runner.slice has it. Of the host's memory, and of what its kernel has room for. */
export const BACKSTOP = ["MemoryMax=90%", "TasksMax=70%"];

/** Says that it was seen to since the host has booted. */
const SEEN_TO = `${RUNTIME_DIRECTORY}/backstop`;

/**
 * Gives the slice its limits where no unit file of the administrator's, or of packaging/, says what it
 * gets. Once each boot; a look at a file after that.
 */
export async function ensureBackstop(host: Pick<Host, "files" | "processes">): Promise<void> {
  if (host.files.probe(SEEN_TO) !== undefined) return;
  const shown = await host.processes.exec([
    "systemctl",
    "show",
    "--property=FragmentPath,DropInPaths",
    MACHINES_SLICE,
  ]);
  if (!/^(FragmentPath|DropInPaths)=./m.test(shown)) {
    await host.processes.exec([
      "systemctl",
      "set-property",
      "--runtime",
      MACHINES_SLICE,
      ...BACKSTOP,
    ]);
  }
  host.files.ensureDirectory(RUNTIME_DIRECTORY, 0o700);
  host.files.writeText(SEEN_TO, "", 0o600);
}
