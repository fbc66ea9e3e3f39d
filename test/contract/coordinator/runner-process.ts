/** A `gitlab-runner run` with a configuration made of what `nspawn-runner toml` prints. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { parse, stringify } from "smol-toml";

export interface RunnerWish {
  readonly program: string;
  readonly url: string;
  readonly token: string;
  /** Keys of `[[runners]]` besides those of `nspawn-runner toml`. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** The runner's own environment, which reaches the driver. */
  readonly env: Readonly<Record<string, string>>;
  /** A command that starts it, such as systemd-run with its options. */
  readonly within?: readonly string[];
}

export interface RunnerProcess extends AsyncDisposable {
  readonly pid: number;
  /** What it wrote to its own log so far. */
  log(): string;
  readonly ended: Promise<number>;
}

const JOBS_AT_ONCE = 4;

/** Ends with SIGTERM when disposed: jobs that still run are aborted. */
export async function startRunner(wish: RunnerWish): Promise<RunnerProcess> {
  const directory = mkdtempSync("/tmp/nspawn-runner-gitlab-runner-");
  const config = `${directory}/config.toml`;
  writeFileSync(config, await runnerConfig(wish), { mode: 0o600 });
  const child = Bun.spawn([...(wish.within ?? []), wish.program, "run", "--config", config], {
    cwd: directory,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { PATH: process.env.PATH ?? "", HOME: directory, LANG: "C.UTF-8", ...wish.env },
  });
  let text = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) text += decoder.decode(chunk, { stream: true });
  })();
  return {
    pid: child.pid,
    log: () => text,
    ended: child.exited,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await child.exited;
      await reading;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** GitLab Runner's `config.toml`: what we tell administrators to write, and little more. */
export async function runnerConfig(wish: Omit<RunnerWish, "env" | "program">): Promise<string> {
  const argv = ["nspawn-runner", "toml", "--url", wish.url];
  const printer = Bun.spawn(argv, {
    stdout: "pipe",
    stderr: "inherit",
    env: { ...process.env, NSPAWN_RUNNER_TOKEN: wish.token },
  });
  const printed = parse(await new Response(printer.stdout).text());
  const [runner] = Array.isArray(printed.runners) ? printed.runners : [];
  if (typeof runner !== "object") throw new Error("nspawn-runner toml printed no [[runners]].");
  return stringify({
    concurrent: JOBS_AT_ONCE,
    check_interval: 1,
    runners: [{ ...runner, ...wish.settings }],
  });
}
