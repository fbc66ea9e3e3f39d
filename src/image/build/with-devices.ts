/**
 * `argv`, while the tree has a /proc and the usual devices: scripts of packages that run in the tree
 * write to /dev/null, and would leave a plain file of that name. Not for tools that mount them
 * themselves. No /sys: packages hold that directory, and must be able to set its mode. What is mounted
 * goes with the creation's unit, which alone sees it.
 */
export const withDevices = (tree: string, argv: readonly string[]): readonly string[] => [
  ...["bash", "-euo", "pipefail", "-c", MOUNT_AND_RUN, "devices", tree, ...argv],
];

const MOUNT_AND_RUN = `
mkdir -p "$1/proc" "$1/dev"
mount -t proc proc "$1/proc"
mount -t tmpfs -o mode=0755,size=1m dev "$1/dev"
for device in null zero full random urandom tty; do
  : >"$1/dev/$device"
  mount --bind "/dev/$device" "$1/dev/$device"
done
ln -s /proc/self/fd "$1/dev/fd"
shift
exec "$@"`;
