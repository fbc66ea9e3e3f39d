/** Whether what we write to a descriptor is in the journal by itself. */
import * as fs from "node:fs";

/**
 * systemd.exec(5), `$JOURNAL_STREAM`: device and inode of the stream that a service was given for its
 * output. The variable alone says nothing, for it is passed on to what the service starts.
 */
export function isJournalStream(fd: number, variable: string | undefined): boolean {
  if (variable === undefined) return false;
  try {
    const { dev, ino } = fs.fstatSync(fd, { bigint: true });
    return variable === `${dev}:${ino}`;
  } catch {
    // Closed: it leads nowhere.
    return false;
  }
}
