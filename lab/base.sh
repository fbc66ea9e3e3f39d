# The root file system of labs: made once for a release and a list of packages, then shared.
# shellcheck shell=bash disable=SC2154

lab_packages=(
  systemd systemd-sysv systemd-container dbus udev kmod
  btrfs-progs xfsprogs e2fsprogs util-linux mmdebstrap ca-certificates
  bash git curl jq iproute2 nftables procps hostname busybox-static python3-minimal
)

# What only tests of images need, half a gigabyte: a lab with --tools has them besides.
lab_tool_packages=(
  ansible debootstrap skopeo umoci docker-registry mkosi dnf createrepo-c rpm gnupg zypper
  pacman-package-manager arch-install-scripts makepkg libarchive-tools zstd libcap2-bin
)

# The mirror of the host, so that a lab needs nothing the host does not have.
debian_mirror() {
  local found
  found=$(grep -rhoE '^(URIs: *|deb (\[[^]]*\] )?)https?://[^ ]+/debian/?( |$)' \
    /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | grep -oE 'https?://[^ ]+' | head -n 1)
  printf '%s' "$found"
}

# debian_tree RELEASE PACKAGES TARGET: from the host's mirror when it has one.
debian_tree() {
  local mirror
  mirror=$(debian_mirror || true)
  # Its quiet mode leaves out why apt refused.
  if ! mmdebstrap --mode=root --variant=minbase --include="$2" "$1" "$3" ${mirror:+"$mirror"} 2>"$3.log"; then
    tail -n 8 "$3.log" >&2
    return 1
  fi
  rm "$3.log"
}

# cached NAME COMMAND...: the path of a directory that COMMAND, given a directory to fill, made
# once. A half-made one is never used, and two at once make it once.
cached() {
  local target=$cache/lab/$1
  shift
  mkdir -p "$cache/lab"
  # No "|| die" behind this: bash ignores errexit in all that has one, and would keep a half.
  (
    trap '[ $? = 0 ] || say "ERROR: Cannot make $target."' EXIT
    flock 9
    [ ! -e "$target" ] || exit 0
    rm -rf --one-file-system "$target.part" "$target.part.log"
    mkdir "$target.part"
    "$@" "$target.part" >&2
    mv "$target.part" "$target"
  ) 9>"$target.lock"
  printf '%s' "$target"
}

make_base() {
  say "Making the lab's root file system (once)."
  local packages=("${lab_packages[@]}" ${tools:+"${lab_tool_packages[@]}"})
  debian_tree "$release" "$(IFS=,; echo "${packages[*]}")" "$1"
  : >"$1/etc/machine-id"
  rm -f "$1/etc/hostname"
  # Needless here, and each holds up the boot: nobody sits at the console.
  local unit
  for unit in console-getty.service systemd-logind.service apt-daily.timer apt-daily-upgrade.timer; do
    ln -sf /dev/null "$1/etc/systemd/system/$unit"
  done
  cat >"$1/etc/systemd/system/lab-ready.service" <<'UNIT'
[Unit]
Description=What script/lab waits for
After=multi-user.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/src/lab/ready.sh
UNIT
  mkdir -p "$1/etc/systemd/system/multi-user.target.wants"
  ln -s ../lab-ready.service "$1/etc/systemd/system/multi-user.target.wants/"
  ln -s /src/dist/nspawn-runner "$1/usr/local/bin/nspawn-runner"
  mkdir -p "$1/src" "$1"/fs/{btrfs,xfs,ext4,tmpfs,.disks}
  touch "$1/fs/.ready"
}

lab_base() {
  local key
  key=$(printf '%s\n' "$release" "${lab_packages[@]}" | cat - "$project/lab/base.sh" | sha256sum | cut -c1-12)
  cached "base-$release${tools:+-tools}-$key" make_base
}
