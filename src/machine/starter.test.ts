/** The starter is run for real, on the architecture of this host. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { starterProgram, starterScript } from "./starter.ts";

const architecture = process.arch === "arm64" ? "arm64" : "x64";
let directory = "";
let starter = "";

beforeAll(() => {
  directory = mkdtempSync(`${tmpdir()}/starter-`);
  starter = `${directory}/starter`;
  writeFileSync(starter, starterProgram(architecture), { mode: 0o755 });
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs a script of sh that ignores, in the background, what such a shell has ignored there. */
function shell(script: string): string {
  const argv = ["sh", "-c", script, "sh", starter];
  const { stdout } = Bun.spawnSync(argv, { env: { PATH: "/usr/bin:/bin", GIVEN: "this" } });
  return stdout.toString();
}

const STATUS = "/bin/grep -E '^Sig(Ign|Blk):' /proc/self/status";

test("what runs in the background of a shell ignores signals, and not behind the starter", () => {
  // The reason why there is a starter.
  expect(shell(`${STATUS} & wait`)).not.toContain("SigIgn:\t0000000000000000");
  const none = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n";
  expect(shell(`trap '' HUP INT QUIT USR1 TERM; "$1" ${STATUS} & wait`)).toBe(none);
});

test("it begins a session, and hands arguments and environment on", () => {
  const said = shell(
    `"$1" /bin/sh -c 'echo "$$ $1 $GIVEN"; read -r pid comm state parent group session _ </proc/self/stat; echo "$session"' sh 'a b' & wait`,
  );
  const [first = "", session] = said.trim().split("\n");
  const [pid, ...words] = first.split(" ");
  expect(words.join(" ")).toBe("a b this");
  expect(session).toBe(pid ?? "");
});

test("a program that cannot be executed is exit status 126", () => {
  expect(shell('"$1" /nowhere; echo $?')).toBe("126\n");
});

test.each(["sh", "bash"])("%s writes it from its text", (which) => {
  const script = `${directory}/text`;
  const written = `${directory}/written`;
  writeFileSync(script, starterScript(architecture));
  Bun.spawnSync([which, "-c", `. ${script} >${written}`]);
  expect(Bun.spawnSync(["cmp", starter, written]).exitCode).toBe(0);
});

test.each(["x64", "arm64"] as const)("the program for %s is small, and whole", (of) => {
  const program = starterProgram(of);
  expect(program.subarray(0, 4).toString("latin1")).toBe("\x7fELF");
  expect(program.length).toBe({ x64: 220, arm64: 224 }[of]);
});
