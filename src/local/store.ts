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
  /** What is to be under `path`, once it is whole. */
  receive(path: string): Draft;
  readText(path: string): Promise<string>;
}

/** Beside the file itself: jobs that run at once may have the same cache. */
export interface Draft {
  /** The words of a command that takes it by its input. */
  readonly argv: readonly string[];
  keep(): Promise<void>;
  drop(): Promise<void>;
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
    receive: (path) => {
      const part = `${path}.${host.randomName(8)}.part`;
      return {
        argv: [...invoker.words, "sh", "-c", RECEIVE, "sh", part],
        keep: async () => {
          await exec("sh", "-c", KEEP, "sh", part, path, root);
        },
        drop: async () => {
          await exec("rm", "-f", "--", part);
        },
      };
    },
    readText: (path) => exec("cat", "--", path),
  };
}

const RECEIVE = `set -e
umask 077
mkdir -p "\${1%/*}"
exec cat >"$1"`;

/** Artifacts of the last few commits stay, and no more; nor what nobody has written to for a day. */
const KEEP = `set -e
mv -f "$1" "$2"
find "$3" -name '*.part' -mmin +1440 -delete
cd "$3/artifacts" 2>/dev/null || exit 0
ls -t | tail -n +6 | xargs -r rm -rf --`;

/** Names of jobs and keys are a stranger's: no path is made of them. */
const hash = (text: string): string =>
  new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 32);
