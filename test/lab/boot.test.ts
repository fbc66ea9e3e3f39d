/** What a machine that does not come up tells, and what its console cannot. */
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, rmSync, writeFileSync } from "node:fs";
import {
  cleanUpAfterEach,
  command,
  expectNothingLeft,
  later,
  openRunner,
  PLACES,
  uniqueName,
  unitOf,
} from "./harness.ts";

cleanUpAfterEach();

const place = PLACES[2];
if (place?.kind !== "overlay") throw new Error("This is about an overlay.");

/** An image whose PID 1 is this script. */
async function makeImage(name: string, init: string): Promise<void> {
  const tree = `${place?.root}/${name}`;
  later(() => rmSync(tree, { recursive: true }));
  await command("cp", "-a", `${place?.root}/nosystemd`, tree);
  const program = `${tree}/usr/lib/systemd/systemd`;
  rmSync(program, { force: true });
  writeFileSync(program, `#!/bin/sh\n${init}`);
  chmodSync(program, 0o755);
}

describe.each(["host", "private"])("with network %s", (network) => {
  const runner = openRunner(place, `network = "${network}"\nboot_timeout = 3\n`);

  test("the reason of a failed boot is told to its end, the console's words as such", async () => {
    const image = uniqueName();
    await makeImage(image, 'echo "the disk is not there"; exit 7');
    const name = uniqueName();
    const { code, stderr } = await runner.call("prepare", "--id", name, image);
    expect(code).toBe(2);
    expect(stderr).toContain(`ERROR: Cannot boot machine "${name}".`);
    expect(stderr).toContain("On its console: the disk is not there\n");
    expect(stderr).toContain("Main process exited, code=exited, status=7/NOTRUNNING\n");
    expect(stderr).toContain("Failed with result 'exit-code'.\n");
    expectNothingLeft(place, name);
  });

  test("a boot that takes too long is told so, after the time that was set", async () => {
    const image = uniqueName();
    await makeImage(image, "echo waiting; exec sleep infinity");
    const name = uniqueName();
    const { code, stderr, ms } = await runner.call("prepare", "--id", name, image);
    expect({ code, stderr }).toMatchObject({ code: 2 });
    expect(stderr).toContain(`Machine "${name}" does not take scripts after 3 s.`);
    expect(stderr).toContain("On its console: waiting\n");
    expect(ms).toBeGreaterThan(3000);
    expectNothingLeft(place, name);
  });

  test("a cancel while it boots is told as a cancel", async () => {
    const image = uniqueName();
    await makeImage(image, "exec sleep infinity");
    const name = uniqueName();
    const preparing = runner.start("prepare", "--id", name, image);
    while (!existsSync(`/run/systemd/transient/${unitOf(name)}`)) await new Promise(setImmediate);
    preparing.kill("SIGTERM");
    const { code, stderr } = await preparing.ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(/^ERROR: .* was cancelled: we were told to end\.$/m);
    expect(stderr).not.toContain("does not take scripts");
    expect(stderr).not.toContain("installed?");
    expectNothingLeft(place, name);
  });
});

describe("the console of a machine", () => {
  const runner = openRunner(place);
  const journal = async (...matches: string[]): Promise<Record<string, unknown>[]> => {
    await command("journalctl", "--sync");
    const { stdout } = await command("journalctl", "--output=json", "--no-pager", ...matches);
    return stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  };

  test("forges no line of ours, reaches no terminal, and floods no journal", async () => {
    const machine = await runner.machine("trixie");
    const word = `forged-by-${machine.name}`;
    await machine.run(`printf '<0>${word}\\n' >/dev/console`);
    const seconds = Math.floor(Date.now() / 1000);
    await machine.run('seq -f "line %.0f" 5000 >/dev/console; echo last-line >/dev/console');
    const unit = `--unit=${machine.unit}`;
    const forged = (await journal(unit)).find(({ MESSAGE }) => String(MESSAGE).includes(word));
    expect(forged).toMatchObject({
      MESSAGE: `<0>${word}`,
      PRIORITY: "6",
      SYSLOG_IDENTIFIER: "nspawn-runner-console",
    });
    expect(await journal(unit, "--identifier=nspawn-runner")).toEqual([]);
    const lines = await journal(unit, `--since=@${seconds - 1}`);
    // journald multiplies a limit by up to six where it has room on its disk (burst_modulate()).
    expect(lines.length).toBeLessThan(200 * 6 + 50);
  });

  test("would do the first two, were it not for the unit's properties", async () => {
    const name = uniqueName();
    const unit = `${name}.service`;
    const print = ["--collect", "--wait", "--", "printf", `<0>forged-by-${name}\n`];
    await command(
      "systemd-run",
      `--unit=${unit}`,
      "-p",
      "SyslogIdentifier=nspawn-runner",
      ...print,
    );
    expect(await journal(`--unit=${unit}`, "--identifier=nspawn-runner")).toMatchObject([
      { MESSAGE: `forged-by-${name}`, PRIORITY: "0" },
    ]);
  });
});
