/** The last steps of creators that make their root file system beside the tree. */
import type { CreateStep } from "./creator.ts";

/**
 * All that is in `source` goes into the tree, which also gets its owner and mode. A rename where
 * both are on one file system; from one btrfs subvolume to another, mv copies with reflinks and
 * keeps hard links, because one call gets all names.
 */
export const moveInto = (tree: string, source: string): readonly CreateStep[] => [
  { kind: "run", argv: ["chown", `--reference=${source}`, tree] },
  { kind: "run", argv: ["chmod", `--reference=${source}`, tree] },
  {
    kind: "run",
    argv: [
      ...["find", source, "-mindepth", "1", "-maxdepth", "1"],
      ...["-exec", "mv", `--target-directory=${tree}`, "{}", "+"],
    ],
  },
];
