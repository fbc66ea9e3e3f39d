#!/bin/sh
# Waits until a process is gone and then ends its machines:  PID START-TICKS DRIVER...
# A unit of its own for each such process, for hours and days: a shell that looks once a second is
# small. `tail --pid` would take the next process of that id, and a dead one that waits for its
# parent, for the living.

pid=$1 ticks=$2
shift 2

# proc_pid_stat(5): behind the name in parentheses come the state and, as the 20th, the start. The name
# may hold anything, the end of a line too.
lives() {
  line=
  { while IFS= read -r part; do line="$line $part"; done <"/proc/$pid/stat"; } 2>/dev/null || return 1
  # shellcheck disable=SC2086
  set -- ${line##*) }
  case ${1-} in Z | X) return 1 ;; esac
  [ "${20-}" = "$ticks" ]
}

while lives; do sleep 1; done
exec "$@" internal-owner-gone "$pid" "$ticks"
