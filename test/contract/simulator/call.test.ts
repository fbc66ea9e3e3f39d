/** One call: how it is started, read, limited and ended. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { type Call, type CallRequest, startCall } from "./call.ts";

function start(script: string, more: Partial<CallRequest> = {}): Call {
  return startCall({
    argv: ["bash", "-c", script],
    cwd: "/",
    env: { PATH: process.env.PATH ?? "/usr/bin:/bin" },
    gracefulKillMs: 2000,
    forceKillMs: 2000,
    limitMs: 10_000,
    ...more,
  });
}

test("stdin is /dev/null, the outputs are two pipes, the call leads a process group", async () => {
  const call = start(
    'readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2; [ "$(ps -o pgid= -p $$)" -eq $$ ]',
  );
  expect(await call.ended).toEqual({ kind: "exited", code: 0 });
  const [stdin, stdout, stderr] = call.stdout().toString().trim().split("\n");
  expect(stdin).toBe("/dev/null");
  expect(stdout).toMatch(/^pipe:/);
  expect(stderr).toMatch(/^pipe:/);
  expect(stdout).not.toBe(stderr);
});

test("the two streams are kept apart and every byte arrives", async () => {
  const call = start('head -c 3000000 /dev/zero | tr "\\0" x; echo oops >&2; exit 7');
  expect(await call.ended).toEqual({ kind: "exited", code: 7 });
  expect(call.stdout().length).toBe(3_000_000);
  expect(call.stderr().toString()).toBe("oops\n");
  expect(call.output().length).toBe(3_000_005);
});

test("death by a signal is told as such", async () => {
  expect(await start("kill -SEGV $$").ended).toEqual({ kind: "signalled", signal: "SIGSEGV" });
});

test("a call has not ended while something holds its outputs", async () => {
  const call = start("sleep 0.3 & exit 0");
  const startedAt = performance.now();
  await call.ended;
  expect(performance.now() - startedAt).toBeGreaterThan(250);
});

test("outputs held for too long fail loudly and name the holder", async () => {
  const call = start("setsid sleep 77 & exit 0", { limitMs: 300 });
  const error = await call.ended.then(
    () => undefined,
    (reason: Error) => reason,
  );
  expect(error?.message).toContain("The call's outputs are still held open");
  const holder = /(\d+) \(sleep 77\)/.exec(error?.message ?? "")?.[1];
  expect(holder).toBeDefined();
  process.kill(Number(holder), "SIGKILL");
});

test("a call that does not end fails loudly and is killed", async () => {
  const call = start("sleep 78", { limitMs: 200 });
  expect(call.ended).rejects.toThrow("did not end within 200 ms");
  await call.ended.catch(() => undefined);
  while (existsSync(`/proc/${call.pid}`)) await Bun.sleep(5);
});

test("ending is SIGTERM to the whole group, then SIGKILL after the grace", async () => {
  const polite = start('trap "echo got TERM; exit 5" TERM; echo up; while :; do sleep 0.01; done');
  await firstOutput(polite);
  expect(await polite.end()).toEqual({ kind: "exited", code: 5 });
  expect(polite.stdout().toString()).toContain("got TERM");
  const deaf = start('trap "" TERM; echo up; while :; do sleep 0.01; done', {
    gracefulKillMs: 100,
  });
  await firstOutput(deaf);
  expect(await deaf.end()).toEqual({ kind: "signalled", signal: "SIGKILL" });
});

test("what left the group keeps the call open beyond SIGKILL: it is given up", async () => {
  // It tells its PID once it has left the group.
  const call = start(`trap "" TERM; setsid sh -c 'echo $$; exec sleep 79' & wait`, {
    gracefulKillMs: 50,
    forceKillMs: 50,
  });
  await firstOutput(call);
  expect(await call.end()).toEqual({ kind: "not-killed", pid: call.pid });
  const pid = /^(\d+)$/m.exec(call.stdout().toString())?.[1];
  process.kill(Number(pid), "SIGKILL");
  await call.ended;
});

test("a paused reader stops the writer", async () => {
  let seen = 0;
  const call = start("head -c 5000000 /dev/zero; echo written >&2", {
    take: (chunk) => {
      seen += chunk.length;
    },
  });
  call.pause();
  await Bun.sleep(300);
  expect(seen).toBe(0);
  expect(call.stderr().toString()).toBe("");
  call.resume();
  await call.ended;
  expect(call.stdout().length).toBe(5_000_000);
});

test("an environment that is too large keeps the call from starting", () => {
  expect(() => start("true", { env: { PATH: "/usr/bin", BIG: "x".repeat(200_000) } })).toThrow();
});

async function firstOutput(call: Call): Promise<void> {
  while (call.stdout().length === 0) await Bun.sleep(5);
}
