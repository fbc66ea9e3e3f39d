/**
 * What tells a changed file from what it was, without reading it: of all files below a path, in half a
 * second for 200,000. By find(1), which takes half the time of the runtime's own calls.
 */

export interface MarksRequest {
  /** Whether links below the path are followed: else where they lead is what tells. */
  readonly follow: boolean;
  /** Patterns of names that are passed over, with all below. */
  readonly passOver: readonly string[];
}

/**
 * Two texts for each file, each with a NUL behind it: its path below `path`, and its kind, size, mode,
 * time of change and inode; of a link, where it leads. In the order of the directories. What cannot be
 * looked at is left out; of a path that is not there, all.
 */
export function readMarks(path: string, { follow, passOver }: MarksRequest): string {
  const names = passOver.flatMap((name, index) => [...(index === 0 ? [] : ["-o"]), "-name", name]);
  const { stdout } = Bun.spawnSync(
    [
      ...["find", follow ? "-L" : "-H", path],
      ...(names.length === 0 ? [] : ["-mindepth", "0", "(", ...names, ")", "-prune", "-o"]),
      ...["-printf", "%P\\0%y %s %m %T@ %i %l\\0"],
    ],
    { stdin: "ignore", stderr: "ignore", env: { PATH: process.env.PATH ?? "", LC_ALL: "C" } },
  );
  return stdout.toString();
}
