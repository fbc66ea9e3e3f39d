/** What programs are linked with, so that an empty root can hold just that. Pure. */

/**
 * The files that `ldd` names: "libc.so.6 => /lib/libc.so.6 (0x…)", and the loader, which has no
 * name before it. What the kernel brings itself has no path.
 */
export function parseLibraries(printed: string): readonly string[] {
  const paths = printed
    .split("\n")
    .flatMap((line) => /^\s+(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)$/.exec(line)?.[1] ?? []);
  return [...new Set(paths)].sort();
}
