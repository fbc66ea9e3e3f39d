/** systemd-nspawn as it is without what we add: what shows that an attack is one. */

import { writeFileSync } from "node:fs";
import { command, type Ended, scratch, uniqueName } from "../harness.ts";

/** Runs a script for /bin/sh in a copy of the image "nosystemd" that nothing is written to. */
export function runBare(script: string): Promise<Ended> {
  const path = `${scratch}/bare-${uniqueName()}`;
  writeFileSync(path, script);
  return command(
    // What it mounts on the host goes with its mount namespace.
    ...["unshare", "--mount", "systemd-nspawn", "--quiet", "--register=no", "--settings=no"],
    ...["--directory=/fs/ext4/root/nosystemd", "--volatile=overlay", `--machine=${uniqueName()}`],
    ...["--link-journal=no", "--timezone=off", `--bind-ro=${path}:/run/attack`, "--as-pid2"],
    ...["--console=pipe", "--", "/bin/sh", "/run/attack"],
  );
}
