import type { CreateStep } from "./creator.ts";

/** Fails with a sentence of its own when a file is not there, before a tool fails with a riddle. */
export const requireFile = (path: string, hint: string): CreateStep => ({
  kind: "run",
  argv: [
    ...["bash", "-c", '[ -e "$1" ] || { echo "There is no \\"$1\\". $2" >&2; exit 1; }'],
    ...["require-file", path, hint],
  ],
});
