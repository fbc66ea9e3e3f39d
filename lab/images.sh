# The images that tests and demo find in each root directory.
#   trixie     Debian with systemd, as chroot-create makes it, and what tests serve with
#   nosystemd  Debian without an init: the agent alone runs in it
#   nobash     busybox, and nothing else
# shellcheck shell=bash disable=SC2154

make_trixie() {
  debian_tree trixie systemd,systemd-sysv,dbus,bash,ca-certificates,git,git-lfs,hostname,iproute2,procps,curl,python3 "$1"
  : >"$1/etc/machine-id"
}

make_nosystemd() { debian_tree trixie bash,git,ca-certificates,hostname "$1"; }

make_nobash() {
  mkdir -p "$1"/{bin,etc,root,tmp,usr/bin,usr/sbin,sbin,proc,sys,dev,run,var}
  cp "$(lab_base)/usr/bin/busybox" "$1/bin/busybox"
  chroot "$1" /bin/busybox --install -s
  echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
  echo 'root:x:0:' >"$1/etc/group"
  echo 'ID=busybox' >"$1/etc/os-release"
}

lab_images=(trixie nosystemd nobash)

make_image_set() {
  local image
  for image in "${lab_images[@]}"; do
    say "Making the image \"$image\" (once)."
    mkdir "$1/$image"
    "make_$image" "$1/$image"
  done
}
