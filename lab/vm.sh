# Labs of kind "vm": in QEMU, with a kernel of their own. See lab/become-vm for how.
# $lab holds besides: *.qcow2 (its disks), monitor.* guest.* (FIFOs), image (link), accelerator.
# shellcheck shell=bash disable=SC2034,SC2154

# Without KVM, on a computer that is busy.
boot_limit_vm=300
lab_vm_packages=(openssh-server)

# A directory with: vmlinuz, initrd, root.raw and ext4.raw (disks that labs put theirs on), key and
# known_hosts (what ssh needs).
lab_vm_image() {
  local key fixtures
  fixtures=$(lab_fixtures)
  key=$(printf '%s\n' "$release" "$fixtures" "${lab_packages[@]}" "${lab_vm_packages[@]}" |
    cat - "$project/lab/base.sh" "$project/lab/vm.sh" <(tar --sort=name --mtime=@0 --owner=0 --group=0 -C "$project/lab" -c vm) |
    sha256sum | cut -c1-12)
  cached "vm-$release${tools:+-tools}-$key" make_vm_image "$fixtures"
}

make_vm_image() {
  local fixtures=$1 target=$2 lab_packages=("${lab_packages[@]}" "${lab_vm_packages[@]}")
  chmod 700 "$target"
  mkdir "$target/tree"
  make_base "$target/tree"
  say "Making the kernel and the disks of labs in a VM (once)."
  add_vm_kernel "$target"
  add_vm_settings "$target"
  mkfs.ext4 -q -d "$target/tree" "$target/root.raw" "$fixture_size" >/dev/null
  rm -rf --one-file-system "$target/tree"
  # What project quotas need is in the file system, not in how it is mounted, and a host's own
  # kernel may refuse it, so that this one is not for other labs.
  cp --sparse=always --reflink=auto "$fixtures/ext4.img" "$target/ext4.raw"
  tune2fs -O project,quota -Q prjquota "$target/ext4.raw" >/dev/null
}

