/**
 * Repositories of the size of a fist, made and signed in the lab: one package each, with busybox as
 * a root file system, that provides all which a creator asks for. So the real dnf, zypper and pacman
 * run the real command lines without Fedora, openSUSE and Arch Linux at hand.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { command } from "./harness.ts";

export interface TinyRepository {
  readonly path: string;
  /** File with the public key that its packages are signed with. */
  readonly key: string;
}

/** Runs a script of bash to its end; fails with all that it said. */
export async function shell(script: string, ...args: readonly string[]): Promise<string> {
  const ended = await command("bash", "-euo", "pipefail", "-c", script, "bash", ...args);
  if (ended.code !== 0) throw new Error(`${script}\n${ended.stdout}${ended.stderr}`);
  return ended.stdout;
}

/** A key without a passphrase, for signing what follows. */
export async function makeKey(home: string, name: string): Promise<string> {
  mkdirSync(home, { mode: 0o700 });
  await shell(
    `export GNUPGHOME=$1
    gpg --batch --quiet --passphrase '' --quick-generate-key "$2" rsa2048 sign never
    gpg --armor --export "$2" >"$1.asc"
    gpg --export "$2" >"$1.gpg"
    gpgconf --kill all`,
    home,
    name,
  );
  return `${home}.asc`;
}

/** The root file system of all packages. */
const ROOT = `
for name in bin dev etc proc sys tmp usr/bin var; do mkdir -p "$root/$name"; done
cp /usr/bin/busybox "$root/bin/busybox"
for name in sh bash ls cat test; do ln -s busybox "$root/bin/$name"; done
echo ID=tiny >"$root/etc/os-release"
`;

/** What scripts of packages do: one writes away its output. */
const SCRIPT = "echo useless >/dev/null\n/bin/test -e /proc/self/exe && echo ran >/etc/script-ran";

/** `provides` are packages by their names. */
export async function makeRpmRepository(
  path: string,
  home: string,
  provides: readonly string[],
): Promise<TinyRepository> {
  mkdirSync(path);
  writeFileSync(
    `${path}/tiny.spec`,
    `Name: tiny
Version: 1
Release: 1
Summary: A root file system
License: GPL-2.0-only
AutoReqProv: no
${provides.map((name) => `Provides: ${name} = 1`).join("\n")}
%description
Busybox.
%install
root=%{buildroot}
${ROOT}
%post -p /bin/sh
${SCRIPT}
%files
%attr(0555,root,root) %dir /proc
%attr(0555,root,root) %dir /sys
%dir /dev
/bin
/etc
/tmp
/usr
/var
`,
  );
  await shell(
    `export GNUPGHOME=$2
    rpmbuild --quiet -bb --define "_topdir $1/build" --define "_rpmdir $1" "$1/tiny.spec"
    rpmsign --define "_gpg_name tiny" --addsign "$1"/*/tiny-*.rpm
    createrepo_c --quiet "$1"
    gpg --batch --armor --detach-sign "$1/repodata/repomd.xml"
    cp "$2.asc" "$1/repodata/repomd.xml.key"
    gpgconf --kill all`,
    path,
    home,
  );
  return { path, key: `${home}.asc` };
}

/** pacman's packages are archives with a description in them: PKGINFO of BUILDINFO(5) and makepkg(8). */
export async function makePacmanRepository(
  path: string,
  home: string,
  provides: readonly string[],
): Promise<TinyRepository> {
  mkdirSync(path);
  mkdirSync(`${path}/root`);
  const about = ["pkgname = tiny", "pkgbase = tiny", "pkgver = 1-1", "pkgdesc = busybox"];
  writeFileSync(
    `${path}/root/.PKGINFO`,
    [...about, "arch = any", ...provides.map((name) => `provides = ${name}`), ""].join("\n"),
  );
  writeFileSync(`${path}/root/.INSTALL`, `post_install() {\n${SCRIPT}\n}\n`);
  await shell(
    `export GNUPGHOME=$2 root=$1/root
    ${ROOT}
    cd "$1/root"
    tar --zstd --owner=0 --group=0 -cf "$1/tiny-1-1-any.pkg.tar.zst" .PKGINFO .INSTALL *
    cd "$1"
    gpg --batch --detach-sign tiny-1-1-any.pkg.tar.zst
    repo-add --quiet --include-sigs tiny.db.tar.gz tiny-1-1-any.pkg.tar.zst
    gpgconf --kill all`,
    path,
    home,
  );
  return { path, key: `${home}.gpg` };
}
