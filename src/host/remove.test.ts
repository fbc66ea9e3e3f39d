import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { removeOwn } from "./remove.ts";

/** A directory of so many levels, each with a file. */
function makeDirectories(depth: number): string {
  const top = mkdtempSync("/tmp/nspawn-runner-remove-");
  let place = top;
  for (let level = 1; level <= depth; level += 1) {
    writeFileSync(`${place}/a-file`, "x");
    place = `${place}/b`;
    if (level < depth) mkdirSync(place);
  }
  return top;
}

test("what is as deep as what we make goes", () => {
  const top = makeDirectories(8);
  removeOwn(top);
  expect(existsSync(top)).toBe(false);
});

test("what is deeper is not ours, and is left whole", () => {
  const top = makeDirectories(9);
  try {
    expect(() => removeOwn(top)).toThrow("deeper than what we make");
    expect(existsSync(`${top}/a-file`)).toBe(true);
    expect(existsSync(`${top}${"/b".repeat(8)}/a-file`)).toBe(true);
  } finally {
    rmSync(top, { recursive: true });
  }
});
