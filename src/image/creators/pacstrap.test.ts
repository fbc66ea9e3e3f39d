import { expect, test } from "bun:test";
import { factsOf, faultsOf, planOf } from "./testing.ts";

test("by its name alone: Arch Linux", () => {
  expect(planOf("pacstrap", { packages: ["make"] })).toMatchInlineSnapshot(`
    "write /scratch/pacman.conf (mode 644):
      | [options]
      | Architecture = auto
      | GPGDir = /scratch/gnupg
      | SigLevel = Required DatabaseOptional
      | [core]
      | Server = https://geo.mirror.pkgbuild.com/$repo/os/$arch
      | [extra]
      | Server = https://geo.mirror.pkgbuild.com/$repo/os/$arch
    bash -c '[ -e "$1" ] || { echo "There is no \\"$1\\". $2" >&2; exit 1; }' require-file /usr/share/keyrings/archlinux.gpg 'Install it: apt-get install archlinux-keyring'
    pacman-key --gpgdir=/scratch/gnupg --init
    pacman-key --gpgdir=/scratch/gnupg --populate archlinux
    pacstrap -C /scratch/pacman.conf -K -M /tree base ca-certificates git git-lfs inetutils make
    write /scratch/mirrorlist (mode 644):
      | Server = https://geo.mirror.pkgbuild.com/$repo/os/$arch
    install -D --mode=0644 -- /scratch/mirrorlist /tree/etc/pacman.d/mirrorlist"
  `);
  expect(factsOf("pacstrap")).toMatchInlineSnapshot(`
    {
      "inputs": [],
      "installsPackages": true,
      "parent": undefined,
      "rolling": true,
      "tools": "pacstrap:arch-install-scripts pacman:pacman-package-manager pacman-key:pacman-package-manager makepkg:makepkg",
    }
  `);
});

test("a repository whose packages are not signed needs no keys", () => {
  const plan = planOf({
    pacstrap: { mirror: "file:///srv/$repo", repositories: ["local"], signed: false },
  });
  expect(plan).toContain("SigLevel = Never\n  | [local]\n  | Server = file:///srv/$repo");
  expect(plan).not.toContain("pacman-key");
});

test("a repository that would be a line of its own is refused", () => {
  expect(faultsOf({ pacstrap: { repositories: ["core]\nSigLevel = Never"] } })).toBe(
    'create.pacstrap.repositories.0 must look like "core"',
  );
});
