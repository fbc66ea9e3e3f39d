/** Debian and Ubuntu by mmdebstrap(1): the creator of definitions that name none. */
import * as v from "valibot";
import type { Creator } from "./creator.ts";
import { DEBIAN_PACKAGES, suite } from "./debian.ts";

const options = v.strictObject({
  /** The image's name when absent. */
  suite: v.optional(suite),
  /** Where packages come from: lines or addresses as mmdebstrap takes them; the host's own when empty. */
  mirrors: v.optional(v.array(v.pipe(v.string(), v.minLength(1))), []),
  components: v.optional(v.array(v.pipe(v.string(), v.regex(/^[a-z][a-z-]*$/))), []),
  variant: v.optional(
    v.picklist(["essential", "apt", "required", "minbase", "important", "standard"]),
    "minbase",
  ),
  architectures: v.optional(v.array(v.pipe(v.string(), v.regex(/^[a-z0-9-]+$/))), []),
});

type Options = v.InferOutput<typeof options>;

export const mmdebstrap: Creator<Options> = {
  title: "Debian, Ubuntu and kin by mmdebstrap",
  schema: v.union([
    options,
    v.pipe(
      suite,
      v.transform((text): Options => v.parse(options, { suite: text })),
    ),
  ]),
  version: 1,
  tools: () => [{ command: "mmdebstrap", debian: "mmdebstrap" }],
  rolling: () => true,
  installsPackages: () => true,
  inputs: () => [],
  parent: () => undefined,
  plan: (chosen, { tree, name, packages }) => [
    {
      kind: "run",
      argv: [
        "mmdebstrap",
        "--mode=root",
        `--variant=${chosen.variant}`,
        `--include=${[...DEBIAN_PACKAGES, ...packages].join(",")}`,
        ...(chosen.components.length === 0 ? [] : [`--components=${chosen.components.join(",")}`]),
        ...(chosen.architectures.length === 0
          ? []
          : [`--architectures=${chosen.architectures.join(",")}`]),
        chosen.suite ?? name,
        tree,
        ...chosen.mirrors,
      ],
    },
  ],
};
