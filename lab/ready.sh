#!/bin/sh
# Runs in a lab at the end of its boot: mounts the file systems to clone on, and says that it is up.
set -eu
exec 2>/fs/.disks/ready.log
trap '[ $? = 0 ] || echo failed >/fs/.ready' EXIT
# nspawn gives a lab no loop devices, and their numbers are shared with the host.
number=0
while [ "$number" -lt 64 ]; do
  [ -e "/dev/loop$number" ] || mknod -m 660 "/dev/loop$number" b 7 "$number"
  number=$((number + 1))
done
for disk in /fs/.disks/*.img; do
  kind=$(basename "$disk" .img)
  mount -o loop "$disk" "/fs/$kind"
done
mount -t tmpfs -o size=2g tmpfs /fs/tmpfs
echo up >/fs/.ready
