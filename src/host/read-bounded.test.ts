import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { readBounded } from "./read-bounded.ts";

test("a switch of the kernel's is read whole, though its file says that it is empty", () => {
  const path = "/proc/sys/kernel/osrelease";
  const fd = fs.openSync(path, "r");
  try {
    expect(fs.fstatSync(fd).size).toBe(0);
    expect(readBounded(fd, path, 1024).toString()).toBe(fs.readFileSync(path, "utf8"));
    expect(readBounded(fd, path, 1024).length).toBe(0);
  } finally {
    fs.closeSync(fd);
  }
});
