/** The loop of the unit that watches the firewall, whatever what it calls ends with. */
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { watchFirewallCommand } from "./watch-firewall.ts";

const SCRIPT = new URL("watch-firewall.sh", import.meta.url).pathname;

/** Runs it until the driver has been called so often, with an nft that says that. What the driver was called for. */
async function watch(told: string, calls: number, rules = "nsr-0ad50406"): Promise<string[]> {
  const place = mkdtempSync(join(tmpdir(), "watch-firewall-"));
  const program = (name: string, script: string): void =>
    writeFileSync(join(place, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  for (const name of ["pairs", "rules"]) mkdirSync(join(place, name));
  for (const entry of ["pairs/nsr-0ad50406", ...(rules === "" ? [] : [`rules/${rules}`])]) {
    writeFileSync(join(place, entry), "");
  }
  // It fails each time; the last machine ends while it is called for the last time.
  program(
    "driver",
    `echo "$1" >>"${place}/log"; [ "$(wc -l <"${place}/log")" -lt ${calls} ] || rm -f "${place}/pairs/"*; exit 1`,
  );
  program("nft", `echo '${told}'`);
  program("sleep", "");
  try {
    const arguments_ = [`${place}/pairs`, `${place}/rules`, "inet", "mine", `${place}/driver`];
    const PATH = `${place}:${process.env.PATH}`;
    const shell = Bun.spawn(["/bin/sh", SCRIPT, ...arguments_], { env: { PATH } });
    expect(await shell.exited).toBe(0);
    return readFileSync(join(place, "log"), "utf8").trim().split("\n");
  } finally {
    rmSync(place, { recursive: true });
  }
}

test("what fails in one round is tried in the next", async () => {
  const round = ["internal-restore-firewall", "internal-follow-names"];
  expect(await watch("add table inet other", 4)).toEqual([...round, ...round]);
});

test("names are followed only where there are some", async () => {
  expect(await watch("", 2, "")).toEqual(Array(2).fill("internal-restore-firewall"));
});

test("the table is made again as soon as it is removed, and no other's", async () => {
  const heard = await watch("delete table inet other\ndelete table inet mine # handle 7", 2, "");
  expect(heard).toEqual(Array(2).fill("internal-restore-firewall"));
});

test("its unit is started again when it is killed", () => {
  expect(watchFirewallCommand(["/driver"])).toContain("--property=Restart=on-failure");
});
