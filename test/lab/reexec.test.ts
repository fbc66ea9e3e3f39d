/** systemd starts itself anew, as its own upgrade does, while jobs begin and end: none notices. */
import { expect, test } from "bun:test";
import {
  cleanUpAfterEach,
  command,
  expectNothingLeft,
  later,
  openRunner,
  PLACES,
  uniqueName,
} from "./harness.ts";

cleanUpAfterEach();

const [place] = PLACES;
if (place === undefined) throw new Error("There is no storage.");
const runner = openRunner(place);
const ROUNDS = 4;

/** Each call meets another moment of the manager's start. */
async function beside(calls: () => Promise<{ code: number; stderr: string }>[]): Promise<void> {
  const reexec = command("systemctl", "daemon-reexec");
  for (const { code, stderr } of await Promise.all(calls())) {
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("ERROR") });
  }
  await reexec;
}

test("machines start and end while systemd starts itself anew", async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const names = [uniqueName(), uniqueName(), uniqueName()];
    for (const name of names) later(() => runner.call("cleanup", "--id", name));
    await beside(() => names.map((name) => runner.call("prepare", "--id", name, "trixie")));
    await beside(() => names.map((name) => runner.call("cleanup", "--id", name)));
    for (const name of names) expectNothingLeft(place, name);
  }
});
