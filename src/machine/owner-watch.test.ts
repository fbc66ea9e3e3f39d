/** Whether somebody waits for an owner's end, whoever else starts, or has killed, the unit that does. */
import { expect, test } from "bun:test";
import { OWN, openComputer } from "../../test/fakes/fake-host.ts";
import { ensureOwnerWatch } from "./owner-watch.ts";

const OWNER = { pid: OWN, startTicks: 1700 };

/** systemd has a unit of its name; its cgroup is there after so many looks. */
function beside(looks: number) {
  const stderr = "Failed to start transient service unit: Unit x was already loaded.";
  const { host } = openComputer({
    commands: [[["systemd-run"], () => ({ exitCode: 1, stderr })]],
  }).start();
  host.files.ensureDirectory("/run/nspawn-runner", 0o755);
  let left = looks;
  const exists = (): boolean => {
    left -= 1;
    return left < 0;
  };
  return ensureOwnerWatch({ ...host, cgroups: { ...host.cgroups, exists } }, OWNER);
}

test("a watcher between two lives is one, and none that never comes back", async () => {
  await beside(60);
  await expect(beside(1000)).rejects.toThrow("already loaded");
});
