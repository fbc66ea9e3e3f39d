/** The scripts run here, on a tree of the test's own: what they find is what a job would send. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { listScript, sendScript } from "./archive-scripts.ts";
import { parseDotenv } from "./dotenv.ts";
import { parsePathPattern } from "./selection.ts";

let base = "";
let directory = "";

beforeEach(() => {
  base = mkdtempSync("/tmp/nspawn-runner-artifacts-test-");
  directory = `${base}/project`;
  const files = ["out/1.txt", "out/2.txt", "out/3.log", "out/deep/er/4.txt", "top.txt", "od d.txt"];
  for (const file of [...files, "a$(x).txt", "out/[x].txt", ".hidden/5.txt"]) {
    mkdirSync(dirname(`${directory}/${file}`), { recursive: true });
    writeFileSync(`${directory}/${file}`, "x");
  }
  symlinkSync("out", `${directory}/link`);
});
afterEach(() => rmSync(base, { recursive: true }));

async function bash(script: readonly unknown[]): Promise<string> {
  const child = Bun.spawn(["bash", "-c", script.join("")], { stdout: "pipe", stderr: "pipe" });
  const text = await new Response(child.stdout).text();
  expect(await new Response(child.stderr).text()).toBe("");
  expect(await child.exited).toBe(0);
  return text;
}

interface Wanted {
  readonly paths: readonly string[];
  readonly exclude?: readonly string[];
}

/** Names of files and links, without the directories, and what is said. */
async function find(wanted: Wanted): Promise<{ readonly said: string; readonly names: string[] }> {
  const place = { shell: "bash", directory } as const;
  const selection = { exclude: [], untracked: false, ...wanted };
  const said = await bash(listScript(place, selection));
  await Bun.write(`${base}/got.tar`, await bash(sendScript(place)));
  const listed = await bash([`tar -tf ${base}/got.tar`]);
  const names = listed.split("\n").filter((name) => name !== "" && !name.endsWith("/"));
  return { said, names: names.map((name) => name.replace(/^\.\//, "")).sort() };
}

const DEEP = "out/deep/er/4.txt";
const OUT = ["out/1.txt", "out/2.txt", "out/3.log", "out/[x].txt", DEEP];

test.each<[string, Wanted, readonly string[]]>([
  ["a file", { paths: ["top.txt"] }, ["top.txt"]],
  ["with a blank", { paths: ["od d.txt"] }, ["od d.txt"]],
  ["a directory", { paths: ["out"] }, OUT],
  ["a directory, with a slash", { paths: ["./out/"] }, OUT],
  ["absolute, below the project", { paths: ["PROJECT/top.txt"] }, ["top.txt"]],
  ["a star", { paths: ["out/*.txt"] }, ["out/1.txt", "out/2.txt", "out/[x].txt"]],
  ["a star stays in its directory", { paths: ["*/4.txt"] }, []],
  ["a star finds directories", { paths: ["out/d*"] }, [DEEP]],
  ["two stars", { paths: ["out/**/*.txt"] }, [...OUT.filter((name) => name !== "out/3.log")]],
  ["two stars at the end", { paths: ["out/deep/**"] }, [DEEP]],
  ["two stars at the beginning", { paths: ["**/4.txt"] }, [DEEP]],
  ["hidden ones too", { paths: ["**/5.txt"] }, [".hidden/5.txt"]],
  ["a question mark", { paths: ["out/?.log"] }, ["out/3.log"]],
  ["a set", { paths: ["out/[13].*"] }, ["out/1.txt", "out/3.log"]],
  ["a set of others", { paths: ["out/[!13].txt"] }, ["out/2.txt"]],
  ["alternatives", { paths: ["out/{1,3}.{txt,log}"] }, ["out/1.txt", "out/3.log"]],
  ["alternatives with two stars", { paths: ["{out/deep/**,**/5.txt,x}"] }, [".hidden/5.txt", DEEP]],
  [
    "alternatives that begin with two stars",
    { paths: ["{**/5.txt,**/*.log}"] },
    [".hidden/5.txt", "out/3.log"],
  ],
  ["a letter that is none of a pattern", { paths: ["out/\\[x\\].txt"] }, ["out/[x].txt"]],
  ["a link is one", { paths: ["link"] }, ["link"]],
  ["no command", { paths: ["a$(x).txt", "$(touch evil)"] }, ["a$(x).txt"]],
  ["exclude", { paths: ["out"], exclude: ["out/*.txt"] }, ["out/3.log", DEEP]],
  ["exclude, below", { paths: ["out"], exclude: ["out/**/*.txt"] }, ["out/3.log"]],
  ["exclude names files, no directories", { paths: ["out"], exclude: ["out/deep"] }, OUT],
  ["twice is once", { paths: ["top.txt", "*.txt"] }, ["a$(x).txt", "od d.txt", "top.txt"]],
])("artifacts: %s", async (_title, wanted, names) => {
  const paths = wanted.paths.map((path) => path.replace("PROJECT", directory));
  expect((await find({ ...wanted, paths })).names).toEqual([...names].sort());
});

test("what a pattern finds is walked through, and counted each time", async () => {
  const { said } = await find({ paths: ["out/**", "**/*.txt"], exclude: ["**/*.txt"] });
  expect(said.split("\n")).toEqual([
    "out/**: found 8 matching artifact files and directories",
    "\u001b[0;33mWARNING: **/*.txt: no matching files. Ensure that the artifact path is relative to the working directory (" +
      `${directory})\u001b[0;m`,
    "**/*.txt: excluded 18 files",
    "",
  ]);
});

test("what is found is counted, and nothing found is a warning", async () => {
  const { said } = await find({ paths: ["out/*.txt", "nothing", "/etc/passwd", "../x"] });
  expect(said.replaceAll(directory, "DIRECTORY")).toBe(
    [
      "out/*.txt: found 3 matching artifact files and directories",
      "\u001b[0;33mWARNING: nothing: no matching files. Ensure that the artifact path is relative to the working directory (DIRECTORY)\u001b[0;m",
      "\u001b[0;33mWARNING: processPath: artifact path is not a subpath of project directory: /etc/passwd\u001b[0;m",
      "\u001b[0;33mWARNING: processPath: artifact path is not a subpath of project directory: ../x\u001b[0;m\n",
    ].join("\n"),
  );
});

test("untracked files are those that git does not know, ignored ones too", async () => {
  await bash([
    `cd ${directory} && git init -q && echo '*.log' > .gitignore && git add .gitignore out/1.txt top.txt`,
  ]);
  const place = { shell: "bash", directory } as const;
  const selection = { paths: [], exclude: [], untracked: true };
  expect(await bash(listScript(place, selection))).toContain("untracked: found 8 files");
});

test("a pattern begins to look where it must", () => {
  const startOf = (path: string) => parsePathPattern(path, "/b")?.start;
  expect(["a/b/*.c", "a/b", "*.c", "**/x", "."].map(startOf)).toEqual([
    "./a/b",
    "./a/b",
    ".",
    ".",
    ".",
  ]);
});

test("variables that a job hands on", () => {
  expect(parseDotenv("A=1\nexport B=2\n\nno line\n1C=3\nD='x y'\r\n")).toEqual({
    A: "1",
    B: "2",
    D: "x y",
  });
});
