/** A user namespace to take an id mapping from, for as long as one call. */
import * as fs from "node:fs";

export interface IdMap {
  readonly shift: number;
  readonly count: number;
}

/**
 * Calls `use` with a descriptor of a user namespace in which `count` ids from 0 on are `shift` and up
 * on the host. mount_setattr(2) takes mappings only in this form. A process has to hold the namespace
 * while its maps are written (user_namespaces(7)); it ends before this returns.
 */
export async function withIdMap(map: IdMap, use: (usernsFd: number) => void): Promise<void> {
  const holder = Bun.spawn(["unshare", "--user", "sh", "-c", "echo; exec cat"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  try {
    // Its first byte says that it is in its new namespace.
    await holder.stdout.getReader().read();
    writeMaps(holder.pid, map);
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

/**
 * Starts a process that does nothing, in a user namespace with that mapping; its id. Whoever enters that
 * namespace is root of it. The process outlives us, and is one of that root's itself.
 */
export async function holdIds(map: IdMap): Promise<number> {
  const become = ["setpriv", "--reuid=0", "--regid=0", "--clear-groups", "sleep", "infinity"];
  const holder = Bun.spawn(
    [
      "unshare",
      "--user",
      "--keep-caps",
      "sh",
      "-c",
      'echo; read -r _; exec "$@"',
      "hold",
      ...become,
    ],
    { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  );
  await holder.stdout.getReader().read();
  writeMaps(holder.pid, map);
  holder.stdin.write("\n");
  await holder.stdin.end();
  return holder.pid;
}

function writeMaps(process: number, { shift, count }: IdMap): void {
  for (const map of ["uid_map", "gid_map"]) {
    fs.writeFileSync(`/proc/${process}/${map}`, `0 ${shift} ${count}\n`);
  }
}
