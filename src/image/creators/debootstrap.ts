/** Debian and kin by debootstrap(8), for hosts that have it and not mmdebstrap. */
import * as v from "valibot";
import type { Creator } from "./creator.ts";
import { DEBIAN_PACKAGES, suite, suiteOf } from "./debian.ts";
import { byForm, choice, hostPath, line, strictOptions, word } from "./options.ts";

const options = strictOptions("debootstrap", {
  suite: v.optional(suite),
  mirror: v.optional(
    line(
      "http://deb.debian.org/debian",
      "Where packages come from; the distribution's own when absent",
    ),
  ),
  components: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.regex(/^[a-z][a-z-]*$/, 'must look like "main"'))),
      v.description("Components of the archive; main when empty"),
    ),
    [],
  ),
  variant: choice(
    ["minbase", "buildd", "important"],
    "minbase",
    "Which packages every image has, as in debootstrap(8); important is what it calls no variant",
  ),
  architecture: v.optional(
    word(/^[a-z0-9-]+$/, "amd64", "The architecture; the host's when absent"),
  ),
  keyring: v.optional(
    line(
      "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
      "File with the keys of the archive; the distribution's own when absent",
    ),
  ),
});

type Options = v.InferOutput<typeof options>;

export const debootstrap: Creator<Options> = {
  title: "Debian, Ubuntu and kin by debootstrap",
  schema: byForm<Options>([
    v.pipe(
      suite,
      v.transform((text): Options => v.parse(options, { suite: text })),
    ),
    options,
  ]),
  version: 1,
  tools: () => [{ command: "debootstrap", debian: "debootstrap" }],
  rolling: () => true,
  // It does not resolve virtual packages and alternatives (debootstrap(8), --include): what a
  // definition asks for is left to apt.
  installsPackages: () => false,
  inputs: ({ keyring }, { directory }) =>
    keyring === undefined ? [] : [hostPath(directory, keyring)],
  parent: () => undefined,
  plan: (chosen, { tree, name, directory }) => [
    {
      kind: "run",
      argv: [
        "debootstrap",
        // Without it an archive whose keys the host has not is taken unchecked.
        "--force-check-sig",
        ...(chosen.variant === "important" ? [] : [`--variant=${chosen.variant}`]),
        `--include=${DEBIAN_PACKAGES.join(",")}`,
        ...(chosen.components.length === 0 ? [] : [`--components=${chosen.components.join(",")}`]),
        ...(chosen.architecture === undefined ? [] : [`--arch=${chosen.architecture}`]),
        ...(chosen.keyring === undefined
          ? []
          : [`--keyring=${hostPath(directory, chosen.keyring)}`]),
        suiteOf(chosen, name),
        tree,
        ...(chosen.mirror === undefined ? [] : [chosen.mirror]),
      ],
    },
  ],
};
