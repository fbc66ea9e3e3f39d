/** What comes and goes on a host without any job, and is therefore no difference. Each with its reason. */

interface Volatile {
  readonly matches: RegExp;
  readonly why: string;
}

export const VOLATILE: readonly Volatile[] = [
  {
    matches:
      /\b(systemd-tmpfiles-clean|dpkg-db-backup|e2scrub_all|fstrim|xfs_scrub|logrotate|man-db)/,
    why: "the host's own chores, which its timers start",
  },
  {
    matches: /\bsystemd-(update-utmp|hostnamed|timedated|localed)\b/,
    why: "services of the host that start when asked and end by themselves",
  },
  {
    matches: /^\/(run|var)\/log\/journal\/.*@/,
    why: "the journal rotates its files as they fill",
  },
  {
    matches: /^\/run\/systemd\/journal\/(flushed|synced)$/,
    why: "what the journal tells those who wait for it",
  },
  {
    // 1879048192 to 2147352575 (src/machine/id-range.ts).
    matches: /\/user-(1[89]|2[01])\d{8}\.journal\b/,
    why: "one of a thousand killed machines leaves it: docs/reliability.md, the journal's files",
  },
  {
    matches: /^fs\/inotify\//,
    why: "labs beside this one have the same kernel, and tests that set its limits",
  },
  {
    matches:
      /^\/run\/systemd\/(ask-password|inaccessible|incoming|mount-rootfs|propagate|transient)$/,
    why: "directories of systemd's own that it makes when it first needs them",
  },
];

export function isVolatile(name: string): boolean {
  return VOLATILE.some(({ matches }) => matches.test(name));
}
