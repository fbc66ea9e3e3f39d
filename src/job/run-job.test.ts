/** The `run` stage on the fake host: what GitLab Runner is told of a script's end. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { makeSystem } from "../../test/fakes/fake-commands.ts";
import { EXT4 } from "../../test/fakes/fake-disk.ts";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { parseConfig } from "../config/config.ts";
import { parseMachineName } from "../text/names.ts";
import { prepareJob } from "./prepare-job.ts";
import { runJobStep } from "./run-job.ts";

const name = parseMachineName("job-1-a");
const CODE_FILE = "/tmp/code";

async function openMachine() {
  const computer = openComputer({
    mounts: { "/images": EXT4, "/tmp": EXT4 },
    runScript: (text) => ({ output: `ran ${text}\n`, code: Number(text) }),
  });
  makeSystem(computer.disk, "/images/debian");
  const process = computer.start({ environment: { BUILD_EXIT_CODE_FILE: CODE_FILE } });
  const request = { name, image: "debian", defaultImage: undefined, jobId: "1" };
  const config = await parseConfig('root_directory = "/images"\n', "/config.toml");
  await prepareJob(process.host, config, {
    ...request,
    timeoutSeconds: undefined,
    features: undefined,
    packages: undefined,
    identity: { kind: "person" },
    gitlabUrl: undefined,
    wishes: {},
  });
  return { ...process, computer, files: process.host.files };
}

test.each([
  [0, "success", undefined, undefined],
  [3, "script-failed", "3\n", undefined],
  [255, "script-failed", "255\n", undefined],
  [143, "script-failed", "143\n", "The script was ended by SIGTERM (exit status 143)."],
] as const)("exit code %p is told as %p", async (code, outcome, told, said) => {
  const { host, files, printed, said: lines } = await openMachine();
  files.writeText("/tmp/script", String(code));
  files.writeText(CODE_FILE, "stale");
  expect(await runJobStep(host, { name, script: "/tmp/script", stage: undefined })).toBe(outcome);
  expect(printed).toEqual([`ran ${code}\n`]);
  expect(files.probe(CODE_FILE) && files.readText(CODE_FILE)).toBe(told);
  expect(lines.filter((line) => line.startsWith("The script"))).toEqual(said ? [said] : []);
  expect(files.list(`/run/nspawn-runner/machines/${name}/control/steps`)).toEqual([]);
});

test.each(["refused", "done"] as const)(
  "whichever effect is %s, nothing of the script stays in the machine's directory",
  async (how) => {
    for (let at = 1; ; at += 1) {
      const { computer } = await openMachine();
      computer.disk.create("open", "/tmp/script", { kind: "file", mode: 0o700, text: "0" });
      const { host, effects } = computer.start({ fails: { at, how } });
      const failed = await runJobStep(host, { name, script: "/tmp/script", stage: undefined }).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (effects.length < at) break;
      expect(failed).toBeInstanceOf(Error);
      const steps = `/run/nspawn-runner/machines/${name}/control/steps`;
      // What the removal itself leaves, `cleanup` removes with the machine.
      if (!effects[at - 1]?.startsWith("remove ")) expect(host.files.list(steps)).toEqual([]);
      expect(at).toBeLessThan(50);
    }
  },
);

test("a machine that never was is a system error with what may have happened", async () => {
  const { host } = openComputer().start();
  await expect(
    runJobStep(host, { name, script: "/tmp/script", stage: undefined }),
  ).rejects.toMatchObject({
    kind: "system",
    message: 'There is no machine "job-1-a".',
  });
});

test("a machine that another release has started is told as such, at once", async () => {
  const { host, files } = await openMachine();
  const path = `/run/nspawn-runner/machines/${name}/state.json`;
  files.writeText("/tmp/script", "0");
  // As release 0.1.0 has left it, whose agent is asked in another way.
  files.writeText(path, readFileSync("test/samples/0.1.0/state.json", "utf8"));
  await expect(runJobStep(host, { name, script: "/tmp/script", stage: undefined })).rejects.toThrow(
    'Machine "job-1-a" was started by another release of nspawn-runner',
  );
});
