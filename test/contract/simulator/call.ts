/**
 * One call of a driver: a process group of its own, stdin /dev/null, two pipes read by two
 * readers. It has ended when the process has and both pipes are at end-of-file; GitLab Runner
 * waits for that without a limit, a test fails loudly at one.
 */
import { type OutputPipe, openOutputPipe } from "./pipe.ts";

export type CallEnd =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signalled"; readonly signal: string }
  /** Neither SIGTERM nor SIGKILL ended it in time: it may still be alive. */
  | { readonly kind: "not-killed"; readonly pid: number };

export interface CallRequest {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly gracefulKillMs: number;
  readonly forceKillMs: number;
  /** The test's own limit: reaching it rejects `ended`. */
  readonly limitMs: number;
  readonly take?: (chunk: Uint8Array, stream: "stdout" | "stderr") => void;
}

export interface Call {
  readonly pid: number;
  readonly ended: Promise<CallEnd>;
  /** Both streams in the order they were read; the order between the two means nothing. */
  output(): Buffer;
  stdout(): Buffer;
  stderr(): Buffer;
  /** To the whole process group. */
  kill(signal: "SIGTERM" | "SIGKILL"): void;
  /** As GitLab Runner ends a call: SIGTERM, grace, SIGKILL, a last wait. */
  end(): Promise<CallEnd>;
  /** A slow reader: nothing is taken from the pipes until `resume`. */
  pause(): void;
  resume(): void;
}

/** Throws when the process cannot be started, as when its environment is too large. */
export function startCall(request: CallRequest): Call {
  const pipes = { stdout: openOutputPipe(), stderr: openOutputPipe() };
  const child = spawn(request, pipes);
  const chunks: { stream: "stdout" | "stderr"; chunk: Uint8Array }[] = [];
  const gate = openGate();
  const read = (stream: "stdout" | "stderr"): Promise<void> =>
    pipes[stream].drain(async (chunk) => {
      await gate.passed();
      chunks.push({ stream, chunk });
      request.take?.(chunk, stream);
    });
  const finished = Promise.all([child.exited, read("stdout"), read("stderr")]);
  const kill = (signal: "SIGTERM" | "SIGKILL"): void => killGroup(child.pid, signal);
  const natural = finished.then(() => endOf(child));
  const ended = within(natural, request.limitMs, () => {
    const message = limitMessage(request, child, pipes);
    kill("SIGKILL");
    for (const pipe of Object.values(pipes)) pipe.stop();
    return new Error(message);
  });
  ended.catch(() => undefined); // Whoever awaits it is told; nobody has to.
  const bytes = (wanted?: string): Buffer =>
    Buffer.concat(
      chunks.filter((part) => (wanted ?? part.stream) === part.stream).map((part) => part.chunk),
    );
  return {
    pid: child.pid,
    ended,
    output: () => bytes(),
    stdout: () => bytes("stdout"),
    stderr: () => bytes("stderr"),
    kill,
    pause: gate.close,
    resume: gate.open,
    end: async () => {
      kill("SIGTERM");
      const graceful = await before(ended, request.gracefulKillMs);
      if (graceful !== undefined) return graceful;
      kill("SIGKILL");
      const forced = await before(ended, request.forceKillMs);
      return forced ?? { kind: "not-killed", pid: child.pid };
    },
  };
}

type Pipes = Readonly<Record<"stdout" | "stderr", OutputPipe>>;

function spawn(request: CallRequest, pipes: Pipes): Bun.Subprocess {
  try {
    return Bun.spawn({
      cmd: [...request.argv],
      cwd: request.cwd,
      env: { ...request.env },
      stdin: "ignore",
      stdout: pipes.stdout.writeEnd,
      stderr: pipes.stderr.writeEnd,
      detached: true,
    });
  } finally {
    pipes.stdout.closeWriteEnd();
    pipes.stderr.closeWriteEnd();
  }
}

function endOf(child: Bun.Subprocess): CallEnd {
  if (child.signalCode !== null) return { kind: "signalled", signal: String(child.signalCode) };
  return { kind: "exited", code: child.exitCode ?? -1 };
}

/** A group that has gone is no fault: GitLab Runner warns and goes on waiting. */
function killGroup(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(-pid, signal);
  } catch {
    return;
  }
}

function limitMessage(request: CallRequest, child: Bun.Subprocess, pipes: Pipes): string {
  const what = `"${request.argv.join(" ")}"`;
  const limit = `${request.limitMs} ms`;
  const ended = child.exitCode !== null || child.signalCode !== null;
  if (!ended) return `The call ${what} did not end within ${limit}.`;
  const holders = [...new Set(Object.values(pipes).flatMap((pipe) => pipe.holders()))];
  return `The call's outputs are still held open: ${what} has ended, but after ${limit} they are held by ${holders.join(", ") || "nobody to be seen"}.`;
}

interface Gate {
  passed(): Promise<void>;
  open(): void;
  close(): void;
}

function openGate(): Gate {
  let closed: PromiseWithResolvers<void> | undefined;
  return {
    passed: async () => closed?.promise,
    close: () => {
      closed ??= Promise.withResolvers<void>();
    },
    open: () => {
      closed?.resolve();
      closed = undefined;
    },
  };
}

async function within<T>(work: Promise<T>, ms: number, late: () => Error): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function before<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, ms, undefined);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
