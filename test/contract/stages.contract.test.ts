/** The cases on the simulator of GitLab Runner, and what only it can bring about. */
import { afterAll, describe, test } from "bun:test";
import { PLACES } from "../lab/harness.ts";
import { casesFor } from "./cases/all-cases.ts";
import { checkCase } from "./cases/job-case.ts";
import { checkTwoAtOnce } from "./cases/two-at-once.ts";
import { expectNothingLeft } from "./rig/nothing-left.ts";
import { openSimulatedRig } from "./rig/simulated-rig.ts";

describe.each([...PLACES])("with the simulator on $kind", (place) => {
  const rig = openSimulatedRig(place);
  afterAll(() => rig[Symbol.asyncDispose]());

  for (const jobCase of casesFor(place, "simulator")) {
    test(jobCase.name, async () => {
      await checkCase(rig, jobCase);
      expectNothingLeft(place);
    });
  }

  test("two jobs of one image at once do not meet", async () => {
    await checkTwoAtOnce(rig);
    expectNothingLeft(place);
  });
});
