/** Debian and Ubuntu by mmdebstrap(1): the creator of definitions that name none. */
import * as v from "valibot";
import type { Creator } from "./creator.ts";
import { DEBIAN_PACKAGES, suite, suiteOf } from "./debian.ts";
import { ADDRESS, byForm, choice, hostPath, lines, strictOptions } from "./options.ts";

const options = strictOptions("mmdebstrap", {
  suite: v.optional(suite),
  mirrors: lines(
    "http://deb.debian.org/debian",
    "Where packages come from: addresses, lines of sources.list, or files of either kind of sources; the distribution's own when empty",
  ),
  components: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.regex(/^[a-z][a-z-]*$/, 'must look like "main"'))),
      v.description("Components of the archive, for mirrors that are addresses; main when empty"),
    ),
    [],
  ),
  variant: choice(
    ["essential", "apt", "buildd", "required", "minbase", "important", "standard"],
    "minbase",
    "Which packages every image has, as in mmdebstrap(1)",
  ),
  architectures: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.regex(/^[a-z0-9-]+$/, 'must look like "amd64"'))),
      v.description("The architecture, and foreign ones after it; the host's when empty"),
    ),
    [],
  ),
  keyrings: lines(
    "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
    "Files or directories with the keys of the mirrors; those that apt trusts when empty",
  ),
});

type Options = v.InferOutput<typeof options>;

export const mmdebstrap: Creator<Options> = {
  title: "Debian, Ubuntu and kin by mmdebstrap",
  schema: byForm<Options>([
    v.pipe(
      suite,
      v.transform((text): Options => v.parse(options, { suite: text })),
    ),
    options,
  ]),
  version: 1,
  tools: () => [{ command: "mmdebstrap", debian: "mmdebstrap" }],
  rolling: () => true,
  installsPackages: () => true,
  inputs: ({ mirrors, keyrings }, { directory }) =>
    [...mirrors.filter(isFile), ...keyrings].map((path) => hostPath(directory, path)),
  parent: () => undefined,
  plan: (chosen, { tree, name, packages, directory }) => [
    {
      kind: "run",
      argv: [
        "mmdebstrap",
        "--mode=root",
        // It would go by the target's name otherwise: "….tar" makes a tar archive.
        "--format=directory",
        `--variant=${chosen.variant}`,
        `--include=${[...DEBIAN_PACKAGES, ...packages].join(",")}`,
        ...listed("--components", chosen.components),
        ...listed("--architectures", chosen.architectures),
        ...chosen.keyrings.map((path) => `--keyring=${hostPath(directory, path)}`),
        suiteOf(chosen, name),
        tree,
        ...chosen.mirrors.map((mirror) => (isFile(mirror) ? hostPath(directory, mirror) : mirror)),
      ],
    },
  ],
};

const listed = (option: string, values: readonly string[]): readonly string[] =>
  values.length === 0 ? [] : [`${option}=${values.join(",")}`];

/** As mmdebstrap tells them apart: what is neither a line nor an address is a file of sources. */
const isFile = (mirror: string): boolean => !/^deb(-src)? /.test(mirror) && !ADDRESS.test(mirror);