# Debian's cloud kernel, unpacked: its scripts would make an initramfs that asks udev what is there,
# which takes longer than all of our boot. Ours loads two drivers.
add_vm_kernel() {
  local target=$1 tree=$1/tree mirror version module number=10
  mirror=$(debian_mirror || true)
  mmdebstrap --quiet --mode=root --variant=extract --include=linux-image-cloud-amd64 "$release" "$target/kernel" \
    ${mirror:+"$mirror"}
  mv "$target"/kernel/boot/vmlinuz-* "$target/vmlinuz"
  version=$(cd "$target/kernel" && echo ./{usr/,}lib/modules/*/kernel | grep -oE '[0-9][^/*]*' | head -n 1)
  mkdir -p "$tree/usr/lib/modules"
  mv "$target"/kernel/{usr/,}lib/modules/"$version" "$tree/usr/lib/modules/" 2>/dev/null || true
  rm -rf --one-file-system "$target/kernel"
  chroot "$tree" depmod "$version"
  mkdir -p "$target/initramfs"/{dev,proc,root,modules}
  cp "$tree/usr/bin/busybox" "$project/lab/vm/init" "$target/initramfs/"
  for module in $(chroot "$tree" modprobe --set-version "$version" --show-depends --all virtio_blk virtio_net | sed -n 's/^insmod //p'); do
    number=$((number + 1))
    case $module in
      *.xz) xz -dc "$tree/$module" ;;
      *) cat "$tree/$module" ;;
    esac >"$target/initramfs/modules/$number-$(basename "${module%.xz}")"
  done
  (cd "$target/initramfs" && find . | ./busybox cpio -o -H newc 2>/dev/null | gzip -1 >"$target/initrd")
  rm -rf "$target/initramfs"
}

add_vm_settings() {
  local target=$1 tree=$1/tree unit
  cp -a --no-preserve=ownership "$project/lab/vm/etc/." "$tree/etc/"
  for unit in getty@.service serial-getty@.service ssh.service ssh.socket; do
    ln -sf /dev/null "$tree/etc/systemd/system/$unit"
  done
  # It looks for a socket family that QEMU has not been given, and fails.
  mkdir -p "$tree/etc/systemd/system-generators"
  ln -s /dev/null "$tree/etc/systemd/system-generators/systemd-ssh-generator"
  # ConditionNeedsUpdate= of systemd.unit(5): nothing has changed since it was made.
  touch "$tree/etc/.updated" "$tree/var/.updated"
  ssh-keygen -q -t ed25519 -N '' -C lab -f "$target/key"
  mv "$target/key.pub" "$tree/etc/ssh/lab_authorized_keys"
  ssh-keygen -q -t ed25519 -N '' -C lab -f "$tree/etc/ssh/lab_host_key"
  echo "lab $(<"$tree/etc/ssh/lab_host_key.pub")" >"$target/known_hosts"
}

# Whether /dev/kvm works here is tried once a boot of this computer: it may be there, and hang.
accelerator() {
  local image=$1 verdict said=''
  verdict=$labs/.accelerator-$(</proc/sys/kernel/random/boot_id)
  if [ ! -s "$verdict" ]; then
    if [ -e /dev/kvm ]; then
      # Not waited for: what hangs in the kernel does not hear SIGKILL.
      read -rt 12 said < <(timeout -s KILL 10 qemu-system-x86_64 -accel kvm -machine q35 -cpu max -m 256 -nodefaults -display none \
        -no-user-config -no-reboot -kernel "$image/vmlinuz" -initrd "$image/initrd" -append "lab.probe panic=-1 quiet" >/dev/null 2>&1 8>&-; echo "$?") || true
    fi
    if [ "$said" = 0 ]; then echo kvm; else echo tcg; fi >"$verdict"
  fi
  cat "$verdict"
}

need_vm_tools() {
  need qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils ssh:openssh-client xz:xz-utils &&
    { [ -x /usr/lib/qemu/virtiofsd ] || need /usr/libexec/virtiofsd:virtiofsd; }
}

lay_out_vm() {
  [ "$(uname -m)" = x86_64 ] || die "A lab in a VM needs a host of x86-64: this one is of $(uname -m)."
  need_vm_tools || die "A lab in a VM needs QEMU, virtiofsd and ssh, which cannot be installed here (see above)."
  local image kind
  image=$(lab_vm_image)
  ln -s "$image" "$lab/image"
  mkfifo "$lab"/monitor.{in,out} "$lab/guest.in"
  ln -s ready "$lab/guest.out"
  overlay_disk "$image/root.raw" root
  overlay_disk "$image/ext4.raw" ext4
  for kind in btrfs xfs; do overlay_disk "$(lab_fixtures)/$kind.img" "$kind"; done
  accelerator "$image" >"$lab/accelerator"
  base=$image
}

# What a lab changes is in a file of its own; two labs' kernels never meet, so nothing is renamed.
overlay_disk() { qemu-img create -q -f qcow2 -F raw -b "$1" "$lab/$2.qcow2"; }

vm_is_up() { grep -qsxFf "$lab/pid" "$(<"$lab/cgroup")/cgroup.procs"; }

vm_pid() { echo "$1"; }

# ssh hands over one line of shell. That shell waits, so that a signal becomes 128 and more as anywhere,
# and keeps to itself what it has to say of it.
vm_inside() {
  local line tty=(-T)
  line="exec 3>&2 2>/dev/null; $(printf '%q ' "$@") 2>&3 3>&-; exit \$?"
  if [ -t 0 ] && [ -t 1 ]; then tty=(-t); fi
  nsenter --target "$(<"$lab/pid")" --net -- \
    ssh -F none "${tty[@]}" -i "$lab/image/key" -o UserKnownHostsFile="$lab/image/known_hosts" -o HostKeyAlias=lab \
    -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR -o ServerAliveInterval=20 -o ServerAliveCountMax=6 root@127.0.0.1 "$line"
}

# An orderly reboot. Whoever asks may be ended by it, before the answer.
vm_reboot() { lab_inside systemctl start --no-block reboot.target 2>/dev/null || true; }

# What happens when a person presses the button: what the guest had not written to its disks is lost.
vm_power_cut() { echo system_reset >"$lab/monitor.in"; }

# vm_again COMMAND: makes it start anew, and waits until it is up.
vm_again() {
  lab_is_up || die "Lab \"$name\" is not up: script/lab --vm up"
  [ "$(lab_kind)" = vm ] || die "Lab \"$name\" is not a VM: it cannot be restarted by itself."
  kind=vm
  # What earlier boots said.
  exec 7<>"$lab/ready"
  while read -rt 0.05 _ <&7; do :; done
  "$1"
  await_lab
}
