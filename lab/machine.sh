# The life of a lab: made, booted, entered, removed.
#
# All of its processes are in one cgroup, all of its mounts in one mount namespace: when the
# processes are dead, mounts and loop devices are gone too, and only files are left to remove.
# $lab holds: upper work root (overlay over the base), disks, ready (FIFO), console.log,
# cgroup (path), pid (its PID 1, once it is up).
# shellcheck shell=bash disable=SC2154

# Its supervisor and its PID 1 both live. Either can be killed without the other.
lab_is_up() {
  [ -s "$lab/pid" ] && [ -s "$lab/cgroup" ] || return 1
  local cgroup
  cgroup=$(<"$lab/cgroup")
  grep -qs . "$cgroup/supervisor/cgroup.procs" && grep -qsxFf "$lab/pid" "$cgroup/payload/init.scope/cgroup.procs"
}

# lab_locked COMMAND...: one thing at a time happens to a lab.
lab_locked() {
  mkdir -p "$labs"
  exec 8>"$labs/.$name.lock"
  flock 8
  "$@"
  exec 8>&-
}

lab_up() {
  if lab_is_up; then return 0; fi
  local base fixtures kind
  lab_down
  base=$(lab_base)
  fixtures=$(lab_fixtures)
  trap 'lab_down' EXIT
  trap 'exit 130' INT TERM HUP
  mkdir -p "$lab"/{upper,work,root,disks}
  mkfifo "$lab/ready"
  for kind in "${fixture_kinds[@]}"; do
    cp --sparse=always --reflink=auto "$fixtures/$kind.img" "$lab/disks/"
    rename_copy "$kind" "$lab/disks/$kind.img"
  done
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
      "$project/lab/supervise" "$lab" "$1" "$project" "" 8>&-
  else
    setsid "$project/lab/supervise" "$lab" "$1" "$project" "nspawn-runner-lab/$name" \
      </dev/null >>"$lab/console.log" 2>&1 8>&- &
    disown
  fi
}

# The lab says that it has booted; whether it died before that has to be looked at.
await_lab() {
  local word='' supervisor=''
  exec 7<>"$lab/ready"
  for _ in {1..120}; do
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
  [ "$word" = up ] || die "The lab did not boot within 120 s: $(tail -n 5 "$lab/console.log")"
  pgrep -P "$supervisor" >"$lab/pid"
}

# Whatever runs in the lab joins its cgroup first, so that `down` ends it too.
lab_inside() {
  local leader cgroup
  leader=$(<"$lab/pid") cgroup=$(<"$lab/cgroup")
  mkdir -p "$cgroup/payload/lab-run"
  # shellcheck disable=SC2016
  sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$cgroup/payload/lab-run" \
    nsenter --target "$leader" --mount --uts --ipc --net --pid --cgroup --root --wd -- \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
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
  say "Lab \"$name\" is up: $(lab_inside sh -c '. /etc/os-release; echo "$PRETTY_NAME"; systemctl --version | head -n 1' | paste -sd' '), PID 1 is $(<"$lab/pid")."
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
