/** What a definition's `nspawn_runner_limits` says holds, and who goes beyond is told so. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { busybox, openDeclared } from "../lab/declare.ts";
import { cleanUpAfterEach, command, type Machine, PLACES } from "../lab/harness.ts";
import { chosen } from "./whole.ts";

cleanUpAfterEach();

const TASKS = 200;

describe.each(chosen(PLACES))("the limits of an image on $kind", (place) => {
  /** Two machines of one image: one is an attack, the other its victim. */
  async function open(): Promise<readonly [Machine, Machine]> {
    const { runner, declare } = openDeclared(place);
    declare("limited", {
      create: busybox(place),
      limits: { tasks: TASKS, memory: "128M" },
    });
    const created = await runner.call("chroot-create", "limited");
    expect(created).toMatchObject({ code: 0 });
    return [await runner.machine("limited"), await runner.machine("limited")];
  }

  test("end the script that takes more memory, which is told why, and nobody else", async () => {
    const [attack, victim] = await open();
    const work = victim.start("#!/bin/sh\necho going; dd if=/dev/zero bs=1M count=200 | md5sum");
    await work.awaitOutput("going");
    const ended = await attack.run(
      "#!/bin/sh\ndd if=/dev/zero of=/dev/null bs=512M count=1\nexit $?",
    );
    expect(ended.stderr).toMatch(
      /Memory ran out: the kernel ended \d+ process(es)? of the machine, which may take 128M and took 12[0-9]M at most\./,
    );
    expect(ended.code).toBe(1);
    expect(await work.ended).toMatchObject({ code: 0 });

    // The kernel looked for a process in that machine alone.
    const { stdout } = await command("dmesg", "--notime");
    const kills = stdout.split("\n").filter((line) => line.startsWith("oom-kill:"));
    expect(kills.at(-1)).toContain("constraint=CONSTRAINT_MEMCG");
    expect(kills.at(-1)).toContain(attack.name.replaceAll("-", "\\x2d"));
    // Less than its limit is still to be had.
    const small = "#!/bin/sh\ndd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null";
    expect(await attack.run(small)).toMatchObject({ code: 0 });
  });

  test("keep a fork bomb in its machine, while another works", async () => {
    const [attack, victim] = await open();
    const bomb = await attack.run("#!/bin/sh\nwhile :; do sleep 1000 & done");
    expect(bomb.code).toBe(1);
    expect(bomb.stdout).toContain("can't fork");
    expect(bomb.stderr).toMatch(/The machine was refused \d+ process.*: it may have 200 at a time/);
    const held = await tasksOf(attack);
    expect(held).toBeGreaterThan(TASKS - 10);
    expect(held).toBeLessThanOrEqual(TASKS);

    const many =
      "i=0; while [ $i -lt 100 ]; do sleep 60 & i=$((i + 1)); done; kill $(jobs -p); echo done";
    expect(await victim.run(`#!/bin/sh\n${many}`)).toMatchObject({ code: 0, stdout: "done\n" });
  });
});

async function tasksOf(machine: Machine): Promise<number> {
  const { stdout } = await command("systemctl", "show", "-P", "ControlGroup", machine.unit);
  return Number(readFileSync(`/sys/fs/cgroup${stdout.trim()}/pids.current`, "utf-8"));
}
