import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import type { CommandStep } from "../creators/creator.ts";
import { type CreationFacts, groupSteps, planUnit } from "./plan-creation.ts";

const facts: CreationFacts = {
  unit: "nspawn-runner-create-x.service",
  place: "/r/.drafts/web=x/units/nspawn-runner-create-x.service",
  tree: "/r/.drafts/web=x/root",
  work: "/r/.drafts/web=x/work",
  environment: { PATH: "/usr/bin:/bin", http_proxy: "http://me:pa$$word@proxy" },
  driver: ["/usr/bin/nspawn-runner"],
  limits: { memoryBytes: 2 ** 30, cpus: 1.5 },
  timeMaxSeconds: 7200,
};

const run = (...argv: string[]): CommandStep => ({ kind: "run", argv });
const unpack = (...argv: string[]): CommandStep => ({ kind: "unpack", tool: "tar", argv });

test("what follows each other is one service, and what is unpacked has its own", () => {
  const groups = groupSteps([
    ...[run("a"), { kind: "write", path: "/w/x", text: "", mode: 0o600 } as const, run("b")],
    ...[unpack("c"), unpack("d"), run("e")],
  ]);
  expect(groups.map((steps) => steps.map(({ argv }) => argv.join()).join(" "))).toEqual([
    ...["a b", "c", "d", "e"],
  ]);
});

test("a command has mounts and processes of its own, limits, and an end", () => {
  const { argv, files } = planUnit(facts, [run("mmdebstrap", "trixie")]);
  expect(argv).toMatchSnapshot();
  expect(files).toMatchSnapshot();
  // Anyone may look at arguments.
  expect(argv.join()).not.toContain("word");
});

test("what strangers have made is unpacked without root, network and the host's files", () => {
  const { argv, files } = planUnit({ ...facts, tree: "/tmp/a b/root" }, [unpack("tar", "$x")]);
  expect(argv).toMatchSnapshot();
  expect(files).toMatchSnapshot();
});

test("paths of any letters reach the unit as they are", () => {
  const { argv } = planUnit({ ...facts, place: '/a b/100%/"$x' }, [run("true")]);
  expect(argv).toContain('--property=ExecStopPost=/bin/sh "/a b/100%/\\"$$x/ended"');
});

describe("the script", () => {
  /** Runs it as it is; what it says, and the number of the step that it was at. */
  function runScript(steps: readonly CommandStep[]) {
    const place = mkdtempSync(`${tmpdir()}/creation-`);
    try {
      const { files, at } = planUnit({ ...facts, place, work: place }, steps);
      const script = files.find(({ path }) => path === `${place}/script`)?.text ?? "";
      const ended = Bun.spawnSync(["/bin/sh", "-c", script], { env: {} });
      return {
        code: ended.exitCode,
        said: ended.stdout.toString().replace(/^# \S+Z /gm, "# "),
        at: readFileSync(at, "utf8").trim(),
        place,
      };
    } finally {
      rmSync(place, { recursive: true });
    }
  }

  test("does all in order, each where and with what it is to have", () => {
    const { said, code, place } = runScript([
      { kind: "run", argv: ["cat"], input: "it's\n100% $in\n" },
      { kind: "run", argv: ["sh", "-c", 'echo "$A $PWD"'], environment: { A: "a'b" } },
      { kind: "run", argv: ["sh", "-c", 'echo "${A-none}"; pwd'], workingDirectory: "/" },
    ]);
    expect(said.replaceAll(place, "WORK")).toBe(
      `# cat
it's
100% $in
# sh -c 'echo "$A $PWD"'
a'b WORK
# sh -c 'echo "\${A-none}"; pwd'
none
/
`,
    );
    expect(code).toBe(0);
  });

  test("ends with the first that fails, and says which that was", () => {
    const { code, at, said } = runScript([run("true"), run("sh", "-c", "exit 7"), run("echo")]);
    expect({ code, at }).toEqual({ code: 7, at: "1" });
    expect(said).not.toContain("# echo");
  });

  test("says a command of several lines as lines of ours", () => {
    const { said } = runScript([run("sh", "-c", "true\ntrue")]);
    expect(said.split("\n").filter((line) => line !== "" && !line.startsWith("# "))).toEqual([]);
  });
});
