/** A machine ends without anyone of ours when its time is over. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import {
  cleanUpAfterEach,
  command,
  later,
  openRunner,
  PLACES,
  start,
  uniqueName,
  unitOf,
} from "./harness.ts";

cleanUpAfterEach();

/** Clone and ids are gone although nobody called us; what `run` has to tell stays until cleanup. */
function expectReleased(root: string, name: string): void {
  expect(readdirSync(`${root}/.machines`)).not.toContain(name);
  const ranges = "/run/nspawn-runner/id-ranges";
  const owners = Bun.spawnSync(["readlink", ...readdirSync(ranges).map((id) => `${ranges}/${id}`)]);
  expect(owners.stdout.toString().split("\n")).not.toContain(name);
  expect(existsSync(`/run/nspawn-runner/machines/${name}/end.json`)).toBe(true);
}

const WAIT = 'until [ "$(systemctl show -P ActiveState "$0")" = inactive ]; do :; done';
const awaitInactive = (unit: string): Promise<unknown> => command("bash", "-c", WAIT, unit);

const kinds = ["btrfs", "overlay"];

describe.each(PLACES.filter(({ kind }) => kinds.includes(kind)))("a machine on $kind", (place) => {
  const runner = openRunner(place);

  test("lives half an hour longer than its job may, and run tells that this was the reason", async () => {
    const name = uniqueName();
    const response = `/tmp/${name}-response.json`;
    writeFileSync(response, JSON.stringify({ id: 1, runner_info: { timeout: 100 } }));
    later(() => rmSync(response));
    later(() => runner.call("cleanup", "--id", name));
    const environment = { ...runner.environment, JOB_RESPONSE_FILE: response };
    const prepare = ["nspawn-runner", "prepare", "--id", name, "trixie"];
    expect(await start(prepare, environment).ended).toMatchObject({ code: 0 });
    const shown = await command("systemctl", "show", "-P", "RuntimeMaxUSec", unitOf(name));
    expect(shown.stdout).toBe("31min 40s\n");

    // systemd reads a shorter life from a file of the administrator's, and counts from the start.
    const dropIns = `/run/systemd/system/${unitOf(name)}.d`;
    mkdirSync(dropIns, { recursive: true });
    later(() => command("systemctl", "daemon-reload"));
    later(() => rmSync(dropIns, { recursive: true }));
    writeFileSync(`${dropIns}/life.conf`, "[Service]\nRuntimeMaxSec=1\n");
    const script = `/tmp/${name}-script`;
    writeFileSync(script, "echo going; sleep 300");
    later(() => rmSync(script));
    const running = runner.start("run", "--id", name, script);
    await running.awaitOutput("going");
    await command("systemctl", "daemon-reload");
    const ended = await running.ended;
    // The job's own failure, as of every limit that it meets.
    expect(ended.code).toBe(1);
    expect(ended.stdout + ended.stderr).toContain(
      "it had lived for its job's timeout and 30 minutes more. Give the job a longer timeout.",
    );
    await awaitInactive(unitOf(name));
    expectReleased(place.root, name);
  });
});
