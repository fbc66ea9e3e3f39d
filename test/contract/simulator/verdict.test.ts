/** The table of exit codes. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import type { CallEnd } from "./call.ts";
import { isFinal, judge } from "./verdict.ts";

const exited = (code: number): CallEnd => ({ kind: "exited", code });
const signalled = (signal: string): CallEnd => ({ kind: "signalled", signal });

test.each<[string, CallEnd, string | undefined, string, number | undefined]>([
  ["success", exited(0), undefined, "success", undefined],
  ["success with a stale file", exited(0), "3\n", "success", undefined],
  ["1 and no file", exited(1), undefined, "script_failure", 1],
  ["1 and 42", exited(1), "42\n", "script_failure", 42],
  ["1 and 42 without a newline", exited(1), "42", "script_failure", 42],
  ["1 and more lines", exited(1), "255\nmore\n", "script_failure", 255],
  ["1 and 0", exited(1), "0\n", "script_failure", 0],
  ["1 and a trailing blank", exited(1), "42 \n", "unknown_failure", 2],
  ["1 and a leading blank", exited(1), " 42\n", "unknown_failure", 2],
  ["1 and a trailing word", exited(1), "42 no\n", "unknown_failure", 2],
  ["1 and an empty file", exited(1), "", "unknown_failure", 2],
  ["2", exited(2), undefined, "system_failure", undefined],
  ["2 and a file", exited(2), "42\n", "system_failure", undefined],
  ["3", exited(3), "42\n", "unknown_failure", 3],
  ["255", exited(255), undefined, "unknown_failure", 255],
  ["a signal", signalled("SIGSEGV"), "42\n", "unknown_failure", -1],
  ["not killed", { kind: "not-killed", pid: 9 }, undefined, "system_failure", undefined],
])("%s", (_, end, file, kind, exitCode) => {
  const directory = mkdtempSync(`${tmpdir()}/verdict`);
  try {
    if (file !== undefined) writeFileSync(`${directory}/code`, file);
    const failure = judge(end, `${directory}/code`);
    expect(failure?.kind ?? "success").toBe(kind);
    expect(failure !== undefined && "exitCode" in failure ? failure.exitCode : undefined).toBe(
      exitCode,
    );
    if (failure !== undefined) expect(isFinal(failure)).toBe(kind === "script_failure");
  } finally {
    rmSync(directory, { recursive: true });
  }
});
