import { expect, test } from "bun:test";
import { parseDirectCall, STAGES } from "./direct-call.ts";

test.each([
  ["config", ["config"], STAGES.config, [{}]],
  ["prepare of the job's image", ["prepare"], STAGES.prepare, [undefined, {}]],
  ["prepare of an image", ["prepare", "trixie"], STAGES.prepare, ["trixie", {}]],
  ["a step by hand", ["run", "/s"], STAGES.run, ["/s", undefined, {}]],
  ["a step of a job", ["run", "/s", "build_script"], STAGES.run, ["/s", "build_script", {}]],
  ["cleanup", ["cleanup"], STAGES.cleanup, [{}]],
  ["the end of a unit", ["internal-release", "job-1-a"], STAGES.release, ["job-1-a", {}]],
  ["the start of a unit", ["internal-launch", "job-1-a"], STAGES.launch, ["job-1-a", {}]],
])("%s needs no parser", (_title, argv, { load }, values) => {
  expect(parseDirectCall(argv)).toEqual({ load, values });
});

test.each([
  ["nothing", []],
  ["another command", ["chroot-list"]],
  ["an option before", ["--debug", "cleanup"]],
  ["an option", ["cleanup", "--id", "x"]],
  ["help", ["run", "--help"]],
  ["a word that looks like an option", ["run", "-x", "build_script"]],
  ["the end of options", ["run", "--", "/s"]],
  ["too few words", ["run"]],
  ["too many words", ["run", "/s", "build_script", "more"]],
  ["words for what takes none", ["cleanup", "x"]],
  ["an empty word", ["prepare", ""]],
])("%s goes the long way", (_title, argv) => {
  expect(parseDirectCall(argv)).toBeUndefined();
});
