/** Tiny drivers in bash for tests of the simulator itself, and of nothing else. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Driver } from "./driver.ts";

export interface FakeDriver extends Disposable {
  readonly driver: Driver;
  readonly directory: string;
  /** Lines that the driver appended to `$FAKE/calls`. */
  calls(): string[];
  read(name: string): string;
}

/** What a stage does when the test says nothing else: run the script, write each call down. */
const USUAL = {
  config: "echo '{}'",
  prepare: "true",
  run: 'bash "$1"; code=$?; [ $code = 0 ] || { echo $code >"$BUILD_EXIT_CODE_FILE"; exit 1; }',
  cleanup: "true",
};

export function makeFakeDriver(stages: Partial<typeof USUAL> = {}): FakeDriver {
  const directory = mkdtempSync(`${tmpdir()}/fake-driver`);
  for (const [stage, body] of Object.entries({ ...USUAL, ...stages })) {
    const path = `${directory}/${stage}`;
    const head = `#!/usr/bin/env bash\nFAKE=${directory}\necho "${stage} \${2-}" >>$FAKE/calls\n`;
    writeFileSync(path, `${head}${body}\n`);
    chmodSync(path, 0o755);
  }
  const read = (name: string): string => readFileSync(`${directory}/${name}`, "utf8");
  return {
    directory,
    driver: {
      configExec: `${directory}/config`,
      prepareExec: `${directory}/prepare`,
      runExec: `${directory}/run`,
      cleanupExec: `${directory}/cleanup`,
    },
    calls: () =>
      read("calls")
        .trimEnd()
        .split("\n")
        .map((line) => line.trimEnd()),
    read,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
