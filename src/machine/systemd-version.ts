/** Whether the host's systemd is new enough. Asked only once something has failed. */

/** Older ones were never tried; Debian 12 has this one. */
const SYSTEMD_MIN = 252;

/** Pure: what `systemctl --version` prints → a sentence when it is too old. */
export function explainOldSystemd(version: string): string | undefined {
  const number = Number(/^systemd (\d+)/.exec(version)?.[1]);
  if (!(number < SYSTEMD_MIN)) return undefined;
  return `This host has systemd ${number}; nspawn-runner needs ${SYSTEMD_MIN} or newer.`;
}
