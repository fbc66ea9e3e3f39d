# Labs of kind "nspawn": in a container, on the host's own kernel. See lab/become-nspawn for how.
# $lab holds besides: upper work root (overlay over the base), disks.
# shellcheck shell=bash disable=SC2034,SC2154

boot_limit_nspawn=120

lay_out_nspawn() {
  local fixtures kind
  base=$(lab_base)
  fixtures=$(lab_fixtures)
  mkdir -p "$lab"/{upper,work,root,disks}
  for kind in "${fixture_kinds[@]}"; do
    cp --sparse=always --reflink=auto "$fixtures/$kind.img" "$lab/disks/"
    rename_copy "$kind" "$lab/disks/$kind.img"
  done
}

# The lab's PID 1.
nspawn_pid() { pgrep -P "$1"; }

# Its supervisor and its PID 1 both live. Either can be killed without the other.
nspawn_is_up() {
  local cgroup
  cgroup=$(<"$lab/cgroup")
  grep -qs . "$cgroup/supervisor/cgroup.procs" && grep -qsxFf "$lab/pid" "$cgroup/payload/init.scope/cgroup.procs"
}

# Whatever runs in the lab joins its cgroup first, so that `down` ends it too.
nspawn_inside() {
  local leader cgroup
  leader=$(<"$lab/pid") cgroup=$(<"$lab/cgroup")
  mkdir -p "$cgroup/payload/lab-run"
  # shellcheck disable=SC2016
  sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$cgroup/payload/lab-run" \
    nsenter --target "$leader" --mount --uts --ipc --net --pid --cgroup --root --wd -- "$@"
}
