/** A command stands still with all that it has started, goes on, and can be ended meanwhile. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { openLog } from "./log.ts";
import { openProcesses } from "./processes.ts";

const log = openLog({ level: "quiet", write: () => {}, sendToJournal: () => {} });
const NESTED = ["sh", "-c", 'echo $$; sh -c "echo \\$\\$; exec sleep $0"; echo end'] as const;

function open() {
  const cancel = new AbortController();
  const environment = { PATH: process.env.PATH ?? "" };
  return { cancel, processes: openProcesses({ log, environment, signal: cancel.signal }) };
}

/** Collects what a command says, and looks at the two processes that say who they are. */
function watch() {
  let said = "";
  const states = (): string[] =>
    said.split("\n").flatMap((line) => {
      if (!/^\d+$/.test(line) || !existsSync(`/proc/${line}`)) return [];
      return /^State:\s+(.)/m.exec(readFileSync(`/proc/${line}/status`, "utf8"))?.[1] ?? [];
    });
  return {
    onOutput: (bytes: Uint8Array): void => {
      said += new TextDecoder().decode(bytes);
    },
    said: () => said,
    states,
  };
}

test("what it has started stands still, too, and then all goes on", async () => {
  const { onOutput, said, states } = watch();
  let stood = false;
  const isToStand = (): boolean => {
    if (said().split("\n").length < 3) return false;
    stood ||= states().join("") === "TT";
    return !stood;
  };
  const ended = await open().processes.run([...NESTED, "0.2"], { onOutput, isToStand });
  expect(ended.exitCode).toBe(0);
  expect(stood).toBe(true);
  expect(said()).toEndWith("\nend\n");
});

test("it is ended while it stands, and nothing of it stays", async () => {
  const { cancel, processes } = open();
  const { onOutput, said, states } = watch();
  const isToStand = (): boolean => {
    if (said().split("\n").length < 3) return false;
    if (states().join("") === "TT") cancel.abort();
    return true;
  };
  const running = processes.run([...NESTED, "0.2"], { onOutput, isToStand, onCancel: "kill" });
  await expect(running).rejects.toThrow('"sh" was cancelled');
  // What it has started goes on, to its own end.
  const [, child = ""] = said().split("\n");
  while (existsSync(`/proc/${child}/status`)) await Bun.sleep(10);
});

test("it is not begun while others are to go first", async () => {
  let asked = 0;
  const isToStand = (): boolean => {
    asked += 1;
    return asked < 3;
  };
  expect((await open().processes.run(["true"], { isToStand })).exitCode).toBe(0);
  expect(asked).toBeGreaterThanOrEqual(3);
});
