import { expect, test } from "bun:test";
import { factsOf, faultsOf, planOf } from "./testing.ts";

test("by its name alone: openSUSE Tumbleweed", () => {
  expect(planOf("zypper", { packages: ["make"] })).toMatchInlineSnapshot(`
    "bash -c '[ -e "$1" ] || { echo "There is no \\"$1\\". $2" >&2; exit 1; }' require-file /usr/share/distribution-gpg-keys/opensuse/RPM-GPG-KEY-openSUSE 'Install it: apt-get install distribution-gpg-keys; where that has no such key, give keys of your own.'
    bash -c '[ -e "$1" ] || { echo "There is no \\"$1\\". $2" >&2; exit 1; }' require-file /usr/share/distribution-gpg-keys/opensuse/RPM-GPG-KEY-openSUSE-2022 'Install it: apt-get install distribution-gpg-keys; where that has no such key, give keys of your own.'
    bash -c '[ -e "$1" ] || { echo "There is no \\"$1\\". $2" >&2; exit 1; }' require-file /usr/share/distribution-gpg-keys/opensuse/RPM-GPG-KEY-openSUSE-Leap-SLE 'Install it: apt-get install distribution-gpg-keys; where that has no such key, give keys of your own.'
    write /scratch/.rpmmacros (mode 644):
      | %_dbpath /usr/lib/sysimage/rpm
    write /scratch/image.repo (mode 644):
      | [oss]
      | name=oss
      | baseurl=https://download.opensuse.org/tumbleweed/repo/oss/
      | enabled=1
      | autorefresh=1
      | gpgcheck=1
      | gpgkey=file:///usr/share/distribution-gpg-keys/opensuse/RPM-GPG-KEY-openSUSE file:///usr/share/distribution-gpg-keys/opensuse/RPM-GPG-KEY-openSUSE-2022 file:///usr/share/distribution-gpg-keys/opensuse/RPM-GPG-KEY-openSUSE-Leap-SLE

      | [update]
      | name=update
      | baseurl=https://download.opensuse.org/update/tumbleweed/
      | enabled=1
      | autorefresh=1
      | gpgcheck=1
      | gpgkey=file:///usr/share/distribution-gpg-keys/opensuse/RPM-GPG-KEY-openSUSE file:///usr/share/distribution-gpg-keys/opensuse/RPM-GPG-KEY-openSUSE-2022 file:///usr/share/distribution-gpg-keys/opensuse/RPM-GPG-KEY-openSUSE-Leap-SLE
    install -D --mode=0644 -- /scratch/image.repo /tree/etc/zypp/repos.d/image.repo
    HOME=/scratch rpm --root=/tree --import /usr/share/distribution-gpg-keys/opensuse/RPM-GPG-KEY-openSUSE
    HOME=/scratch rpm --root=/tree --import /usr/share/distribution-gpg-keys/opensuse/RPM-GPG-KEY-openSUSE-2022
    HOME=/scratch rpm --root=/tree --import /usr/share/distribution-gpg-keys/opensuse/RPM-GPG-KEY-openSUSE-Leap-SLE
    with devices: HOME=/scratch zypper --root=/tree --non-interactive install --no-recommends --auto-agree-with-licenses systemd bash ca-certificates-mozilla dbus-1 git git-lfs hostname iproute2 procps zypper distribution-release make"
  `);
  expect(factsOf("zypper")).toMatchInlineSnapshot(`
    {
      "inputs": [],
      "installsPackages": true,
      "parent": undefined,
      "rolling": true,
      "tools": "zypper:zypper rpm:rpm",
    }
  `);
});

test("a text is a release", () => {
  expect(planOf({ zypper: "15.6" })).toContain("/distribution/leap/15.6/repo/oss/");
});

test("repositories of one's own", () => {
  const plan = planOf({
    zypper: { repositories: [{ name: "local", url: "file:///srv/repo", signed: false }] },
  });
  expect(plan).toContain("baseurl=file:///srv/repo");
  expect(plan).not.toContain("--import");
});

test("a release that is none is refused", () => {
  expect(faultsOf({ zypper: "42" })).toBe('create.zypper must look like "tumbleweed"');
});
