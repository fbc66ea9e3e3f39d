/**
 * What a service does in which a stranger's archive is unpacked, before it becomes the command that does:
 * the mounts of its own in which the tree's numbers are others, and the user namespace of these.
 */
import { dirname } from "node:path";
import type { Host } from "../../host/host.ts";
import { RunnerError } from "../../text/errors.ts";

/** What is left for it, as JSON. */
export interface Unpacking {
  readonly mounts: readonly { readonly source: string; readonly target: string }[];
  readonly idShift: number;
  readonly idCount: number;
  readonly argv: readonly string[];
}

/** Never returns: the process becomes the command. */
export async function unpack(host: Host, path: string): Promise<never> {
  // Written by a build into a directory of root's alone.
  const { mounts, idShift, idCount, argv }: Unpacking = JSON.parse(host.files.readText(path));
  for (const mount of mounts) {
    // Whoever unpacks is nobody here, and has to get there.
    host.files.ensureDirectory(dirname(mount.target), 0o755);
    host.files.ensureDirectory(mount.target, 0o700);
    await host.mounts.idMapped({ ...mount, idShift, idCount });
  }
  const holder = await host.processes.holdIds({ shift: idShift, count: idCount });
  const nsenter = host.processes.which("nsenter");
  if (nsenter === undefined) {
    throw new RunnerError({ kind: "system", message: 'This host has no "nsenter".' });
  }
  return host.processes.become([nsenter, `--user=/proc/${holder}/ns/user`, "--", ...argv]);
}
