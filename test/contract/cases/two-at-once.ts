/** Two jobs of one image at the same time: a case that is not one job. */
import { expect } from "bun:test";
import type { Rig } from "../rig/rig.ts";

export async function checkTwoAtOnce(rig: Rig): Promise<void> {
  const wish = { script: ["test ! -e /root/kept", "echo made > /root/kept", "sleep 0.3"] };
  const jobs = await Promise.all([rig.start({ wish }), rig.start({ wish })]);
  const ends = await Promise.all(jobs.map((job) => job.result));
  expect(ends.map(({ status }) => status)).toEqual(["success", "success"]);
}
