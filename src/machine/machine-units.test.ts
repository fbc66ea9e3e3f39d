import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { parseMachineName } from "../text/names.ts";
import { BUILD_SLICE, MACHINES_SLICE, machineOfUnit, machineUnits } from "./machine-units.ts";

test.each([
  "job-17-abcdef",
  "build-abcdefghijkl",
  "login-abcdefghijkl",
  "x",
  "a-build",
  "building",
])('the units of machine "%s" are known as its own', (text) => {
  const name = parseMachineName(text);
  const { unit, slice } = machineUnits(name);
  expect([unit, slice].map(machineOfUnit)).toEqual([name, name]);
});

/** What stops a machine's units stops all that is in them: none of these may be taken for one's. */
const OTHERS = [
  MACHINES_SLICE,
  BUILD_SLICE,
  "nspawn-runner-watch-100-1000.service",
  "nspawn-runner-trash-abcdef.service",
  "nspawn-runner-follow-names.service",
  "nspawn-runner-watch-firewall.service",
  "nspawn_runner-other-x.slice",
  ...readdirSync(`${import.meta.dir}/../../packaging`),
];

test.each(OTHERS)("%s is no machine's", (unit) => {
  expect(machineOfUnit(unit)).toBeUndefined();
});

test.each(["build", "gc"])('"%s" cannot be the name of a machine', (name) => {
  expect(() => parseMachineName(name)).toThrow("cannot be the name of a machine");
});
