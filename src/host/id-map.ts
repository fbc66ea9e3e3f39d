/** A user namespace to take an id mapping from, for as long as one call. */
import * as fs from "node:fs";

/**
 * Calls `use` with a descriptor of a user namespace in which `count` ids from 0 on are `shift` and up
 * on the host. mount_setattr(2) takes mappings only in this form. A process has to hold the namespace
 * while its maps are written (user_namespaces(7)); it ends before this returns.
 */
export async function withIdMap(
  { shift, count }: { readonly shift: number; readonly count: number },
  use: (usernsFd: number) => void,
): Promise<void> {
  const holder = Bun.spawn(["unshare", "--user", "sh", "-c", "echo; exec cat"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  try {
    // Its first byte says that it is in its new namespace.
    await holder.stdout.getReader().read();
    for (const map of ["uid_map", "gid_map"]) {
      fs.writeFileSync(`/proc/${holder.pid}/${map}`, `0 ${shift} ${count}\n`);
    }
    const fd = fs.openSync(`/proc/${holder.pid}/ns/user`, fs.constants.O_RDONLY);
    try {
      use(fd);
    } finally {
      fs.closeSync(fd);
    }
  } finally {
    holder.kill("SIGKILL");
    await holder.exited;
  }
}
