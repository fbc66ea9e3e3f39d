/** Commands end: by themselves, in time, or when we are told to end. */
import { describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { openLog } from "./log.ts";
import { openProcesses } from "./processes.ts";

const log = openLog({ level: "quiet", write: () => {}, sendToJournal: () => {} });

function open(signal = new AbortController().signal) {
  return openProcesses({ log, environment: { PATH: process.env.PATH ?? "" }, signal });
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

test("told by a command that has just ended with success, it is cancelled all the same", async () => {
  // In a process of its own, for the signal.
  const program = `
    import { openProcesses } from "${import.meta.dir}/processes.ts";
    let cancel = new AbortController();
    process.on("SIGUSR2", () => cancel.abort());
    const log = { debug: () => {} };
    const environment = { PATH: process.env.PATH };
    for (let round = 0; round < 20; round += 1) {
      cancel = new AbortController();
      const processes = openProcesses({ log, environment, signal: cancel.signal });
      const argv = ["sh", "-c", "kill -USR2 " + process.pid];
      const how = await processes.run(argv, { onCancel: "kill" }).catch(({ message }) => message);
      if (!String(how).includes("was cancelled")) console.log(how);
    }
    process.exit();`;
  const { stdout, exitCode } = Bun.spawnSync([process.execPath, "-e", program]);
  expect({ said: stdout.toString(), exitCode }).toEqual({ said: "", exitCode: 0 });
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

describe("systemd starts itself anew", () => {
  const lost = "Failed to connect to system scope bus via local transport: Connection refused";
  const cutOff = "Failed to start transient service unit: Transport endpoint is not connected";
  const there =
    "Failed to start transient service unit: Unit x.service was already loaded or has a fragment file.";
  test.each([
    ["refused, then taken", "systemctl", [lost, ""], { tries: 2, exitCode: 0 }],
    ["refused twice", "systemctl", [lost, lost], { tries: 2, exitCode: 1 }],
    ["cut off, though heard", "systemd-run", [cutOff, there, ""], { tries: 2, exitCode: 0 }],
    ["heard, and failed", "systemd-run", [cutOff, there, "Job failed."], { tries: 2, exitCode: 1 }],
    ["another failure", "systemctl", ["Unit x.service not loaded."], { tries: 1, exitCode: 1 }],
    ["a unit of that name at the first try", "systemd-run", [there], { tries: 1, exitCode: 1 }],
    ["another command", "nft", [lost], { tries: 1, exitCode: 1 }],
  ] as const)("%s", async (_title, command, answers, { tries, exitCode }) => {
    await using work = scratch();
    const { directory } = work;
    for (const [index, text] of answers.entries()) writeFileSync(`${directory}/${index + 1}`, text);
    // Says what its nth call is to say, and fails where that is something.
    const script =
      'cd "${0%/*}"; echo "${0##*/} $*" >>calls; n=$(wc -l <calls); cat "$n" >&2; ! [ -s "$n" ]';
    for (const name of new Set([command, "systemctl"])) {
      writeFileSync(`${directory}/${name}`, `#!/bin/sh\n${script}\n`);
      chmodSync(`${directory}/${name}`, 0o755);
    }
    const manager = createServer().listen(`${directory}/socket`);
    work.defer(() => void manager.close());
    const processes = openProcesses({
      log,
      environment: { PATH: `${directory}:${process.env.PATH}` },
      signal: new AbortController().signal,
      managerSocket: `${directory}/socket`,
    });
    const ended = await processes.run([command, "--unit=x.service"]);
    expect(ended.exitCode).toBe(exitCode);
    const calls = readFileSync(`${directory}/calls`, "utf8").trim().split("\n");
    expect(calls).toEqual([
      ...Array.from({ length: tries }, () => `${command} --unit=x.service`),
      // That it was heard is not that it has started.
      ...(answers.length > tries ? ["systemctl start x.service"] : []),
    ]);
  });
});

function scratch() {
  const directory = mkdtempSync(`${process.env.TMPDIR ?? "/tmp"}/processes-`);
  const undo = new AsyncDisposableStack();
  undo.defer(() => rmSync(directory, { recursive: true }));
  return Object.assign(undo, { directory });
}
