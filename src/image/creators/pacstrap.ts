/** Arch Linux and kin by pacstrap(8). */
import * as v from "valibot";
import type { CreateStep, Creator } from "./creator.ts";
import { byForm, flag, line, strictOptions, word } from "./options.ts";
import { requireFile } from "./require-file.ts";

const mirror = line(
  "https://geo.mirror.pkgbuild.com/$repo/os/$arch",
  "Address of the mirror, with $repo and $arch as pacman.conf(5) knows them",
);

const options = strictOptions("pacstrap", {
  mirror: v.optional(mirror, "https://geo.mirror.pkgbuild.com/$repo/os/$arch"),
  repositories: v.optional(
    v.pipe(
      v.array(word(/^[a-z0-9][a-z0-9._-]*$/, "core", "A repository")),
      v.description("Names of the repositories"),
    ),
    ["core", "extra"],
  ),
  keyring: v.optional(
    word(
      /^[a-z0-9][a-z0-9-]*$/,
      "archlinux",
      "Keys that packages must be signed with: NAME.gpg where pacman-key --populate finds it",
    ),
    "archlinux",
  ),
  signed: flag(true, "Whether packages must be signed"),
});

type Options = v.InferOutput<typeof options>;

/** base brings systemd, bash and pacman; hostname is in inetutils. */
const PACKAGES: readonly string[] = ["base", "ca-certificates", "git", "git-lfs", "inetutils"];

export const pacstrap: Creator<Options> = {
  title: "Arch Linux and kin by pacstrap",
  schema: byForm<Options>([
    v.pipe(
      mirror,
      v.transform((text): Options => v.parse(options, { mirror: text })),
    ),
    options,
  ]),
  version: 1,
  tools: () => [
    { command: "pacstrap", debian: "arch-install-scripts" },
    { command: "pacman", debian: "pacman-package-manager" },
    { command: "pacman-key", debian: "pacman-package-manager" },
    // pacman-key sources files of it (pacman-package-manager 7.0.0-1 only recommends it).
    { command: "makepkg", debian: "makepkg" },
  ],
  rolling: () => true,
  installsPackages: () => true,
  inputs: () => [],
  parent: () => undefined,
  plan: (chosen, { tree, work, packages }) => [
    { kind: "write", path: `${work}/pacman.conf`, text: pacmanConf(chosen, work), mode: 0o644 },
    ...(chosen.signed ? keySteps(chosen.keyring, work) : []),
    {
      kind: "run",
      argv: [
        ...["pacstrap", "-C", `${work}/pacman.conf`],
        // The tree gets a keyring of its own, which its archlinux-keyring fills, and no mirrors of the host.
        ...["-K", "-M", tree, ...PACKAGES, ...packages],
      ],
    },
    { kind: "write", path: `${work}/mirrorlist`, text: `Server = ${chosen.mirror}\n`, mode: 0o644 },
    {
      // That of the package names mirrors in comments only.
      kind: "run",
      argv: [
        ...["install", "-D", "--mode=0644", "--", `${work}/mirrorlist`],
        `${tree}/etc/pacman.d/mirrorlist`,
      ],
    },
  ],
};

/** None of the host's: pacman.conf(5). `GPGDir` is not taken from the tree by itself. */
function pacmanConf(chosen: Options, work: string): string {
  return [
    "[options]",
    "Architecture = auto",
    `GPGDir = ${work}/gnupg`,
    `SigLevel = ${chosen.signed ? "Required DatabaseOptional" : "Never"}`,
    ...chosen.repositories.flatMap((name) => [`[${name}]`, `Server = ${chosen.mirror}`]),
    "",
  ].join("\n");
}

/** A keyring for this creation alone. */
function keySteps(keyring: string, work: string): readonly CreateStep[] {
  const key = ["pacman-key", `--gpgdir=${work}/gnupg`];
  return [
    requireFile(
      `/usr/share/keyrings/${keyring}.gpg`,
      `Install it: apt-get install ${keyring}-keyring`,
    ),
    { kind: "run", argv: [...key, "--init"] },
    { kind: "run", argv: [...key, "--populate", keyring] },
  ];
}
