/** Fedora and kin by dnf(8), of any host that has it. */
import * as v from "valibot";
import type { CreateStep, Creator } from "./creator.ts";
import { DISTRIBUTION_KEYS, DISTRIBUTION_KEYS_HINT } from "./distribution-keys.ts";
import { byForm, flag, strictOptions, word } from "./options.ts";
import { requireFile } from "./require-file.ts";
import { formatRepositories, type RpmRepository, repository, rpmMacros } from "./rpm-repository.ts";

const release = word(/^[A-Za-z0-9][A-Za-z0-9._]*$/, "42", "The release, dnf's $releasever");

const options = strictOptions("dnf", {
  release,
  repositories: v.optional(
    v.pipe(
      v.array(repository, "must be a list of repositories"),
      v.description("Where packages come from; Fedora's own when empty"),
    ),
    [],
  ),
  host_repositories: flag(false, "Take the repositories and the dnf.conf of the host instead"),
  rpm_database: v.optional(
    word(
      /^\/[A-Za-z0-9._/-]+$/,
      "/var/lib/rpm",
      "Where the distribution has its database of packages: /var/lib/rpm before Fedora 36 and Enterprise Linux 10",
    ),
    "/usr/lib/sysimage/rpm",
  ),
});

type Options = v.InferOutput<typeof options>;

const PACKAGES: readonly string[] = [
  "systemd",
  "bash",
  "ca-certificates",
  "dnf",
  "git",
  "git-lfs",
  "hostname",
  "iproute",
  "procps-ng",
];

export const dnf: Creator<Options> = {
  title: "Fedora and kin by dnf",
  schema: byForm<Options>([
    v.pipe(
      release,
      v.transform((text): Options => v.parse(options, { release: text })),
    ),
    options,
  ]),
  version: 1,
  tools: () => [{ command: "dnf", debian: "dnf" }],
  rolling: () => true,
  installsPackages: () => true,
  inputs: () => [],
  parent: () => undefined,
  plan: (chosen, { tree, work, packages, directory }) => {
    const isFedora = chosen.repositories.length === 0 && !chosen.host_repositories;
    const repositories = isFedora ? fedora(chosen.release) : chosen.repositories;
    return [
      ...(isFedora ? [requireFile(fedoraKey(chosen.release), DISTRIBUTION_KEYS_HINT)] : []),
      rpmMacros(work, chosen.rpm_database),
      ...(chosen.host_repositories ? [] : ownConfiguration(repositories, { work, directory })),
      {
        kind: "run",
        environment: { HOME: work },
        devices: true,
        argv: [
          ...["dnf", `--installroot=${tree}`, `--releasever=${chosen.release}`, "--assumeyes"],
          // The directory must be told here: in a file it would be sought in the tree (dnf(8)).
          ...(chosen.host_repositories
            ? []
            : [`--config=${work}/dnf.conf`, `--setopt=reposdir=${work}`]),
          ...["install", ...PACKAGES],
          // What holds /etc/os-release, by the name that all kin provide it.
          ...[isFedora ? "fedora-release" : "system-release", ...packages],
        ],
      },
    ];
  },
};

const ownConfiguration = (
  repositories: readonly RpmRepository[],
  { work, directory }: { readonly work: string; readonly directory: string },
): readonly CreateStep[] => [
  {
    kind: "write",
    path: `${work}/dnf.conf`,
    text: "[main]\ngpgcheck=1\ninstall_weak_deps=0\nplugins=0\n",
    mode: 0o644,
  },
  {
    kind: "write",
    path: `${work}/image.repo`,
    text: formatRepositories(repositories, directory),
    mode: 0o644,
  },
];

const fedoraKey = (of: string): string =>
  `${DISTRIBUTION_KEYS}/fedora/RPM-GPG-KEY-fedora-${of}-primary`;

/** As in fedora.repo and fedora-updates.repo of the package fedora-repos. */
const fedora = (of: string): readonly RpmRepository[] =>
  [
    ["fedora", "fedora-$releasever"],
    ["updates", "updates-released-f$releasever"],
  ].map(([name = "", repo = ""]) => ({
    name,
    metalink: `https://mirrors.fedoraproject.org/metalink?repo=${repo}&arch=$basearch`,
    keys: [fedoraKey(of)],
    signed: true,
  }));
