/** What the creators of Debian images share. */
import * as v from "valibot";

export const suite = v.pipe(
  v.string(),
  v.regex(/^[a-z][a-z0-9-]{0,40}$/, "must be the name of a suite, such as trixie, bookworm or sid"),
);

/** What a job's machine needs: an init, and what GitLab Runner's scripts call. */
export const DEBIAN_PACKAGES: readonly string[] = [
  "systemd",
  "systemd-sysv",
  "dbus",
  "bash",
  "ca-certificates",
  "git",
  "git-lfs",
  "hostname",
  "iproute2",
  "procps",
];
