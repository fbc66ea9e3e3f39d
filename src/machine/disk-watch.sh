#!/bin/sh
# Looks at a file system once a second, as long as there are machines:
#   ROOT BYTES INODES MACHINES DRIVER...
# and has the machine ended that has taken it below that many free bytes or inodes. One such unit for
# each root directory, and none when no machine is there: a shell is small.

root=$1 bytes=$2 inodes=$3 machines=$4
shift 4

# Free blocks for all but root, their size, free inodes.
is_short() {
  # shellcheck disable=SC2046
  set -- $(stat --file-system --format='%a %S %d' -- "$root")
  [ $# = 3 ] || return 1
  [ $(($1 * $2)) -lt "$bytes" ] || [ "$3" -lt "$inodes" ]
}

has_machines() {
  for machine in "$machines"/*; do [ ! -e "$machine" ] || return 0; done
  return 1
}

idle=0
# A root directory that was taken away has no disk.
while [ "$idle" -lt 30 ] && [ -d "$root" ]; do
  sleep 1
  if has_machines; then idle=0; else idle=$((idle + 1)); fi
  # Not again at once where nobody is to blame.
  if is_short; then "$@" internal-relieve-disk "$root" || sleep 10; fi
done
