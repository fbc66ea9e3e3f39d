/** openSUSE and kin by zypper(8). */
import * as v from "valibot";
import type { CreateStep, Creator } from "./creator.ts";
import { DISTRIBUTION_KEYS, DISTRIBUTION_KEYS_HINT } from "./distribution-keys.ts";
import { addressOrPath, byForm, strictOptions, word } from "./options.ts";
import { requireFile } from "./require-file.ts";
import { formatRepositories, type RpmRepository, repository, rpmMacros } from "./rpm-repository.ts";

const release = word(
  /^(tumbleweed|15\.[0-9])$/,
  "tumbleweed",
  "Release of openSUSE whose repositories are used: tumbleweed, or a Leap 15 such as 15.6",
);

const options = strictOptions("zypper", {
  release: v.optional(release, "tumbleweed"),
  repositories: v.optional(
    v.pipe(
      v.array(repository, "must be a list of repositories"),
      v.description("Where packages come from; those of the release when empty"),
    ),
    [],
  ),
});

type Options = v.InferOutput<typeof options>;

const PACKAGES: readonly string[] = [
  "systemd",
  "bash",
  "ca-certificates-mozilla",
  "dbus-1",
  "git",
  "git-lfs",
  "hostname",
  "iproute2",
  "procps",
  "zypper",
  // What holds /etc/os-release, by the name that all kin provide it.
  "distribution-release",
];

export const zypper: Creator<Options> = {
  title: "openSUSE and kin by zypper",
  schema: byForm<Options>([
    v.pipe(
      release,
      v.transform((text): Options => v.parse(options, { release: text })),
    ),
    options,
  ]),
  version: 1,
  tools: () => [
    { command: "zypper", debian: "zypper" },
    { command: "rpm", debian: "rpm" },
  ],
  rolling: () => true,
  installsPackages: () => true,
  inputs: () => [],
  parent: () => undefined,
  plan: (chosen, { tree, work, packages, directory }) => {
    const isOpensuse = chosen.repositories.length === 0;
    const repositories = isOpensuse ? opensuse(chosen.release) : chosen.repositories;
    const environment = { HOME: work };
    return [
      ...(isOpensuse ? OPENSUSE_KEYS.map((key) => requireFile(key, DISTRIBUTION_KEYS_HINT)) : []),
      rpmMacros(work, "/usr/lib/sysimage/rpm"),
      ...repositoriesInTree(formatRepositories(repositories, directory), { tree, work }),
      ...keysOf(repositories, directory).map(
        (key): CreateStep => ({
          kind: "run",
          environment,
          argv: ["rpm", `--root=${tree}`, "--import", key],
        }),
      ),
      {
        kind: "run",
        environment,
        devices: true,
        argv: [
          ...["zypper", `--root=${tree}`, "--non-interactive", "install"],
          ...["--no-recommends", "--auto-agree-with-licenses", ...PACKAGES, ...packages],
        ],
      },
    ];
  },
};

/** There zypper looks for them now, and later in the image. */
const repositoriesInTree = (
  text: string,
  { tree, work }: { readonly tree: string; readonly work: string },
): readonly CreateStep[] => [
  { kind: "write", path: `${work}/image.repo`, text, mode: 0o644 },
  {
    kind: "run",
    argv: [
      ...["install", "-D", "--mode=0644", "--", `${work}/image.repo`],
      `${tree}/etc/zypp/repos.d/image.repo`,
    ],
  },
];

/** zypper trusts what is in rpm's database, and asks for all else. */
const keysOf = (repositories: readonly RpmRepository[], directory: string): readonly string[] => [
  ...new Set(
    repositories.flatMap(({ signed, keys }) =>
      signed ? keys.map((key) => addressOrPath(directory, key)) : [],
    ),
  ),
];

const OPENSUSE_KEYS: readonly string[] = ["openSUSE", "openSUSE-2022", "openSUSE-Leap-SLE"].map(
  (name) => `${DISTRIBUTION_KEYS}/opensuse/RPM-GPG-KEY-${name}`,
);

/** As in the package openSUSE-release and its kin. */
function opensuse(release: string): readonly RpmRepository[] {
  const base = "https://download.opensuse.org";
  const places =
    release === "tumbleweed"
      ? [
          ["oss", `${base}/tumbleweed/repo/oss/`],
          ["update", `${base}/update/tumbleweed/`],
        ]
      : [
          ["oss", `${base}/distribution/leap/${release}/repo/oss/`],
          ["update", `${base}/update/leap/${release}/oss/`],
          ["sle-update", `${base}/update/leap/${release}/sle/`],
        ];
  return places.map(([name = "", url = ""]) => ({
    name,
    url,
    keys: [...OPENSUSE_KEYS],
    signed: true,
  }));
}
