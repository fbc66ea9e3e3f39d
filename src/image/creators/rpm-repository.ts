/** Repositories of RPM packages, as dnf and zypper read them, and what both need of rpm. */
import { pathToFileURL } from "node:url";
import * as v from "valibot";
import type { CreateStep } from "./creator.ts";
import { ADDRESS, flag, hostPath, line, lines, strictOptions, word } from "./options.ts";

const address = (kind: string) =>
  v.optional(line("https://example.org/repo", `${kind} of the repository`));

export const repository = v.pipe(
  strictOptions("a repository", {
    name: word(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "updates", "Name of the repository"),
    url: address("Address"),
    metalink: address("Address of the metalink"),
    mirrorlist: address("Address of the list of mirrors"),
    keys: lines(
      "/usr/share/distribution-gpg-keys/fedora/RPM-GPG-KEY-fedora-42-primary",
      "Files or addresses of the keys that packages are signed with",
    ),
    signed: flag(true, "Whether packages must be signed"),
  }),
  v.check(
    ({ url, metalink, mirrorlist }) =>
      [url, metalink, mirrorlist].filter((text) => text !== undefined).length === 1,
    "must have one of url, metalink, mirrorlist",
  ),
  v.check(({ keys, signed }) => !signed || keys.length > 0, 'must have "keys", or "signed: false"'),
);

export type RpmRepository = v.InferOutput<typeof repository>;

/** All of them as one .repo file: dnf.conf(5). */
export function formatRepositories(
  repositories: readonly RpmRepository[],
  directory: string,
): string {
  return repositories
    .map(({ name, url, metalink, mirrorlist, keys, signed }) =>
      [
        `[${name}]`,
        `name=${name}`,
        ...Object.entries({ baseurl: url, metalink, mirrorlist }).flatMap(([key, value]) =>
          value === undefined ? [] : [`${key}=${value}`],
        ),
        "enabled=1",
        "autorefresh=1",
        `gpgcheck=${signed ? 1 : 0}`,
        ...(signed ? [`gpgkey=${keys.map((key) => keyAddress(key, directory)).join(" ")}`] : []),
        "",
      ].join("\n"),
    )
    .join("\n");
}

/** Blanks part the addresses of a list: in a file's address they are escaped. */
const keyAddress = (key: string, directory: string): string =>
  ADDRESS.test(key) ? key.replaceAll(" ", "%20") : pathToFileURL(hostPath(directory, key)).href;

/**
 * Tells rpm where the tree's own rpm looks for its database: Debian's has another place. To be used
 * with HOME=`work` (rpm(8), "~/.rpmmacros").
 */
export const rpmMacros = (work: string, database: string): CreateStep => ({
  kind: "write",
  path: `${work}/.rpmmacros`,
  text: `%_dbpath ${database}\n`,
  mode: 0o644,
});
