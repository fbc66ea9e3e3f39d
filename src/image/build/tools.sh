# What a build does inside its machine: functions, one of which the last line calls. POSIX sh, and
# only what busybox has besides the distribution's own package manager.
set -eu
export DEBIAN_FRONTEND=noninteractive

package_manager() {
  for command in apt-get dnf zypper pacman apk; do
    if command -v "$command" >/dev/null; then
      echo "$command"
      return
    fi
  done
  echo none
}

apt_get() { apt-get -q -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"; }

upgrade_packages() {
  case $(package_manager) in
    apt-get) apt_get update && apt_get --yes dist-upgrade && apt_get --yes autoremove ;;
    dnf) dnf --assumeyes upgrade --refresh ;;
    zypper) zypper --non-interactive refresh && zypper --non-interactive dist-upgrade ;;
    pacman) pacman --noconfirm -Syu ;;
    apk) apk upgrade --update-cache ;;
    none) ;;
  esac
}

refresh_packages() {
  case $(package_manager) in
    apt-get) apt_get -o APT::Update::Error-Mode=any update ;;
    dnf) dnf --assumeyes makecache ;;
    zypper) zypper --non-interactive refresh ;;
    pacman) pacman --noconfirm -Sy ;;
    apk) apk update ;;
    none) ;;
  esac
}

# add_packages NAME...: from the lists as they are.
add_packages() {
  case $(package_manager) in
    apt-get) apt_get --yes --no-install-recommends install -- "$@" ;;
    dnf) dnf --assumeyes install -- "$@" ;;
    zypper) zypper --non-interactive install -- "$@" ;;
    pacman) pacman --noconfirm -S --needed -- "$@" ;;
    apk) apk add -- "$@" ;;
    none)
      echo "This image has no package manager that is known here; install these otherwise: $*" >&2
      return 1
      ;;
  esac
}

install_packages() {
  refresh_packages
  add_packages "$@"
}

# Ansible's modules are Python.
need_python() { command -v python3 >/dev/null || install_packages python3; }

# set_units enable|mask NAME...
set_units() {
  if ! command -v systemctl >/dev/null; then
    echo "This image has no systemctl to $1 units with." >&2
    return 1
  fi
  systemctl "$@"
}

# Lines for the host, each a fact: of packages, of the image's user, of what GitLab Runner's scripts
# will miss.
describe() {
  case $(package_manager) in
    apt-get) dpkg-query -W -f 'package ${Package} ${Version} ${db:Status-Status}\n' | sed -n 's/ installed$//p' ;;
    dnf | zypper) rpm -qa --qf 'package %{NAME} %{VERSION}-%{RELEASE}\n' ;;
    pacman) pacman -Q | sed 's/^/package /' ;;
    apk) apk info -v 2>/dev/null | sed -nE 's/^(.*)-([0-9][^-]*-r[0-9]+)$/package \1 \2/p' ;;
    none) ;;
  esac
  if [ -n "${1-}" ]; then
    while IFS=: read -r name _ uid gid _ home _; do
      [ "$name" != "$1" ] || echo "user $name $uid $gid $home"
    done </etc/passwd
  fi
  for command in git git-lfs bash; do
    command -v "$command" >/dev/null || echo "missing $command"
  done
  [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] ||
    [ -e /etc/ssl/cert.pem ] || [ -e /etc/ssl/ca-bundle.pem ] || echo "missing ca-certificates"
}

# Leaves nothing that two machines must not share, and little that only takes space. The machine
# is not booted: nothing writes behind it.
seal() {
  case $(package_manager) in
    apt-get)
      apt-get clean
      rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
      ;;
    dnf) dnf clean all ;;
    zypper) zypper clean --all ;;
    pacman) rm -rf /var/cache/pacman/pkg/* ;;
    apk) rm -rf /var/cache/apk/* ;;
    none) ;;
  esac
  # machine-id(5), "First Boot Semantics": an empty file is filled anew at each boot.
  if [ -e /etc/machine-id ] || [ -e /lib/systemd/systemd ] || [ -e /usr/lib/systemd/systemd ]; then
    : >/etc/machine-id
  fi
  [ -L /var/lib/dbus/machine-id ] || rm -f /var/lib/dbus/machine-id
  rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
  rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
  rm -rf /var/log/journal/* /root/.ansible /tmp/* /tmp/.[!.]* /var/tmp/* /var/tmp/.[!.]*
  if [ -d /var/log ]; then
    find /var/log -type f \( -name '*.gz' -o -name '*.[0-9]' -o -name '*.old' \) -exec rm -f {} +
    find /var/log -type f -exec sh -c 'for file; do : >"$file"; done' sh {} +
  fi
  # What the first boot after an update would do (ConditionNeedsUpdate= of systemd.unit(5)) is done.
  if [ -d /usr ]; then
    for stamp in /etc/.updated /var/.updated; do
      [ ! -d "${stamp%/*}" ] || touch -r /usr "$stamp"
    done
  fi
  [ -L /etc/resolv.conf ] || : >/etc/resolv.conf
  # The agent names every machine there.
  if [ -e /etc/hosts ]; then
    hosts=$(sed '/^127\.0\.1\.1[[:space:]]build-[a-z0-9]*$/d' /etc/hosts)
    printf '%s\n' "$hosts" >/etc/hosts
  fi
}

