/** Script files: what a shell makes of them is the test. */
import { expect, test } from "bun:test";
import { formatScript, quoteWord } from "./shell-text.ts";

const NASTY = 'it\'s "q" $HOME `id` \\ \t\n\r\x07\x7f é → \u{1f600} %s !x * ~';

function shell(program: string, script: string): { code: number; output: string } {
  const ran = Bun.spawnSync([program, "-c", script], { stdin: "ignore" });
  return { code: ran.exitCode, output: ran.stdout.toString() };
}

test("a quoted word is ASCII and comes back whole", () => {
  const word = quoteWord(NASTY);
  expect(word).toMatch(/^[\x20-\x7e]*$/);
  expect(shell("bash", `printf %s ${word}`).output).toBe(NASTY);
});

test.each(["plain-word_1.2/@,", ""])("%p needs no escapes", (text) => {
  expect(quoteWord(text)).toBe(text === "" ? "''" : text);
});

test("the POSIX form comes back whole from dash", () => {
  const word = quoteWord(NASTY, { posix: true });
  expect(shell("dash", `printf %s ${word}`).output).toBe(NASTY);
});

test("stdin is empty, errexit and pipefail are on, the end is 0", () => {
  expect(shell("bash", formatScript("bash", ["wc -c", "echo end"])).output.trim()).toBe("0\nend");
  expect(shell("bash", formatScript("bash", ["false", "echo on"]))).toEqual({
    code: 1,
    output: "",
  });
  expect(shell("bash", formatScript("bash", ["exit 42"])).code).toBe(42);
  expect(shell("bash", formatScript("bash", ["false | true", "echo on"])).code).toBe(1);
});

test("the first lines are those a driver sees", () => {
  const [first, , trap] = formatScript("sh", ["true"]).split("\n");
  expect(first).toBe("#!/usr/bin/env sh");
  expect(trap).toBe("trap 'exit 1' TERM");
});
