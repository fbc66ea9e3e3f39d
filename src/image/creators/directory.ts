/** A root file system that lies in a directory of the host already. */
import * as v from "valibot";
import type { Creator } from "./creator.ts";
import { byForm, hostPath, line, strictOptions } from "./options.ts";

const path = line("/srv/rootfs", "The directory; a relative path begins at the definition's");

const options = strictOptions("directory", { path });

type Options = v.InferOutput<typeof options>;

export const directory: Creator<Options> = {
  title: "a copy of a directory of the host",
  schema: byForm<Options>([
    v.pipe(
      path,
      v.transform((text): Options => ({ path: text })),
    ),
    options,
  ]),
  version: 1,
  tools: () => [{ command: "cp", debian: "coreutils" }],
  rolling: () => false,
  installsPackages: () => false,
  inputs: (chosen, context) => [hostPath(context.directory, chosen.path)],
  parent: () => undefined,
  plan: (chosen, context) => [
    {
      kind: "run",
      argv: [
        ...["cp", "--archive", "--reflink=auto", "--one-file-system"],
        // The "/." copies the directory's own mode and owner as well.
        ...["--", `${hostPath(context.directory, chosen.path)}/.`, context.tree],
      ],
    },
  ],
};
