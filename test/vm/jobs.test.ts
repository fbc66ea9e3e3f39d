/** A machine is made, works and goes on a kernel of its own, and the kernel has nothing to say of it. */
import { afterAll, describe, expect, test } from "bun:test";
import { cleanUpAfterEach, command, openRunner, PLACES } from "../lab/harness.ts";
import { chosen } from "./whole.ts";

cleanUpAfterEach();

describe.each(chosen(PLACES))("a machine on $kind", (place) => {
  const runner = openRunner(place);

  test("boots, runs a script with its systemd, and leaves nothing", async () => {
    const machine = await runner.machine("trixie");
    const script = "systemctl is-active multi-user.target; id -u; exit 7";
    const ended = await machine.run(script);
    expect(ended.stdout).toBe("active\n0\n");
    expect(ended.code).toBe(1);
  });

  test("without an init runs a script, and leaves nothing", async () => {
    const machine = await runner.machine("nosystemd");
    expect(await machine.run("echo here")).toMatchObject({ code: 0, stdout: "here\n" });
  });
});

afterAll(async () => {
  const { stdout } = await command("dmesg", "--level=emerg,alert,crit,err", "--notime");
  const faults = /BUG:|Oops|blocked for more than|(EXT4-fs|BTRFS|XFS).*(error|corrupt)/i;
  expect(stdout.split("\n").filter((line) => faults.test(line))).toEqual([]);
});
