/** Locks of real files, in processes that really wait. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { openFiles } from "./files.ts";
import { findLockHolder, parseLocks } from "./lock-holder.ts";
import { openLocks } from "./locks.ts";

const directory = mkdtempSync(`${tmpdir()}/lock-`);
process.on("exit", () => rmSync(directory, { recursive: true }));
const files = openFiles();
const exclusive = { mode: "exclusive" } as const;
const LONG = { ms: 60_000, what: "", late: "" };

const waiting = (path: string, options: { ms?: number; signal?: AbortSignal } = {}) =>
  openLocks({
    sleep: (ms) => Bun.sleep(ms),
    signal: options.signal ?? new AbortController().signal,
    findHolder: (file) => findLockHolder(files, file),
  }).wait({
    path,
    what: "the trees",
    wait: { ...LONG, ms: options.ms ?? LONG.ms },
    take: () => files.lock(path, exclusive),
  });

/** Another process that has the lock until it is told to end. */
async function openHolder(path: string) {
  const holder = Bun.spawn(
    [
      process.execPath,
      "-e",
      `import { openFiles } from ${JSON.stringify(`${import.meta.dir}/files.ts`)};
       const lock = openFiles().lock(${JSON.stringify(path)}, { mode: "exclusive" });
       console.log(lock === undefined ? "has nothing" : "has it");
       await Bun.stdin.text();`,
    ],
    { stdin: "pipe", stdout: "pipe" },
  );
  const { value } = await holder.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("has it\n");
  return {
    pid: holder.pid,
    [Symbol.asyncDispose]: async () => {
      holder.stdin.end();
      await holder.exited;
    },
  };
}

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

test("who waits for a lock whose file is removed meanwhile takes it on the file that is there", async () => {
  const path = `${directory}/waited`;
  const holder = files.lock(path, exclusive);
  const waiter = waiting(path);
  files.remove(path);
  holder?.[Symbol.dispose]();
  using _lock = await waiter;
  expect(existsSync(path)).toBe(true);
  expect(files.lock(path, exclusive)).toBeUndefined();
});

test("a process that waits for itself goes on meanwhile", async () => {
  const path = `${directory}/own`;
  const holder = files.lock(path, exclusive);
  const waiter = waiting(path);
  // As a copy that another task of the same process makes while it holds the lock.
  await Bun.spawn(["true"]).exited;
  holder?.[Symbol.dispose]();
  using _lock = await waiter;
});

test("who has it for too long is named", async () => {
  const path = `${directory}/named`;
  await using holder = await openHolder(path);
  await expect(waiting(path, { ms: 20 })).rejects.toThrow(
    new RegExp(
      `^Cannot lock the trees: process ${holder.pid} \\("${process.execPath}.*"\\) has had the lock for 0 s\\.$`,
    ),
  );
});

test("a signal ends the wait, and the holder is named", async () => {
  const path = `${directory}/ended`;
  await using holder = await openHolder(path);
  const stop = new AbortController();
  const waiter = waiting(path, { signal: stop.signal });
  stop.abort();
  await expect(waiter).rejects.toThrow(`process ${holder.pid} (`);
});

test("only a process that has the very file open is named", async () => {
  const path = `${directory}/mine`;
  using _lock = files.lock(path, exclusive);
  expect(findLockHolder(files, path)).toStartWith(`process ${process.pid} ("`);
  expect(findLockHolder(files, `${directory}/nowhere`)).toBeUndefined();
  // Of another file system, with the same inode number.
  const strange = { ...files, realPath: () => "/another/file" };
  expect(findLockHolder(strange, path)).toBeUndefined();
});

test("locks of other kinds and of other files are passed over", () => {
  const text = `1: POSIX  ADVISORY  WRITE 11 00:2c:567 0 EOF
2: FLOCK  ADVISORY  WRITE 12 00:2c:567 0 EOF
2: -> FLOCK  ADVISORY  WRITE 13 00:2c:567 0 EOF
3: FLOCK  ADVISORY  READ  14 fe:01:56 0 EOF
4: FLOCK  ADVISORY  READ  15 fe:01:567 0 EOF
`;
  expect(parseLocks(text, 567)).toEqual([12, 15]);
});
