/** The cases on a real GitLab Runner, and what passes between its jobs. */
import { describe, expect } from "bun:test";
import { PLACES } from "../lab/harness.ts";
import { casesFor } from "./cases/all-cases.ts";
import { checkCase } from "./cases/job-case.ts";
import { checkTwoAtOnce } from "./cases/two-at-once.ts";
import { expectNothingLeft } from "./rig/nothing-left.ts";
import { realTest, shareRealRig } from "./rig/real-test.ts";

describe.each([...PLACES])("with a real runner on $kind", (place) => {
  const rig = shareRealRig(place);

  for (const jobCase of casesFor(place, "gitlab-runner")) {
    realTest(jobCase.name, async () => {
      await checkCase(rig(), jobCase);
      expectNothingLeft(place);
    });
  }

  realTest("two jobs of one image at once do not meet", async () => {
    await checkTwoAtOnce(rig());
    expectNothingLeft(place);
  });

  realTest.each(["trixie", "nosystemd", "nobash"])(
    "artifacts of a job on %s are there in the next",
    async (image) => {
      const first = await rig().start({
        wish: { image, script: ["echo built > out.txt"], artifacts: [{ paths: ["out.txt"] }] },
      });
      const uploaded = await first.result;
      expect(uploaded.log).toMatch(/Uploading artifacts to coordinator\.\.\. 201 Created/);
      const [archive] = rig().coordinator.artifactsOf(first.id);
      expect(archive?.length).toBeGreaterThan(0);
      const second = await rig().start({
        wish: {
          image,
          script: ["cat out.txt"],
          dependencies: [
            {
              id: first.id,
              token: first.token,
              name: "first",
              artifacts_file: { filename: "artifacts.zip", size: archive?.length ?? 0 },
            },
          ],
        },
      });
      const { status, log } = await second.result;
      expect(log).toMatch(/^built$/m);
      expect(status).toBe("success");
      expectNothingLeft(place);
    },
  );
});

const [place] = PLACES;
if (place === undefined) throw new Error("There is no storage to test on.");

describe("with a real runner, over TLS with a certificate of its own", () => {
  const rig = shareRealRig(place, { tls: true });

  realTest("a job clones, with submodules, and uploads its artifacts", async () => {
    const job = await rig().start({
      wish: {
        repository: rig().repository,
        variables: { GIT_STRATEGY: "fetch", GIT_SUBMODULE_STRATEGY: "recursive" },
        script: ["cat lib/leaf/leaf-file > out.txt", "cat greeting"],
        artifacts: [{ paths: ["out.txt"] }],
      },
    });
    const { status, log } = await job.result;
    expect(log).toMatch(/^hello from the repository$/m);
    expect({ status, log }).toEqual({ status: "success", log });
    expect(rig().coordinator.artifactsOf(job.id)).toHaveLength(1);
    expectNothingLeft(place);
  });
});
