/**
 * Takes the artifacts of a job, a tar archive on our stdin, into a directory. Runs as who called
 * `exec`, never as root for somebody else. A hostile machine made the archive.
 */
import type { Host } from "../../host/host.ts";
import { WAITS } from "../../host/waits.ts";
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";
import { formatCommandFailure } from "../../text/format-command.ts";
import { staysInside } from "./link-target.ts";
import { tooLarge } from "./too-large.ts";

export interface Reception {
  readonly directory: string;
  readonly maxBytes: number;
}

/**
 * Unpacks into an empty directory beside what is there, looks at what came, and moves it: all or,
 * when something is in the way, nothing. Other files stay, and no link of the destination is followed.
 */
export async function receiveArtifacts(host: Host, reception: Reception): Promise<void> {
  const { directory, maxBytes } = reception;
  host.files.ensureDirectory(directory, 0o755);
  const draft = `${directory}/.nspawn-runner-${host.randomName(12)}`;
  host.files.createDirectory(draft, 0o700);
  try {
    await unpack(host, draft, maxBytes);
    checkTree(host, draft, maxBytes);
    const moves = planMoves(host, draft, directory);
    for (const { from, to } of moves) host.files.rename(from, to);
  } finally {
    // By a command: a tree of a stranger may be deeper than is good for us.
    await host.processes.run(["rm", "-rf", "--", draft], { wait: WAITS.copy });
  }
}

const TAR_WORDS_MAX_BYTES = 64 * 1024;

async function unpack(host: Host, draft: string, maxBytes: number): Promise<void> {
  const result = await host.processes.run(
    [
      // A sparse file is small in the archive.
      "prlimit",
      `--fsize=${maxBytes}`,
      "tar",
      "--extract",
      "--file=-",
      `--directory=${draft}`,
      "--no-same-owner",
      "--no-same-permissions",
      "--no-overwrite-dir",
      "--delay-directory-restore",
      // To the end of what comes, so that who sends is not cut off.
      "--ignore-zeros",
    ],
    {
      input: { kind: "ours" },
      onCancel: "kill",
      wait: WAITS.copy,
      outputMaxBytes: TAR_WORDS_MAX_BYTES,
    },
  );
  if (result.exitCode !== 0) {
    const stderr = result.stderr
      .split("\n")
      .map((line) => escapeUntrusted(line))
      .join("\n");
    throw new RunnerError({
      kind: "system",
      message: "Cannot unpack the artifacts.",
      cause: new Error(formatCommandFailure({ ...result, stderr })),
    });
  }
  // What is not ours to enter could not be looked at, and setuid is for nobody.
  await host.processes.exec(
    ["chmod", "--recursive", "--silent", "u+rwX,u-s,g-s,o-t", "--", draft],
    { wait: WAITS.copy },
  );
}

/** Removes what an artifact may not hold, with a warning each. */
function checkTree(host: Host, draft: string, maxBytes: number): void {
  let bytes = 0;
  const left: { readonly name: string; readonly why: string }[] = [];
  const directories = [{ path: draft, depth: 0 }];
  for (let at = directories.pop(); at !== undefined; at = directories.pop()) {
    for (const name of host.files.list(at.path)) {
      const path = `${at.path}/${name}`;
      const facts = host.files.probe(path);
      const why = faultOf(host, { path, depth: at.depth, kind: facts?.kind ?? "other" });
      if (why !== undefined) {
        host.files.remove(path);
        left.push({ name: path.slice(draft.length + 1), why });
      } else if (facts?.kind === "directory") directories.push({ path, depth: at.depth + 1 });
      else bytes += facts?.sizeBytes ?? 0;
    }
  }
  // A sparse file is larger here than it was on its way.
  if (bytes > maxBytes) throw tooLarge(maxBytes);
  for (const { name, why } of left.slice(0, WARNINGS_MAX)) {
    host.log.warn(`"${escapeUntrusted(name)}" is left out of the artifacts: it is ${why}.`);
  }
  if (left.length > WARNINGS_MAX) {
    host.log.warn(`${left.length - WARNINGS_MAX} more are left out of the artifacts.`);
  }
}

const WARNINGS_MAX = 10;

function faultOf(
  host: Host,
  entry: { readonly path: string; readonly depth: number; readonly kind: string },
): string | undefined {
  if (entry.kind === "file" || entry.kind === "directory") return undefined;
  if (entry.kind !== "link") return "no file, directory or link";
  const target = host.files.readLink(entry.path) ?? "/";
  return staysInside(target, entry.depth) ? undefined : "a link that leads out of them";
}

interface Move {
  readonly from: string;
  readonly to: string;
}

/**
 * Directories are merged, and files and links replaced. Only real directories of the destination are
 * entered, so that nothing goes through a link of it. Throws before anything has changed.
 */
function planMoves(host: Host, draft: string, directory: string): readonly Move[] {
  const moves: Move[] = [];
  const inTheWay: string[] = [];
  const pairs: Move[] = [{ from: draft, to: directory }];
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    for (const name of host.files.list(pair.from)) {
      const move = { from: `${pair.from}/${name}`, to: `${pair.to}/${name}` };
      const comes = host.files.probe(move.from)?.kind === "directory";
      const there = host.files.probe(move.to)?.kind;
      if (there === undefined || (!comes && there !== "directory")) moves.push(move);
      else if (comes && there === "directory") pairs.push(move);
      else inTheWay.push(move.to);
    }
  }
  const [first] = inTheWay;
  if (first === undefined) return moves;
  throw new RunnerError({
    kind: "usage",
    message: `Cannot put the artifacts into "${escapeUntrusted(directory)}": "${escapeUntrusted(first)}" is in the way.`,
    hints: [
      "Remove it, or choose another directory: a link or file is not followed or replaced by a directory.",
    ],
  });
}
