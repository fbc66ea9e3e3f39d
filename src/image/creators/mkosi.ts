/** Whatever mkosi(1) can make, as its own configuration says. Of mkosi 15 or newer. */
import * as v from "valibot";
import type { Creator } from "./creator.ts";
import { moveInto } from "./fill-tree.ts";
import { byForm, hostPath, line, lines, strictOptions } from "./options.ts";

const directory = line(
  "/etc/nspawn-runner/trixie.mkosi",
  "The directory that holds mkosi.conf; a relative path begins at the definition's",
);

const options = strictOptions("mkosi", {
  directory,
  profiles: lines("ci", "Profiles of the configuration that are used"),
});

type Options = v.InferOutput<typeof options>;

export const mkosi: Creator<Options> = {
  title: "a directory with a mkosi.conf, by mkosi",
  schema: byForm<Options>([
    v.pipe(
      directory,
      v.transform((text): Options => ({ directory: text, profiles: [] })),
    ),
    options,
  ]),
  version: 1,
  tools: () => [{ command: "mkosi", debian: "mkosi" }],
  rolling: () => true,
  installsPackages: () => true,
  inputs: (chosen, context) => [hostPath(context.directory, chosen.directory)],
  parent: () => undefined,
  plan: (chosen, { tree, work, directory: base, packages }) => [
    { kind: "run", argv: ["mkdir", "--", `${work}/mkosi`] },
    {
      kind: "run",
      argv: [
        ...["mkosi", `--directory=${hostPath(base, chosen.directory)}`],
        ...["--format=directory", "--output=image", `--output-directory=${work}/mkosi`],
        // A subvolume in `work` would outlive an "rm --one-file-system".
        ...[`--workspace-directory=${work}`, "--use-subvolumes=no"],
        ...chosen.profiles.map((profile) => `--profile=${profile}`),
        ...packages.map((name) => `--package=${name}`),
        ...["--force", "build"],
      ],
    },
    ...moveInto(tree, `${work}/mkosi/image`),
  ],
};
