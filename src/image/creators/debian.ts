/** What the creators of Debian images share. */
import * as v from "valibot";
import { RunnerError } from "../../text/errors.ts";

const SUITE = /^[a-z][a-z0-9-]{0,40}$/;

export const suite = v.pipe(
  v.string('must be the name of a suite, such as "trixie"'),
  v.regex(SUITE, "must be the name of a suite, such as trixie, bookworm or sid"),
  v.description("Name of the suite, such as trixie; the image's name when absent"),
);

/**
 * The suite that was asked for, or the one that the image is named after. Throws when its name
 * cannot be one.
 */
export function suiteOf(options: { readonly suite?: string | undefined }, image: string): string {
  if (options.suite !== undefined) return options.suite;
  if (SUITE.test(image)) return image;
  throw new RunnerError({
    kind: "system",
    message: `Cannot create the image "${image}": its name is not that of a suite, and no suite is given.`,
    hints: ['Give one in the definition, such as "nspawn_runner_chroot_suite: trixie".'],
  });
}

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
