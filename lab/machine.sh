# The life of a lab: made, booted, entered, removed.
# $lab holds: upper work root (overlay over the base), *.img, loops, pid (of its PID 1).
# shellcheck shell=bash disable=SC2154

lab_is_up() { [ -s "$lab/pid" ] && [ -d "/proc/$(cat "$lab/pid")" ]; }

lab_up() {
  if lab_is_up; then return 0; fi
  "$project/script/setup"
  lab_down
  local base fixtures
  base=$(lab_base)
  fixtures=$(lab_fixtures)
  trap 'lab_down' EXIT
  mkdir -p "$lab"/{upper,work,root}
  mount -t overlay -o "lowerdir=$base,upperdir=$lab/upper,workdir=$lab/work" overlay "$lab/root"
  attach_fixtures "$fixtures"
  boot_lab
  mount_fixtures
  trap - EXIT
  say "Lab \"$name\" is up."
}

attach_fixtures() {
  local kind loop
  for kind in "${fixture_kinds[@]}"; do
    cp --sparse=always --reflink=auto "$1/$kind.img" "$lab/$kind.img"
    rename_copy "$kind" "$lab/$kind.img"
    loop=$(losetup --find --show "$lab/$kind.img")
    echo "$kind $loop" >>"$lab/loops"
  done
}

boot_lab() {
  local device binds=()
  for device in /dev/fuse /dev/net/tun /dev/btrfs-control /dev/loop-control $(cut -d' ' -f2 "$lab/loops"); do
    [ ! -e "$device" ] || binds+=("--bind=$device")
  done
  # A session of its own: it outlives this script, until `down`.
  SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 setsid systemd-nspawn --quiet --directory="$lab/root" \
    --machine="lab-$name" --boot --register=no --keep-unit --capability=all --settings=no \
    --resolv-conf=copy-host --console=pipe "${binds[@]}" --bind="$project:/src" \
    </dev/null >"$lab/console.log" 2>&1 &
  local supervisor=$! leader=
  while leader=$(pgrep -P "$supervisor" | head -n 1) && [ -z "$leader" ] || [ -z "$leader" ]; do
    kill -0 "$supervisor" 2>/dev/null || die "The lab did not start: $(tail -n 3 "$lab/console.log")"
    read -rt 0.05 <> <(:) || true
  done
  echo "$leader" >"$lab/pid"
  await_boot
}

# There is no event for "its PID 1 listens"; from then on systemd itself tells when it is done.
await_boot() {
  local deadline=$((SECONDS + 120)) state
  while [ "$SECONDS" -lt "$deadline" ]; do
    lab_is_up || die "The lab died while it booted: $(tail -n 5 "$lab/console.log")"
    state=$(lab_inside systemctl is-system-running --wait 2>/dev/null || true)
    case $state in running | degraded) return 0 ;; esac
    read -rt 0.1 <> <(:) || true
  done
  die "The lab did not boot within 120 s: $(tail -n 5 "$lab/console.log")"
}

mount_fixtures() {
  local kind loop
  while read -r kind loop; do
    lab_inside mount "$loop" "/fs/$kind"
  done <"$lab/loops"
}

lab_inside() {
  nsenter --target "$(cat "$lab/pid")" --mount --uts --ipc --net --pid --cgroup --root --wd -- \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    TERM="${TERM:-dumb}" ${CI:+"CI=$CI"} ${NO_COLOR:+"NO_COLOR=$NO_COLOR"} "$@"
}

lab_run() {
  lab_is_up || die "Lab \"$name\" is not up: script/lab up"
  [ $# -gt 0 ] || die "What shall run? script/lab run CMD..."
  # In a scope of its own: what a command leaves behind is the lab's, and goes with it.
  # shellcheck disable=SC2016
  lab_inside sh -c 'cd /src && exec "$@"' sh "$@"
}

lab_status() {
  if lab_is_up; then say "Lab \"$name\" is up: PID 1 is $(cat "$lab/pid")."; else say "Lab \"$name\" is not up."; return 0; fi
  local controllers
  controllers=$(lab_inside cat /sys/fs/cgroup/cgroup.controllers)
  case " $controllers " in
    *" memory "*) ;;
    *) say "It has no memory controller: the host's are bound to cgroup v1." ;;
  esac
}

lab_down() {
  [ -d "$lab" ] || return 0
  local supervisor leader
  # Its PID 1 takes every process in it along; so does the supervisor where the PID was not kept.
  for supervisor in $(pgrep -f -- "--machine=lab-$name --boot" || true); do
    for leader in $(pgrep -P "$supervisor" || true); do kill -KILL "$leader" 2>/dev/null || true; done
    kill -KILL "$supervisor" 2>/dev/null || true
    tail --pid="$supervisor" -f /dev/null
  done
  local loop
  [ ! -e "$lab/loops" ] || while read -r _ loop; do losetup --detach "$loop" 2>/dev/null || true; done <"$lab/loops"
  while mountpoint -q "$lab/root"; do umount --lazy "$lab/root"; done
  rm -rf "$lab"
}
