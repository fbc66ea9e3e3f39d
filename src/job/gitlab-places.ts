/**
 * Where the job's GitLab is, from those who cannot be forged by a job: the `repo_url` that GitLab
 * writes into each job (lib/ci/job_response of GitLab: no variable has a part in it), and the `url`
 * and `clone_url` that the administrator has written into GitLab Runner's own config.toml. Variables
 * such as CI_SERVER_URL say it too, and a job may set those to whatever it likes.
 */
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import { findOwner } from "../machine/owner.ts";
import { type NetworkTarget, parseNetworkTarget } from "../network/network-target.ts";

/** Where GitLab Runner of root looks (its documentation, "Configuration file location"). */
const RUNNER_CONFIG = "/etc/gitlab-runner/config.toml";
const CONFIG_MAX_BYTES = 4 * 1024 * 1024;

/** Each once, by name or address, with its port. */
export async function findGitlab(
  host: Parameters<typeof findOwner>[0] & Pick<Host, "files" | "log">,
  repositoryUrl: string | undefined,
): Promise<NetworkTarget[]> {
  const urls = [repositoryUrl ?? [], ...(await readRunnerUrls(host))].flat();
  const places = new Set(urls.flatMap((url) => placeOfUrl(url) ?? []));
  return [...places].flatMap((place) => parseNetworkTarget(place) ?? []);
}

const PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443", "ssh:": "22" };

/** NAME:PORT of a URL; nothing of what is none. Pure. */
export function placeOfUrl(text: string): string | undefined {
  const url = URL.parse(text);
  const port = url === null ? undefined : url.port || PORTS[url.protocol];
  return url === null || port === undefined || url.hostname === ""
    ? undefined
    : `${url.hostname}:${port}`;
}

const schema = v.object({
  runners: v.optional(
    v.array(v.object({ url: v.optional(v.string()), clone_url: v.optional(v.string()) })),
    [],
  ),
});

/** Of all runners in the file: each is the administrator's. One that cannot be read says nothing. */
async function readRunnerUrls(
  host: Parameters<typeof findOwner>[0] & Pick<Host, "files" | "log">,
): Promise<string[]> {
  const owner = findOwner(host);
  if (owner === undefined) return [];
  try {
    const words = host.files.readText(`/proc/${owner.pid}/cmdline`).split("\0");
    const path = configOf(words) ?? host.environment.CONFIG_FILE ?? RUNNER_CONFIG;
    const { parse } = await import("smol-toml");
    return urlsOfRunners(parse(host.files.readText(path, CONFIG_MAX_BYTES)));
  } catch (error) {
    // Its message may quote the file, which holds tokens.
    host.log.debug(`# GitLab Runner's configuration says no url: ${errorName(error)}`);
    return [];
  }
}

const errorName = (error: unknown): string => (error instanceof Error ? error.name : typeof error);

/** `--config PATH`, `-c PATH`, `--config=PATH`. Pure. */
export function configOf(words: readonly string[]): string | undefined {
  for (const [index, word] of words.entries()) {
    const [, path] = /^--?c(?:onfig)?(?:=(.*))?$/s.exec(word) ?? [];
    if (path !== undefined) return path;
    if (/^--?c(?:onfig)?$/.test(word)) return words[index + 1];
  }
  return undefined;
}

/** Pure. Throws when it is no such configuration. */
export function urlsOfRunners(toml: unknown): string[] {
  const { runners } = v.parse(schema, toml);
  return runners.flatMap((runner) => [runner.url ?? [], runner.clone_url ?? []].flat());
}
