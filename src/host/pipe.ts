/** One command's output as another one's input, with a bound, and with nothing of it in memory. */
import { WAITS, type Wait } from "./waits.ts";

interface End {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
}

/** How both ended; as `CommandResult`, which `processes.ts` explains. */
interface Ended {
  readonly argv: readonly string[];
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export type Passed = "all" | "too much" | "unwanted";

/** What people read of them. */
const WORDS_MAX_BYTES = 64 * 1024;

/**
 * Throws when one of them cannot be started. Both are asked to end when `signal` aborts, or when it
 * takes too long; `from` is when `to` wants no more, or has got all that it may.
 */
export async function pipeCommands(
  from: End,
  to: End,
  limits: {
    readonly maxBytes: number;
    readonly wait: Pick<Wait, "ms">;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly from: Ended; readonly to: Ended; readonly passed: Passed }> {
  const startedAt = performance.now();
  const signal = AbortSignal.any([limits.signal, AbortSignal.timeout(limits.wait.ms)]);
  const reader = Bun.spawn([...to.argv], {
    ...placeOf(to),
    signal,
    killSignal: "SIGTERM",
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  const writer = Bun.spawn([...from.argv], {
    ...placeOf(from),
    signal,
    killSignal: "SIGTERM",
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const texts = Promise.all([
    readStart(writer.stderr, WORDS_MAX_BYTES),
    readStart(reader.stdout, WORDS_MAX_BYTES),
    readStart(reader.stderr, WORDS_MAX_BYTES),
  ]);
  const passed = await passOn(writer.stdout, reader.stdin, limits.maxBytes);
  if (passed !== "all") await endSoon(writer);
  await Promise.all([writer.exited, reader.exited]);
  const [said, answered, complained] = await texts;
  const ended = (end: End, child: Bun.Subprocess): Omit<Ended, "stdout" | "stderr"> => ({
    argv: end.argv,
    exitCode: child.exitCode ?? undefined,
    signal: child.signalCode === null ? undefined : String(child.signalCode),
    durationMs: performance.now() - startedAt,
  });
  return {
    from: { ...ended(from, writer), stdout: "", stderr: said },
    to: {
      ...ended(to, reader),
      stdout: answered,
      stderr: complained,
    },
    passed,
  };
}

const placeOf = (end: End): { env: Record<string, string>; cwd?: string } => ({
  env: end.environment,
  ...(end.workingDirectory === undefined ? {} : { cwd: end.workingDirectory }),
});

async function passOn(
  bytes: ReadableStream<Uint8Array>,
  sink: Bun.FileSink,
  maxBytes: number,
): Promise<Passed> {
  let count = 0;
  try {
    for await (const chunk of bytes) {
      count += chunk.length;
      if (count > maxBytes) return "too much";
      // Each may fail when the reader has gone, also later than it returns.
      await sink.write(chunk);
      await sink.flush();
    }
    return "all";
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EPIPE") return "unwanted";
    throw error;
  } finally {
    await ignoreClosed(sink);
  }
}

/** A reader that has gone cannot be told that this was all. */
async function ignoreClosed(sink: Bun.FileSink): Promise<void> {
  try {
    await sink.end();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EPIPE")) throw error;
  }
}

async function endSoon(child: Bun.Subprocess): Promise<void> {
  child.kill("SIGTERM");
  const killing = setTimeout(() => child.kill("SIGKILL"), WAITS.afterTerm.ms);
  await child.exited;
  clearTimeout(killing);
}

/** The first bytes of a stream. `onMore` is told once when there are more; they are dropped. */
export async function readStart(
  stream: ReadableStream<Uint8Array>,
  maxBytes: number,
  onMore: () => void = () => {},
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let rest = maxBytes;
  for await (const chunk of stream) {
    if (chunk.length > rest) onMore();
    if (rest > 0) chunks.push(chunk.subarray(0, rest));
    rest = Math.max(0, rest - chunk.length);
  }
  return Buffer.concat(chunks).toString();
}
