import { expect, test } from "bun:test";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { findStrayRules, listMachineRules, writeRules } from "./kept-rules.ts";
import { PAIRS_DIRECTORY, RULES_DIRECTORY } from "./network-paths.ts";

const rules = { interface: "nsr-0ad50406", servers: [], places: [], only: false };

test("a machine that comes between two looks has no stray rules", () => {
  const { host } = openComputer().start();
  let looks = 0;
  /** Has a machine start behind the first look, whatever is looked at. */
  const look = <Result>(at: () => Result): Result => {
    const seen = at();
    looks += 1;
    if (looks === 1) {
      host.claims.take(PAIRS_DIRECTORY, "job-1-abcdef", [rules.interface]);
      writeRules(host, rules);
    }
    return seen;
  };
  const watched = {
    files: { ...host.files, probe: (path: string) => look(() => host.files.probe(path)) },
    claims: { ...host.claims, list: (path: string) => look(() => host.claims.list(path)) },
  };
  expect(findStrayRules(watched, "")).toEqual([]);
  expect(looks).toBeGreaterThan(1);
});

test("rules of nobody are stray, wherever they are", () => {
  const { host } = openComputer().start();
  writeRules(host, rules);
  const listed = "table inet nspawn_runner {\n\tchain nsr-0ad50408 {\n\t}\n}\n";
  expect(findStrayRules(host, listed)).toEqual(["nsr-0ad50406", "nsr-0ad50408"]);
  host.claims.take(PAIRS_DIRECTORY, "job-1-abcdef", ["nsr-0ad50408"]);
  expect(findStrayRules(host, listed)).toEqual(["nsr-0ad50406"]);
});

test("a draft of rules that are just being written is none", () => {
  const { host } = openComputer().start();
  writeRules(host, rules);
  host.files.writeText(`${RULES_DIRECTORY}/nsr-0ad50408.1a2b3c4d.new`, "{", 0o600);
  expect(listMachineRules(host)).toEqual([rules]);
  expect(findStrayRules(host, "")).toEqual(["nsr-0ad50406"]);
});
