import { expect, test } from "bun:test";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { explainInotify, probeInotify } from "./inotify.ts";

test.each([
  ["the first machine", 128, 1, false],
  ["the last that fits the default", 128, 24, false],
  ["one more", 128, 25, true],
  ["hundreds, with what packaging sets", 8192, 500, false],
] as const)("%s", (_title, limit, machines, warns) => {
  expect(explainInotify({ limit, machines }) !== undefined).toBe(warns);
});

test("it says what there is and what to set", () => {
  const { disk, start } = openComputer();
  const { host } = start();
  expect(probeInotify(host)).toBeUndefined();
  disk.ensureDirectory("/proc/sys/fs/inotify", 0o755);
  const path = "/proc/sys/fs/inotify/max_user_instances";
  disk.create("open", path, { kind: "file", mode: 0o644, text: "34\n" });
  expect(probeInotify(host)).toBeUndefined();
  disk.ensureDirectory("/run/nspawn-runner/machines/job-1-abcdef", 0o700);
  expect(probeInotify(host)).toBe(
    "This host has 34 inotify instances for itself and 1 machines, of which each takes 4: raise fs.inotify.max_user_instances (sysctl.d/50-nspawn-runner.conf).",
  );
});
