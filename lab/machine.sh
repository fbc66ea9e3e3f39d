# The life of a lab: made, booted, entered, removed.
#
# All of its processes are in one cgroup, all of its mounts in one mount namespace: when the
# processes are dead, mounts and loop devices are gone too, and only files are left to remove.
# $lab holds: kind, ready (FIFO), console.log, cgroup (path), pid (of what it lives in, once it is up).
#
# What differs between kinds is in nspawn.sh and vm.sh: lay_out_KIND fills $lab and sets $base,
# KIND_pid is told the supervisor's, KIND_is_up, KIND_inside, boot_limit_KIND (seconds); lab/become-KIND.
# shellcheck shell=bash disable=SC2154

lab_is_up() { [ -s "$lab/pid" ] && [ -s "$lab/cgroup" ] && "$(lab_kind)_is_up"; }

# Written down when it is made, so that only `up` has to be told.
lab_kind() { cat "$lab/kind" 2>/dev/null || echo "$kind"; }

# lab_locked COMMAND...: one thing at a time happens to a lab.
lab_locked() {
  mkdir -p "$labs"
  exec 8>"$labs/.$name.lock"
  flock 8
  "$@"
  exec 8>&-
}

lab_up() {
  if lab_is_up; then
    [ "$(lab_kind)" = "$kind" ] || die "Lab \"$name\" is up already, and is of kind \"$(lab_kind)\"."
    return 0
  fi
  local base
  lab_down
  trap 'lab_down' EXIT
  trap 'exit 130' INT TERM HUP
  mkdir -p "$lab"
  mkfifo "$lab/ready"
  echo "$kind" >"$lab/kind"
  "lay_out_$kind"
  start_lab "$base"
  await_lab
  trap - EXIT INT TERM HUP
  say "Lab \"$name\" is up."
}

# Started apart from this script, which it outlives, until `down`.
start_lab() {
  if [ -d /run/systemd/system ]; then
    systemd-run --quiet --collect --unit="nspawn-runner-lab-$name" --property=Delegate=yes --property=KillMode=control-group \
      --property=StandardOutput="append:$lab/console.log" --property=StandardError="append:$lab/console.log" \
      "$project/lab/supervise" "$lab" "$1" "$project" "" "$project/lab/become-$kind" 8>&-
  else
    setsid "$project/lab/supervise" "$lab" "$1" "$project" "nspawn-runner-lab/$name" "$project/lab/become-$kind" \
      </dev/null >>"$lab/console.log" 2>&1 8>&- &
    disown
  fi
}

# The lab says that it has booted; whether it died before that has to be looked at.
await_lab() {
  local word='' supervisor='' limit=boot_limit_$kind seconds=0
  if [ -s "$lab/pid" ]; then supervisor=$(<"$lab/supervisor"); fi
  exec 7<>"$lab/ready"
  while [ "$seconds" -lt "${!limit}" ]; do
    seconds=$((seconds + 1))
    # The first word is the supervisor's PID, the second comes from inside.
    if read -rt 1 word <&7; then
      case $word in
        up) break ;;
        failed) die "The lab could not make itself ready: $(<"$lab/disks/ready.log")" ;;
        *) supervisor=$word ;;
      esac
    elif [ -n "$supervisor" ] && ! [ -d "/proc/$supervisor" ]; then
      die "The lab died while it booted: $(tail -n 5 "$lab/console.log")"
    fi
  done
  exec 7<&-
  [ "$word" = up ] || die "The lab did not boot within ${!limit} s: $(tail -n 5 "$lab/console.log")"
  echo "$supervisor" >"$lab/supervisor"
  "${kind}_pid" "$supervisor" >"$lab/pid"
}

# A command in it, with a plain environment.
lab_inside() {
  "$(lab_kind)_inside" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    TERM="${TERM:-dumb}" LANG=C.UTF-8 ${CI:+"CI=$CI"} ${NO_COLOR:+"NO_COLOR=$NO_COLOR"} "$@"
}

lab_run() {
  lab_is_up || die "Lab \"$name\" is not up: script/lab up"
  local variables=()
  while [ "${1-}" = -e ]; do variables+=("$2") && shift 2; done
  [ "${1-}" != -- ] || shift
  [ $# -gt 0 ] || die "What shall run? script/lab run [-e NAME=VALUE]... CMD..."
  lab_inside ${variables[@]+"${variables[@]}"} sh -c 'cd /src && exec "$@"' sh "$@"
}

lab_status() {
  lab_is_up || { say "Lab \"$name\" is not up." && return 1; }
  # shellcheck disable=SC2016
  say "Lab \"$name\" is up: $(lab_inside sh -c '. /etc/os-release; echo "$PRETTY_NAME"; systemctl --version | head -n 1' | paste -sd' '), in process $(<"$lab/pid")"
  case " $(lab_inside cat /sys/fs/cgroup/cgroup.controllers) " in
    *" memory "*) ;;
    *) say "It has no memory controller: the host's is bound to cgroup v1, or not delegated." ;;
  esac
}

# Works on whatever is there: half up, its supervisor killed, or already gone.
lab_down() {
  [ -d "$lab" ] || return 0
  local cgroup
  if [ -s "$lab/cgroup" ]; then
    cgroup=$(<"$lab/cgroup")
    # Waits while the kernel ends them: it sends no event that a shell could wait for.
    while [ -d "$cgroup" ]; do
      echo 1 >"$cgroup/cgroup.kill" 2>/dev/null || true
      find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
      [ ! -d "$cgroup" ] || sleep 0.05
    done
  fi
  rm -rf --one-file-system "$lab" "$labs/$name.root.lck"
}

# Labs whose supervisor is dead. One that is coming up holds its lock; what has no "ready" is not a
# lab of these scripts, and stays.
lab_gc() {
  local found
  for found in "$labs"/*/; do
    [ -p "$found/ready" ] || continue
    name=$(basename "$found") lab=$labs/$name
    (
      flock -n 8 || exit 0
      if ! lab_is_up; then
        lab_down
        say "Removed what was left of lab \"$name\"."
      fi
    ) 8>"$labs/.$name.lock"
  done
}
