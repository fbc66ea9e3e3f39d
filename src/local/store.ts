/**
 * What jobs leave for later ones, between two calls of `exec` too: artifacts of a commit, and caches.
 * Beside git's own, as git-lfs has its files: they go with the clone, and whoever works in it may
 * write there. Written and read as who called us.
 */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import type { Invoker } from "./repository/invoker.ts";

export interface Store {
  artifactsOf(sha: string, job: string): string;
  /** Variables that the job's `reports: dotenv` hands on. */
  dotenvOf(sha: string, job: string): string;
  cacheOf(key: string): string;
  /** Whether there is such a file of an earlier job. */
  has(path: string): boolean;
  /** The words of a command that keeps its input under `path`, until `keep` or `drop`. */
  receive(path: string): readonly string[];
  /** What was received is whole. */
  keep(path: string): Promise<void>;
  drop(path: string): Promise<void>;
  readText(path: string): Promise<string>;
}

const TEXT_MAX_BYTES = 64 * 1024;

export function openStore(
  host: Host,
  invoker: Invoker,
  { gitDirectory }: { readonly gitDirectory: string },
): Store {
  const root = `${gitDirectory}/nspawn-runner`;
  const exec = (...words: readonly string[]) =>
    host.processes.exec([...invoker.words, ...words], {
      environment: invoker.environment,
      wait: WAITS.copy,
      outputMaxBytes: TEXT_MAX_BYTES,
    });
  return {
    artifactsOf: (sha, job) => `${root}/artifacts/${sha}/${hash(job)}.tar`,
    dotenvOf: (sha, job) => `${root}/artifacts/${sha}/${hash(job)}.env`,
    cacheOf: (key) => `${root}/cache/${hash(key)}.tar`,
    has: (path) => host.files.probe(path)?.kind === "file",
    receive: (path) => [...invoker.words, "sh", "-c", RECEIVE, "sh", path],
    keep: async (path) => {
      await exec("sh", "-c", KEEP, "sh", path, root);
    },
    drop: async (path) => {
      await exec("rm", "-f", "--", path, `${path}.part`);
    },
    readText: (path) => exec("cat", "--", path),
  };
}

const RECEIVE = `set -e
umask 077
mkdir -p "\${1%/*}"
exec cat >"$1.part"`;

/** Artifacts of the last few commits stay, and no more. */
const KEEP = `set -e
mv -f "$1.part" "$1"
cd "$2/artifacts" 2>/dev/null || exit 0
ls -t | tail -n +6 | xargs -r rm -rf --`;

/** Names of jobs and keys are a stranger's: no path is made of them. */
const hash = (text: string): string =>
  new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 32);
