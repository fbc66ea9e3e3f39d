/** What GitLab Runner concludes from the end of a call. */
import { readFileSync } from "node:fs";
import type { CallEnd } from "./call.ts";

export type Failure =
  | { readonly kind: "script_failure"; readonly exitCode: number; readonly message: string }
  /** Counted as a system failure; `exitCode` is the driver's. */
  | { readonly kind: "unknown_failure"; readonly exitCode: number; readonly message: string }
  | { readonly kind: "system_failure"; readonly message: string }
  | { readonly kind: "canceled"; readonly message: string }
  | { readonly kind: "timeout"; readonly message: string };

const BUILD_FAILURE = 1;
const SYSTEM_FAILURE = 2;
/** What Go says of a process that a signal ended. */
const BY_SIGNAL = -1;

/** Nothing for a success. Reads the exit code file as it is, however old. */
export function judge(end: CallEnd, exitCodeFile: string): Failure | undefined {
  switch (end.kind) {
    case "not-killed":
      return { kind: "system_failure", message: `failed to kill process PID=${end.pid}` };
    case "signalled":
      return unknown(BY_SIGNAL, `signal: ${end.signal}`);
    case "exited":
      return judgeCode(end.code, exitCodeFile);
  }
}

/** Final failures are those of the job's author: a preparation that ends so is not tried again. */
export function isFinal(failure: Failure): boolean {
  return failure.kind !== "system_failure" && failure.kind !== "unknown_failure";
}

function judgeCode(code: number, exitCodeFile: string): Failure | undefined {
  if (code === 0) return undefined;
  if (code === SYSTEM_FAILURE) return { kind: "system_failure", message: `exit status ${code}` };
  if (code !== BUILD_FAILURE) return unknown(code, `exit status ${code}`);
  const text = readText(exitCodeFile);
  if (text === undefined) return scriptFailure(BUILD_FAILURE);
  const line = (text.split("\n", 1)[0] ?? "").replace(/\r$/, "");
  return /^[+-]?\d+$/.test(line)
    ? scriptFailure(Number(line))
    : unknown(SYSTEM_FAILURE, `exit status ${code}`);
}

function scriptFailure(exitCode: number): Failure {
  return { kind: "script_failure", exitCode, message: `exit status ${exitCode}` };
}

function unknown(exitCode: number, reason: string): Failure {
  const message = `unknown exit code ${exitCode} of the driver; it ended with: ${reason}`;
  return { kind: "unknown_failure", exitCode, message };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
