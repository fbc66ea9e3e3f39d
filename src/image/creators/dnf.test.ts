import { expect, test } from "bun:test";
import { factsOf, faultsOf, planOf } from "./testing.ts";

test("a text is a release of Fedora", () => {
  expect(planOf({ dnf: "42" }, { packages: ["make"] })).toMatchInlineSnapshot(`
    "bash -c '[ -e "$1" ] || { echo "There is no \\"$1\\". $2" >&2; exit 1; }' require-file /usr/share/distribution-gpg-keys/fedora/RPM-GPG-KEY-fedora-42-primary 'Install it: apt-get install distribution-gpg-keys; where that has no such key, give keys of your own.'
    write /scratch/.rpmmacros (mode 644):
      | %_dbpath /usr/lib/sysimage/rpm
    write /scratch/dnf.conf (mode 644):
      | [main]
      | gpgcheck=1
      | install_weak_deps=0
      | plugins=0
    write /scratch/image.repo (mode 644):
      | [fedora]
      | name=fedora
      | metalink=https://mirrors.fedoraproject.org/metalink?repo=fedora-$releasever&arch=$basearch
      | enabled=1
      | autorefresh=1
      | gpgcheck=1
      | gpgkey=file:///usr/share/distribution-gpg-keys/fedora/RPM-GPG-KEY-fedora-42-primary

      | [updates]
      | name=updates
      | metalink=https://mirrors.fedoraproject.org/metalink?repo=updates-released-f$releasever&arch=$basearch
      | enabled=1
      | autorefresh=1
      | gpgcheck=1
      | gpgkey=file:///usr/share/distribution-gpg-keys/fedora/RPM-GPG-KEY-fedora-42-primary
    with devices: HOME=/scratch dnf --installroot=/tree --releasever=42 --assumeyes --config=/scratch/dnf.conf --setopt=reposdir=/scratch install systemd bash ca-certificates dnf git git-lfs hostname iproute procps-ng fedora-release make"
  `);
  expect(factsOf({ dnf: "42" })).toMatchInlineSnapshot(`
    {
      "inputs": [],
      "installsPackages": true,
      "parent": undefined,
      "rolling": true,
      "tools": "dnf:dnf",
    }
  `);
});

test("repositories of one's own, with another place for rpm's database", () => {
  const repositories = [
    {
      name: "baseos",
      mirrorlist: "https://mirrors.almalinux.org/mirrorlist/$releasever/baseos",
      keys: ["keys/alma 9", "https://repo.almalinux.org/almalinux/RPM-GPG-KEY-AlmaLinux-9"],
    },
    { name: "local", url: "file:///srv/repo", signed: false },
  ];
  expect(
    planOf({ dnf: { release: "9", repositories, rpm_database: "/var/lib/rpm" } }),
  ).toMatchInlineSnapshot(`
    "write /scratch/.rpmmacros (mode 644):
      | %_dbpath /var/lib/rpm
    write /scratch/dnf.conf (mode 644):
      | [main]
      | gpgcheck=1
      | install_weak_deps=0
      | plugins=0
    write /scratch/image.repo (mode 644):
      | [baseos]
      | name=baseos
      | mirrorlist=https://mirrors.almalinux.org/mirrorlist/$releasever/baseos
      | enabled=1
      | autorefresh=1
      | gpgcheck=1
      | gpgkey=file:///defs/keys/alma%209 https://repo.almalinux.org/almalinux/RPM-GPG-KEY-AlmaLinux-9

      | [local]
      | name=local
      | baseurl=file:///srv/repo
      | enabled=1
      | autorefresh=1
      | gpgcheck=0
    with devices: HOME=/scratch dnf --installroot=/tree --releasever=9 --assumeyes --config=/scratch/dnf.conf --setopt=reposdir=/scratch install systemd bash ca-certificates dnf git git-lfs hostname iproute procps-ng system-release"
  `);
});

test("the host's repositories: nothing of our own", () => {
  const plan = planOf({ dnf: { release: "42", host_repositories: true } });
  expect(plan).not.toContain("dnf.conf");
  expect(plan).not.toContain("reposdir");
  expect(plan).toContain("install systemd");
});

test.each([
  ["by its name alone", "dnf", "create.release must be given"],
  ["a number", { dnf: 42 }, "create.dnf must hold options of dnf: release"],
  [
    "a number as release",
    { dnf: { release: 42 } },
    'create.dnf.release must be a text, such as "42" (in quotes)',
  ],
  [
    "a repository without address",
    { dnf: { release: "9", repositories: [{ name: "a", signed: false }] } },
    "create.dnf.repositories.0 must have one of url, metalink, mirrorlist",
  ],
  [
    "one without keys",
    { dnf: { release: "9", repositories: [{ name: "a", url: "https://x" }] } },
    'create.dnf.repositories.0 must have "keys", or "signed: false"',
  ],
  [
    "one with a line too many",
    { dnf: { release: "9", repositories: [{ name: "a", url: "https://x\ngpgcheck=0" }] } },
    "create.dnf.repositories.0.url must be one line",
  ],
])("%s is refused", (_title, create, fault) => {
  expect(faultsOf(create)).toStartWith(fault);
});
