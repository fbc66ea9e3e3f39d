/**
 * Twenty secrets of a job, in all places that one has them: while it runs they are where it and root
 * read them, and in nothing that others do, or that is kept. Afterwards they are nowhere.
 */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import {
  awaitDeleters,
  cleanUpAfterEach,
  command,
  expectNothingLeft,
  later,
  openRunner,
  type Place,
  scratch,
  scriptFile,
  start,
  uniqueName,
  unitOf,
} from "../harness.ts";

cleanUpAfterEach();

const PLACE: Place = { kind: "overlay", root: "/fs/ext4/root" };
const runner = openRunner(PLACE);

const KINDS = [
  ...["variable", "masked", "hidden", "file", "job-token", "registry-password", "deploy-token"],
  ...["git-url", "dependency-proxy", "image-registry", "hook", "image-command"],
  ...["cache-key", "artifact-name", "artifact-path", "script", "before-script", "id-token"],
  ...["dependency-token", "after-script"],
];
/** Distinct, and none is part of another, or of what an earlier run has left. */
const RUN = uniqueName().replaceAll("-", "") + process.hrtime.bigint();
const secretOf = (kind: string): string => `s3cr3t-${kind}-${RUN}`;
const SECRET = new RegExp(`s3cr3t-[a-z-]+-${RUN}`, "g");

const secretsIn = (text: string): string[] => [...new Set(text.match(SECRET))].sort();

const variable = (key: string, kind: string, more = {}) => ({
  key,
  value: secretOf(kind),
  ...more,
});

/** A job as GitLab hands it over (lib/api/entities/ci/job_request of GitLab). */
const JOB = {
  id: 4711,
  token: secretOf("job-token"),
  job_info: { id: 4711, name: "test", project_id: 17 },
  git_info: { repo_url: `https://gitlab-ci-token:${secretOf("git-url")}@gitlab.example/a/b.git` },
  image: { name: "nosystemd", entrypoint: [secretOf("image-command")] },
  // Variables are expanded in names.
  services: [{ name: `registry.example/x:${secretOf("masked")}`, alias: "x" }],
  hooks: [{ name: "pre_get_sources_script", script: [secretOf("hook")] }],
  variables: [
    variable("PLAIN", "variable"),
    variable("MASKED", "masked", { masked: true }),
    variable("HIDDEN", "hidden", { masked: true, public: false }),
    variable("KEY_FILE", "file", { file: true }),
    variable("CI_REGISTRY_PASSWORD", "registry-password", { masked: true }),
    variable("CI_DEPLOY_PASSWORD", "deploy-token", { masked: true }),
    variable("CI_DEPENDENCY_PROXY_PASSWORD", "dependency-proxy", { masked: true }),
    variable("ID_TOKEN", "id-token", { masked: true }),
  ],
  credentials: [
    {
      type: "registry",
      url: "registry.example",
      username: "u",
      password: secretOf("image-registry"),
    },
  ],
  cache: [{ key: secretOf("cache-key"), paths: ["x/"], policy: "pull-push" }],
  artifacts: [{ name: secretOf("artifact-name"), paths: [secretOf("artifact-path")] }],
  dependencies: [{ id: 1, name: "build", token: secretOf("dependency-token") }],
  steps: [{ name: "script", script: [`echo ${secretOf("script")}`] }],
};

/** As GitLab Runner gives them to each call. */
const variables = (response: string): Record<string, string> => ({
  ...runner.environment,
  JOB_RESPONSE_FILE: response,
  ...Object.fromEntries(JOB.variables.map(({ key, value }) => [`CUSTOM_ENV_${key}`, value])),
  CUSTOM_ENV_CI_JOB_TOKEN: JOB.token,
  CUSTOM_ENV_CI_REPOSITORY_URL: JOB.git_info.repo_url,
});

/** GitLab Runner's scripts export every variable, and then do what the author wrote. */
const SCRIPT = [
  "#!/usr/bin/env bash",
  ...JOB.variables.map(({ key, value }) => `export ${key}=${value}`),
  `: ${secretOf("before-script")} ${secretOf("after-script")} ${KINDS.map(secretOf).join(" ")}`,
  'echo "$MASKED" >/left; mkfifo /go; echo begins; read -r _ </go',
].join("\n");

const list = (path: string): string[] => {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
};
const read = (path: string): string => {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
};

/** What every user sees of processes, and what those have as environment that are not the job's. */
function lookAtProcesses(): { readonly argv: string[]; readonly environments: string[] } {
  const ids = list("/proc").filter((name) => /^\d+$/.test(name));
  const argv = ids.flatMap((id) => secretsIn(read(`/proc/${id}/cmdline`)));
  const programOf = (id: string): string => read(`/proc/${id}/cmdline`).split("\0")[0] ?? "";
  const environments = ids.flatMap((id) => {
    const before = programOf(id);
    const found = secretsIn(read(`/proc/${id}/environ`));
    // Twice: while one is being started, and once it has ended, it has no words.
    const program = before || programOf(id);
    // Ours got them from GitLab Runner; the job's own live in the machine.
    const isOurs = program === "" || program.endsWith("nspawn-runner");
    const isInside = !read(`/proc/${id}/uid_map`).trim().startsWith("0          0");
    return isOurs || isInside ? [] : found.map((secret) => `${program}: ${secret}`);
  });
  return { argv, environments };
}

