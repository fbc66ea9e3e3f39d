import { expect, test } from "bun:test";
import fc from "fast-check";
import { RunnerError } from "../text/errors.ts";
import { exitCodeOf, outcomeOf, readExitCodes } from "./exit-codes.ts";
import { parseJobRequest } from "./job-request.ts";
import { explainCancel, explainCode, explainEnd } from "./run-job.ts";
import { tomlSnippet } from "./toml-snippet.ts";

test("a job as GitLab sends it", () => {
  const job = { id: 17, image: { name: "trixie" }, runner_info: { timeout: 3600 }, new_field: [1] };
  expect(parseJobRequest(JSON.stringify(job))).toEqual({
    jobId: "17",
    image: "trixie",
    timeoutSeconds: 3600,
    features: { ignored: [], needsGitlabRunner: false },
    identity: { kind: "job" },
    secrets: [],
    repositoryUrl: undefined,
  });
});

test.each([
  ["no image", { id: 1, image: null }],
  ["an empty image", { id: 1, image: { name: "" } }],
  ["nothing else", { id: 1 }],
])("%s means none", (_title, job) => {
  expect(parseJobRequest(JSON.stringify(job)).image).toBeUndefined();
});

test.each([
  ["1e300", 2_678_400],
  ["1e999", 2_678_400],
  ["0.1", 1],
  ["0", undefined],
  ["-1", undefined],
])("a time-out of %s is %p seconds", (text, seconds) => {
  const { timeoutSeconds } = parseJobRequest(`{"id": 1, "runner_info": {"timeout": ${text}}}`);
  expect(timeoutSeconds).toBe(seconds);
});

test.each([
  ["17", "17"],
  ["9223372036854775808", "0"],
  ["1e300", "0"],
  ["1.5", "0"],
  ["-1", "0"],
])("job %s is %p", (text, id) => {
  expect(parseJobRequest(`{"id": ${text}}`).jobId).toBe(id);
});

test("whatever JSON comes, it is a request or a plain error that quotes none of it", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        parseJobRequest(text);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
  );
  expect(() => parseJobRequest('{"token": "glcbt-secret')).toThrow("it is not JSON");
});

test("exit codes are what GitLab Runner says, and never the author's fault without reason", () => {
  const codes = readExitCodes({ BUILD_FAILURE_EXIT_CODE: "11", SYSTEM_FAILURE_EXIT_CODE: "12" });
  expect(exitCodeOf("script-failed", codes)).toBe(11);
  expect(exitCodeOf("job", codes)).toBe(11);
  expect(exitCodeOf(outcomeOf(new TypeError("ours")), codes)).toBe(12);
  expect(exitCodeOf(outcomeOf(new RunnerError({ kind: "usage", message: "x" })), codes)).toBe(12);
  expect(readExitCodes({ BUILD_FAILURE_EXIT_CODE: "x", SYSTEM_FAILURE_EXIT_CODE: "0" })).toEqual({
    buildFailure: 1,
    systemFailure: 2,
  });
});

test("deaths are explained", () => {
  expect(explainCode(1)).toBeUndefined();
  const killed = "The script was ended by SIGKILL (exit status 137)";
  expect(explainCode(137)).toBe(`${killed}.`);
  expect(explainCancel("by SIGKILL")).toBe(
    "The script was cancelled: it had not ended 0.6 s after SIGTERM, so we ended it by SIGKILL.",
  );
  for (const code of ["exited", "killed"]) {
    expect(explainEnd({ result: "success", code, status: "0" })).toContain("shut down from inside");
  }
  expect(explainEnd({ result: "oom-kill", code: "killed", status: "KILL" })).toContain("memory");
  expect(explainEnd(undefined)).toBe("its unit does not say why");
});

test("the snippet for GitLab Runner", () => {
  const text = tomlSnippet({
    driver: ["/usr/bin/nspawn-runner"],
    image: "trixie",
    url: undefined,
    token: 'quo"te',
  });
  expect(Bun.TOML.parse(text)).toMatchObject({
    runners: [
      {
        executor: "custom",
        token: 'quo"te',
        custom_build_dir: { enabled: true },
        custom: {
          config_exec: "/usr/bin/nspawn-runner",
          config_args: ["config", "--default-image", "trixie"],
          prepare_args: ["prepare", "--default-image", "trixie"],
          run_args: ["run"],
          cleanup_args: ["cleanup"],
        },
      },
    ],
  });
});
