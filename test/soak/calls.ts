/** One call of a stage, judged as GitLab Runner would and as its script ended in truth. */
import { readFileSync } from "node:fs";
import { type Ended, type Runner, type Started, scriptFile, start } from "../lab/harness.ts";

/** Others than ours by default: a code that we merely pass on would be seen. */
const CODES = { BUILD_FAILURE_EXIT_CODE: "11", SYSTEM_FAILURE_EXIT_CODE: "12" } as const;

const LINES = 100;

/** What a script prints when it has run whole. */
const wholeOutput = (mark: string): string =>
  [
    `begin ${mark}`,
    ...Array.from({ length: LINES }, (_, line) => `line ${line}`),
    `end ${mark}\n`,
  ].join("\n");

export function wholeScript(mark: string, code: number): string {
  return scriptFile(`echo begin ${mark}
i=0; while [ $i -lt ${LINES} ]; do echo line $i; i=$((i + 1)); done
sleep 0.1
echo end ${mark}
exit ${code}`);
}

interface Call {
  readonly started: Started;
  /** Where the driver is to say how the script ended. */
  readonly codeFile: string;
}

/** `owner` is the process that stands for GitLab Runner. */
export function startCall(runner: Runner, owner: number, argv: readonly string[]): Call {
  const codeFile = scriptFile("");
  const environment = {
    ...runner.environment,
    ...CODES,
    BUILD_EXIT_CODE_FILE: codeFile,
    NSPAWN_RUNNER_OWNER: String(owner),
  };
  return { started: start(["nspawn-runner", ...argv], environment), codeFile };
}

/** `success`, `failed` (a script's), `system` (failure), or `killed`. */
export type Verdict = "success" | "failed" | "system" | "killed";

export function verdictOf({ code }: Ended): Verdict | undefined {
  if (code === 0) return "success";
  if (code === Number(CODES.BUILD_FAILURE_EXIT_CODE)) return "failed";
  if (code === Number(CODES.SYSTEM_FAILURE_EXIT_CODE)) return "system";
  return code === 128 + 9 ? "killed" : undefined;
}

/** What is wrong with how a call of any stage has ended; `disturbed`: something was killed before. */
export function judgeCall(ended: Ended, { disturbed }: { readonly disturbed: boolean }): string[] {
  const verdict = verdictOf(ended);
  const faults: string[] = [];
  if (verdict === undefined) faults.push(`exit code ${ended.code}`);
  if (ended.stderr.includes("Fault in nspawn-runner itself")) faults.push("a fault of its own");
  if (!disturbed && (verdict === "system" || verdict === "killed")) faults.push("undisturbed");
  if (verdict === "system" && !ended.stderr.includes("ERROR: ")) faults.push("does not say why");
  return faults.map((fault) => `${fault}: ${ended.stderr.trim()}`);
}

/** Whether what `run` says of a script is so. */
export function judgeRun(
  ended: Ended,
  truth: { readonly codeFile: string; readonly mark: string; readonly code: number },
): string[] {
  const verdict = verdictOf(ended);
  if (verdict !== "success" && verdict !== "failed") return [];
  const faults: string[] = [];
  if (ended.stdout !== wholeOutput(truth.mark)) faults.push(`output "${ended.stdout.slice(-80)}"`);
  const told = verdict === "success" ? 0 : Number(readFileSync(truth.codeFile, "utf8"));
  if (told !== truth.code) faults.push(`its code ${truth.code} is told as ${told}`);
  return faults.map((fault) => `false verdict "${verdict}": ${fault}`);
}
