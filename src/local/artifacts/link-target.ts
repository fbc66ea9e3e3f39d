/** Which links an artifact may hold. Pure. */

/**
 * Whether a link stays in the tree that it is in, `depth` directories below its top. It may go up at
 * its beginning alone, where only real directories are behind it: later, a name before the ".." may
 * be a link itself, and the way up from where it leads goes anywhere.
 */
export function staysInside(target: string, depth: number): boolean {
  if (target.startsWith("/")) return false;
  const names = target.split("/").filter((name) => name !== "" && name !== ".");
  const down = names.findIndex((name) => name !== "..");
  const up = down < 0 ? names.length : down;
  return up <= depth && !names.slice(up).includes("..");
}
