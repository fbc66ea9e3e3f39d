/** Commands end: by themselves, in time, or when we are told to end. */
import { expect, test } from "bun:test";
import { openLog } from "./log.ts";
import { openProcesses } from "./processes.ts";

function open(signal = new AbortController().signal) {
  const log = openLog({ level: "quiet", write: () => {}, sendToJournal: () => {} });
  return openProcesses({
    log,
    environment: { PATH: process.env.PATH ?? "" },
    signal,
  });
}

test("a command that takes too long is killed, and named with its time", async () => {
  const startedAt = performance.now();
  const ending = open().run(["sh", "-c", "trap '' TERM; sleep 30 & wait; sleep 30"], {
    wait: { ms: 100 },
  });
  await expect(ending).rejects.toThrow(/^"sh -c .*" did not end within \d+ s\.$/);
  expect(performance.now() - startedAt).toBeLessThan(5000);
});

test("what a killed command has left running does not hold us", async () => {
  const startedAt = performance.now();
  const ending = open().run(["sh", "-c", "setsid sleep 3 & exec sleep 30"], { wait: { ms: 100 } });
  await expect(ending).rejects.toThrow("did not end within");
  expect(performance.now() - startedAt).toBeLessThan(2500);
});

test("cancelled: it says so, at once, also when we were told before it began", async () => {
  const cancel = new AbortController();
  const processes = open(cancel.signal);
  const ending = processes.run(["sleep", "30"], { onCancel: "kill" });
  cancel.abort();
  await expect(ending).rejects.toThrow('"sleep" was cancelled');
  await expect(processes.run(["true"], { onCancel: "kill" })).rejects.toThrow("was cancelled");
  // What undoes something goes on.
  expect((await processes.run(["true"])).exitCode).toBe(0);
});

test("asked to end, a command ends as it wants to", async () => {
  const cancel = new AbortController();
  const ready = Promise.withResolvers<void>();
  const ending = open(cancel.signal).run(
    ["sh", "-c", "trap 'exit 7' TERM; echo ready; sleep 30 >/dev/null 2>&1 & wait"],
    { onCancel: "ask", onOutput: () => ready.resolve() },
  );
  await ready.promise;
  cancel.abort();
  expect((await ending).exitCode).toBe(7);
});

test("in a call that is to outlive a drain, what we start does not end by SIGQUIT", async () => {
  // In a process of its own: it stays so.
  const program = `
    import { openProcesses } from "${import.meta.dir}/processes.ts";
    const log = { debug: () => {} };
    const signal = new AbortController().signal;
    const environment = { PATH: process.env.PATH };
    const processes = openProcesses({ log, environment, signal, drains: true });
    console.log((await processes.run(["sh", "-c", "kill -QUIT $$; echo lives"])).stdout);`;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", program]);
  expect(stdout.toString()).toBe("lives\n\n");
});
