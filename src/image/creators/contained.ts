/**
 * Tools that mount things in a tree, or start what outlives them (gpg its agents, packages their
 * services), run in a mount and a PID namespace of their own: however they end, no mount and no
 * process stays, and a tree can always be removed.
 */

/**
 * `argv` in namespaces that end with it, and with whoever is asked to end it: unshare(1) lets no
 * SIGTERM through, so that a shell before it takes the signal, and the kernel does the rest.
 */
export const contained = (argv: readonly string[]): readonly string[] => [
  ...["bash", "-c", RUN_CONTAINED, "contained", ...argv],
];

const RUN_CONTAINED =
  'setpriv --pdeathsig KILL -- unshare --mount-proc --pid --fork --kill-child -- "$@"; exit $?';

/**
 * `argv`, contained, while the tree has a /proc and the usual devices: scripts of packages that run
 * in the tree write to /dev/null, and would leave a plain file of that name. Not for tools that
 * mount them themselves. No /sys: packages hold that directory, and must be able to set its mode.
 */
export const containedWithDevices = (tree: string, argv: readonly string[]): readonly string[] =>
  contained(["bash", "-euo", "pipefail", "-c", MOUNT_AND_RUN, "devices", tree, ...argv]);

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
