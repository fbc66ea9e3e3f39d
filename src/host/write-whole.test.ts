/** Files are replaced whole, however many write them at once. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { openFiles } from "./files.ts";

const scratch = mkdtempSync(`${tmpdir()}/write-`);
afterAll(() => rmSync(scratch, { recursive: true }));
const files = openFiles();

test.each(["writeText", "writeDurable"] as const)("%s replaces text and mode", (write) => {
  const path = `${scratch}/${write}`;
  files[write](path, "one", 0o600);
  files[write](path, "two", 0o644);
  expect(readFileSync(path, "utf8")).toBe("two");
  expect(statSync(path).mode & 0o777).toBe(0o644);
  expect(readdirSync(scratch).filter((entry) => entry.endsWith(".new"))).toEqual([]);
});

test("many writers of one file do not hurt each other", async () => {
  const path = `${scratch}/shared`;
  const program = `
    const { openFiles } = await import(${JSON.stringify(`${import.meta.dir}/files.ts`)});
    const files = openFiles();
    for (let i = 0; i < 300; i += 1) files.writeText(${JSON.stringify(path)}, "x".repeat(5000));
  `;
  const writers = Array.from({ length: 4 }, () =>
    Bun.spawn([process.execPath, "-e", program], { stderr: "pipe" }),
  );
  for (const writer of writers) {
    const words = await new Response(writer.stderr).text();
    expect([words, await writer.exited]).toEqual(["", 0]);
  }
  expect(readFileSync(path, "utf8")).toBe("x".repeat(5000));
});

test("a time is set without touching the text", () => {
  const path = `${scratch}/used`;
  files.writeText(path, "text");
  files.setModified(path, 1_700_000_000_000);
  expect(files.probe(path)?.modifiedMs).toBe(1_700_000_000_000);
  expect(readFileSync(path, "utf8")).toBe("text");
});
