/** Files where jobs, machines, nspawn and runners leave them: by path, with owner and mode. */
import { existsSync } from "node:fs";
import type { CensusOptions, Things } from "./things.ts";

const PLACES = [
  ...["/run", "/tmp", "/var/tmp", "/dev/shm", "/var/lib/machines", "/var/lib/systemd"],
  // One for each user who logs, where journald takes an id for a user's (journald.conf(5), SplitMode=).
  "/var/log/journal",
] as const;

/** In a root directory: what is ours, each tree, and the first of what is in one. */
const ROOT_DEPTH = 3;

/** What a file is counted as: the first that its path matches. */
const FILE_KINDS = {
  "lock files": /\.lck$|\.lock$|\/lock$|\/\.?locks\//,
  "id ranges in use": /\/id-ranges\/|\/nspawn-uid\//,
  "address pairs in use": /\/address-pairs\//,
  "network namespaces with a name": /^\/run\/netns\//,
  "temporary directories of runners":
    /^\/(var\/)?tmp\/(custom-executor|gitlab-runner|nspawn-runner)/,
  "files in /run": /^\/run\//,
  "files in /tmp": /^\/(var\/)?tmp\//,
  "files in /dev/shm": /^\/dev\/shm\//,
  "files in /var": /^\/var\//,
  clones: /\/\.machines\//,
  drafts: /\/\.drafts\//,
  trash: /\/\.(trash|retired)\//,
  "files in root directories": /^\//,
} as const satisfies Record<string, RegExp>;

export type FileKind = keyof typeof FILE_KINDS;

/** One kind's things; `seen` is what `seeFiles` has found. */
export function filesOfKind(seen: Things, wanted: FileKind): Things {
  return new Map([...seen].filter(([path]) => kindOf(path) === wanted));
}

function kindOf(path: string): string | undefined {
  return Object.entries(FILE_KINDS).find(([, pattern]) => pattern.test(path))?.[0];
}

export const FILE_KIND_NAMES = Object.keys(FILE_KINDS).filter(
  (name): name is FileKind => name in FILE_KINDS,
);

export function seeFiles({ roots, except }: CensusOptions): Things {
  const pruned = except.flatMap((path) => ["-path", path, "-prune", "-o"]);
  const print = ["-printf", "%p\\t%M %U:%G %l\\0"];
  const places = PLACES.filter((path) => existsSync(path));
  const depth = ["-maxdepth", String(ROOT_DEPTH)];
  const listed =
    find([...places, "-mindepth", "1", ...pruned, ...print]) +
    find([...roots, "-mindepth", "1", ...depth, ...pruned, ...print]);
  return new Map(
    listed
      .split("\0")
      .filter((entry) => entry !== "")
      .map((entry) => {
        const [path = "", how = ""] = entry.split("\t");
        return [path, how.trim()];
      }),
  );
}

/** What vanishes under it makes find(1) fail; what it saw is right all the same. */
function find(args: readonly string[]): string {
  return Bun.spawnSync(["find", ...args], { stdin: "ignore", stderr: "ignore" }).stdout.toString();
}