/** In files of these places, by path; what the test itself has written is not looked at. */
async function findInFiles(places: readonly string[]): Promise<string[]> {
  const found = await command(
    ...["grep", "--recursive", "--files-with-matches", "--text", "--devices=skip", RUN],
    ...["--exclude-dir=proc", `--exclude-dir=${scratch.slice("/tmp/".length)}`, ...places],
  );
  return found.stdout.split("\n").filter((path) => path !== "");
}

const unitFacts = async (name: string): Promise<string> => {
  const shown = await command("systemctl", "show", "--all", unitOf(name), "nspawn_runner*");
  const files = await command("sh", "-c", "cat /run/systemd/transient/nspawn* 2>/dev/null; true");
  return shown.stdout + files.stdout;
};

test.each([[[]], [["--verbose"]], [["--debug"]]])("of a job, with %p", async (words) => {
  const name = uniqueName();
  const response = `${scratch}/${name}.json`;
  const script = `${scratch}/${name}.sh`;
  writeFileSync(response, JSON.stringify(JOB), { mode: 0o600 });
  writeFileSync(script, SCRIPT, { mode: 0o700 });
  // The places are searched for what is there: it is found where it is.
  expect(secretsIn(JSON.stringify(JOB) + SCRIPT)).toEqual(KINDS.map(secretOf).sort());
  later(async () => {
    await runner.call("cleanup", "--id", name);
    expectNothingLeft(PLACE, name);
  });
  const environment = variables(response);
  const call = (stage: string, ...more: string[]) =>
    start(["nspawn-runner", stage, ...words, "--id", name, ...more], environment);
  const said: string[] = [];
  const seen = { argv: [] as string[], environments: [] as string[] };
  const watching = { on: true };
  const watch = (async () => {
    while (watching.on) {
      const { argv, environments } = lookAtProcesses();
      seen.argv.push(...argv);
      seen.environments.push(...environments);
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();

  const config = await start(["nspawn-runner", "config", ...words], environment).ended;
  const prepared = await call("prepare").ended;
  expect(prepared).toMatchObject({ code: 0 });
  const step = call("run", script, "step_script");
  await step.awaitOutput("begins");
  const facts = await unitFacts(name);
  // The script is there as a file of root's and of the machine's, and what it wrote is in its clone.
  const during = await findInFiles(["/run", "/tmp", "/var/tmp", PLACE.root]);
  const steps = `/run/nspawn-runner/machines/${name}/control/steps/`;
  const clone = `${PLACE.root}/.machines/${name}/`;
  expect(during.filter((path) => !path.startsWith(steps) && !path.startsWith(clone))).toEqual([]);
  expect(during.length).toBe(2);
  expect((await call("run", scriptFile("echo >/go")).ended).code).toBe(0);
  const ended = await step.ended;
  expect(ended.code).toBe(0);
  const cleaned = await call("cleanup").ended;
  watching.on = false;
  await watch;

  for (const { stdout, stderr } of [config, prepared, ended, cleaned]) said.push(stdout, stderr);
  expect(secretsIn(said.join())).toEqual([]);
  expect(secretsIn(facts)).toEqual([]);
  expect([...new Set(seen.argv)]).toEqual([]);
  expect([...new Set(seen.environments)]).toEqual([]);
  for (const path of [response, script]) rmSync(path);
  // The deleter's unit may be on its way yet.
  for (const until = performance.now() + 20_000; performance.now() < until; ) {
    await awaitDeleters();
    if (list(`${PLACE.root}/.trash`).length === 0) break;
  }
  await command("journalctl", "--sync");
  expect(secretsIn((await command("journalctl", "-o", "export", "--all")).stdout)).toEqual([]);
  expect(await findInFiles(["/run", "/tmp", "/var/tmp", "/var/log", "/etc", PLACE.root])).toEqual(
    [],
  );
});

test("a masked variable in the name of an image is not told to anybody", async () => {
  const name = uniqueName();
  const response = `${scratch}/${name}.json`;
  const image = { name: `registry.example/${secretOf("masked")}` };
  writeFileSync(response, JSON.stringify({ ...JOB, image }), { mode: 0o600 });
  const argv = ["nspawn-runner", "prepare", "--debug", "--id", name];
  const { code, stderr, stdout } = await start(argv, variables(response)).ended;
  expect(code).toBe(1);
  expect(stderr).toContain('"registry.example/[MASKED]" cannot be the name of an image');
  expect(secretsIn(stdout + stderr)).toEqual([]);
  await command("journalctl", "--sync");
  const journal = await command("journalctl", "-o", "export", "--all", `MACHINE=${name}`);
  expect(journal.stdout).toContain("[MASKED]");
  expect(secretsIn(journal.stdout)).toEqual([]);
});
