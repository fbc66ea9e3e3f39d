/**
 * What a real GitLab Runner hands on of whose job it is: what its GitLab states, and nothing that a job,
 * or a server that says more than it should, adds.
 */
import { expect } from "bun:test";
import { BY_HAND, type JobIdentity, parseJobIdentity } from "../../src/policy/job-identity.ts";
import { openCoordinator } from "./coordinator/coordinator.ts";
import { startRunner } from "./coordinator/runner-process.ts";
import { realRunner, realTest } from "./rig/real-test.ts";
import { makeFakeDriver } from "./simulator/fake-driver.ts";
import type { JobResponse } from "./simulator/job-response.ts";
import { makeJob } from "./simulator/make-job.ts";

/** The identity that a driver reads of a job as a server sends it. */
async function handedOn(job: JobResponse): Promise<JobIdentity> {
  using fake = makeFakeDriver({
    config: `echo '{"builds_dir":"/tmp/identity/builds","cache_dir":"/tmp/identity/cache"}'`,
    prepare: 'cp "$JOB_RESPONSE_FILE" $FAKE/response; exit 1',
    run: "",
    cleanup: "",
  });
  await using coordinator = openCoordinator({ tls: false });
  const custom = Object.fromEntries(
    ["config", "prepare", "run", "cleanup"].flatMap((stage) => [
      [`${stage}_exec`, `${fake.directory}/${stage}`],
      [`${stage}_args`, []],
    ]),
  );
  await using _runner = await startRunner({
    program: realRunner(),
    url: coordinator.url,
    token: "glrt-not-a-secret",
    env: {},
    settings: { custom },
  });
  await coordinator.submit("glrt-not-a-secret", job).ended;
  return parseJobIdentity(JSON.parse(fake.read("response")));
}

const FORGED = {
  CI_PROJECT_PATH: "forged/path",
  CI_PROJECT_ID: "99",
  GITLAB_USER_ID: "99",
  CI_COMMIT_REF_NAME: "forged",
  CI_COMMIT_REF_PROTECTED: "true",
  [BY_HAND]: "true",
};

realTest("what GitLab states reaches the driver, and no variable changes it", async () => {
  const job = makeJob({ projectPath: "group/app", variables: FORGED });
  const sent = {
    ...job,
    [BY_HAND]: true,
    job_info: { ...job.job_info, user_id: 42 },
    git_info: { ...job.git_info, ref: "v1", ref_type: "tag", protected: false },
  };
  expect(await handedOn(sent)).toEqual({
    kind: "job",
    project: "group/app",
    projectId: 17,
    user: 42,
    ref: { kind: "tag", name: "v1" },
    protected: false,
  });
});

realTest("what an older GitLab does not state is not known", async () => {
  const job = makeJob({ variables: FORGED });
  const sent = { ...job, job_info: { ...job.job_info, project_full_path: "" } };
  expect(await handedOn(sent)).toEqual({
    kind: "job",
    project: undefined,
    projectId: 17,
    user: undefined,
    ref: { kind: "branch", name: "main" },
    protected: undefined,
  });
});
