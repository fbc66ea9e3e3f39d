/**
 * A VM lab as its owner sees it: commands run in it, and it loses its power. These tests run outside of
 * it, for they outlive it (`script/test vm`).
 */
import { expect } from "bun:test";

const lab = process.env.NSPAWN_RUNNER_LAB;
if (lab === undefined || lab === "") {
  throw new Error('These tests need a lab in a VM: "script/test vm/power".');
}

const SCRIPT = `${import.meta.dir}/../../../script/lab`;

/** What a shell script in the VM says; it has to succeed. */
export async function inVm(script: string): Promise<string> {
  const child = Bun.spawn([SCRIPT, "run", "bash", "-euo", "pipefail", "-c", script], {
    stdin: "ignore",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect({ code: await child.exited, stdout, stderr }).toMatchObject({ code: 0 });
  return stdout;
}

/** Resolves when it is up again. */
export async function restart(how: "reboot" | "power-cut"): Promise<void> {
  const child = Bun.spawn([SCRIPT, how], { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
  expect(await child.exited).toBe(0);
}
