import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { requireVersion } from "./require-version.ts";

function check(said: string): { readonly code: number; readonly words: string } {
  const place = mkdtempSync(`${tmpdir()}/version-`);
  try {
    writeFileSync(`${place}/tool`, `#!/bin/sh\n${said}\n`, { mode: 0o755 });
    const step = requireVersion({ command: `${place}/tool`, version: "0.4.7" });
    const ended = Bun.spawnSync(step.kind === "run" ? [...step.argv] : []);
    return { code: ended.exitCode, words: ended.stderr.toString().replace(place, "") };
  } finally {
    rmSync(place, { recursive: true });
  }
}

test.each(["0.4.7", "0.4.7+ds", "0.5.0", "0.10.1", "1.0"])("%s is enough", (version) => {
  expect(check(`echo umoci version ${version}`).code).toBe(0);
});

test.each(["0.4.6", "0.3", "0.4.6.9"])("%s is too old", (version) => {
  const { code, words } = check(`echo umoci version ${version}`);
  expect(code).toBe(1);
  expect(words).toContain("Before 0.4.7 it has flaws");
});

test("one that says no version is taken for none", () => {
  expect(check("echo oh").code).toBe(1);
  expect(check("exit 3").code).toBe(1);
});
