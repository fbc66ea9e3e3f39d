/** Locks of real files: who had one alone may remove its file. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { openFiles } from "./files.ts";

const directory = mkdtempSync(`${tmpdir()}/lock-`);
process.on("exit", () => rmSync(directory, { recursive: true }));
const files = openFiles();
const exclusive = { mode: "exclusive", wait: false } as const;

test("a lock whose file was removed keeps nobody out, and is none for whoever comes later", () => {
  const path = `${directory}/removed`;
  const first = files.lock(path, exclusive);
  expect(files.lock(path, exclusive)).toBeUndefined();
  files.remove(path);
  const second = files.lock(path, exclusive);
  expect(second).toBeDefined();
  first?.[Symbol.dispose]();
  expect(files.lock(path, exclusive)).toBeUndefined();
  second?.[Symbol.dispose]();
  expect(files.lock(path, exclusive)).toBeDefined();
});

test("who waited for a lock whose file is removed meanwhile takes it on the file that is there", async () => {
  const path = `${directory}/waited`;
  const holder = files.lock(path, exclusive);
  const waiter = Bun.spawn(
    [
      process.execPath,
      "-e",
      `import { openFiles } from ${JSON.stringify(`${import.meta.dir}/files.ts`)};
     console.log("asks");
     const lock = openFiles().lock(${JSON.stringify(path)}, { mode: "exclusive", wait: true });
     console.log("has it");
     await Bun.stdin.text();
     lock[Symbol.dispose]();`,
    ],
    { stdin: "pipe", stdout: "pipe" },
  );
  const reader = waiter.stdout.getReader();
  const decoder = new TextDecoder();
  expect(decoder.decode((await reader.read()).value)).toBe("asks\n");
  files.remove(path);
  holder?.[Symbol.dispose]();
  expect(decoder.decode((await reader.read()).value)).toBe("has it\n");
  expect(existsSync(path)).toBe(true);
  expect(files.lock(path, exclusive)).toBeUndefined();
  waiter.stdin.end();
  await waiter.exited;
  expect(files.lock(path, exclusive)).toBeDefined();
});
