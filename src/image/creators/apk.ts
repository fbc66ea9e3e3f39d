/** Alpine Linux by its own package manager. */
import * as v from "valibot";
import type { CreateStep, Creator } from "./creator.ts";
import { DISTRIBUTION_KEYS, DISTRIBUTION_KEYS_HINT } from "./distribution-keys.ts";
import { byForm, flag, hostPath, line, strictOptions, word } from "./options.ts";
import { requireFile } from "./require-file.ts";

const release = word(
  /^(edge|[0-9]+\.[0-9]+)$/,
  "3.22",
  "The release: a number such as 3.22 (in quotes), or edge",
);

const options = strictOptions("apk", {
  release,
  mirror: v.optional(
    line("https://dl-cdn.alpinelinux.org/alpine", "Where packages come from"),
    "https://dl-cdn.alpinelinux.org/alpine",
  ),
  repositories: v.optional(
    v.pipe(
      v.array(word(/^[a-z0-9][a-z0-9._-]*$/, "main", "A repository")),
      v.description("Repositories of the release"),
    ),
    ["main", "community"],
  ),
  keys: v.optional(
    line(
      "/etc/apk/keys",
      "Directory with the keys that packages are signed with; Debian's copy of Alpine's when absent",
    ),
  ),
  signed: flag(true, "Whether packages must be signed"),
  architecture: v.optional(
    word(/^[a-z0-9_]+$/, "x86_64", "The architecture; that of the program when absent"),
  ),
  program: v.optional(
    line("./apk.static", "The program; a relative path begins at the definition's"),
    "apk",
  ),
});

type Options = v.InferOutput<typeof options>;

/** Alpine has no systemd: machines of it run without an init. */
const PACKAGES: readonly string[] = [
  "alpine-baselayout",
  "alpine-keys",
  "alpine-release",
  "apk-tools",
  "busybox",
  "musl-utils",
  "bash",
  "ca-certificates",
  "git",
  "git-lfs",
];

export const apk: Creator<Options> = {
  title: "Alpine Linux by apk",
  schema: byForm<Options>([
    v.pipe(
      release,
      v.transform((text): Options => v.parse(options, { release: text })),
    ),
    options,
  ]),
  version: 1,
  tools: (chosen) => [
    // One that is given by its path is known only together with the definition's directory.
    ...(chosen.program.includes("/")
      ? []
      : [
          {
            command: chosen.program,
            debian: undefined,
            hint: 'Debian has no apk: give "program", the apk.static out of Alpine\'s apk-tools-static, or create the image by "oci: docker.io/library/alpine" or a "tar" of its mini root file system.',
          },
        ]),
  ],
  rolling: () => true,
  installsPackages: () => true,
  inputs: (chosen, { directory }) =>
    chosen.keys === undefined ? [] : [hostPath(directory, chosen.keys)],
  parent: () => undefined,
  plan: (chosen, { tree, work, packages, directory }) => [
    ...(chosen.signed ? keySteps(chosen, { tree, directory }) : []),
    { kind: "write", path: `${work}/repositories`, text: formatRepositories(chosen), mode: 0o644 },
    {
      // There apk looks for them now, and later in the image.
      kind: "run",
      argv: [
        ...["install", "-D", "--mode=0644", "--", `${work}/repositories`],
        `${tree}/etc/apk/repositories`,
      ],
    },
    {
      kind: "run",
      devices: true,
      argv: [
        chosen.program.includes("/") ? hostPath(directory, chosen.program) : chosen.program,
        // apk(8): only global options come before the command.
        ...["--root", tree, "--no-cache"],
        ...(chosen.architecture === undefined ? [] : ["--arch", chosen.architecture]),
        ...(chosen.signed ? [] : ["--allow-untrusted"]),
        ...["add", "--initdb", ...PACKAGES, ...packages],
      ],
    },
  ],
};

function keySteps(
  { keys }: Options,
  { tree, directory }: { readonly tree: string; readonly directory: string },
): readonly CreateStep[] {
  const source =
    keys === undefined ? `${DISTRIBUTION_KEYS}/alpine-linux` : hostPath(directory, keys);
  return [
    ...(keys === undefined ? [requireFile(source, DISTRIBUTION_KEYS_HINT)] : []),
    { kind: "run", argv: ["mkdir", "--parents", "--", `${tree}/etc/apk/keys`] },
    {
      kind: "run",
      argv: ["cp", "--recursive", "--dereference", "--", `${source}/.`, `${tree}/etc/apk/keys`],
    },
  ];
}

const formatRepositories = ({ release, mirror, repositories }: Options): string =>
  repositories
    .map((name) => `${mirror}/${release === "edge" ? release : `v${release}`}/${name}\n`)
    .join("");
