/** Definitions as an administrator checks them: by the executable, and by Ansible itself. */
import { beforeAll, expect, test } from "bun:test";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { cleanUpAfterEach, command, later, start } from "./harness.ts";

cleanUpAfterEach();

const EXAMPLES = "/src/examples/images";
const examples = readdirSync(EXAMPLES).filter((name) => name.endsWith(".yaml"));

beforeAll(async () => {
  if ((await command("sh", "-c", "command -v ansible-playbook")).code === 0) return;
  const installed = await command(
    ...[
      "sh",
      "-c",
      "apt-get -qq update && apt-get -qq install -y --no-install-recommends ansible-core",
    ],
  );
  if (installed.code !== 0) throw new Error(installed.stderr);
}, 300_000);

/** A root directory for these definitions alone. */
function makeRoot(): { root: string; lint: (...words: string[]) => ReturnType<typeof command> } {
  const root = mkdtempSync("/tmp/definitions-");
  later(() => rmSync(root, { recursive: true }));
  const config = `${root}/config.toml`;
  writeFileSync(config, `root_directory = "${root}"\n`);
  return {
    root,
    lint: (...words) =>
      start(["nspawn-runner", "chroot-lint", ...words], { NSPAWN_RUNNER_CONFIG: config }).ended,
  };
}

test("every example, and that of the docs, is a playbook for Ansible as it is", async () => {
  const { root } = makeRoot();
  const page = readFileSync("/src/docs/definition.md", "utf8");
  writeFileSync(`${root}/docs.yaml`, /```yaml\n(.*?)```/s.exec(page)?.[1] ?? "");
  const files = [`${root}/docs.yaml`, ...examples.map((name) => `${EXAMPLES}/${name}`)];
  expect(files.length).toBeGreaterThanOrEqual(10);
  const checked = await command("ansible-playbook", "--syntax-check", "-i", "localhost,", ...files);
  expect(checked.stderr).not.toContain("[WARNING]");
  expect(checked.code).toBe(0);
});

test("the examples are without faults", async () => {
  const { root, lint } = makeRoot();
  for (const name of examples) cpSync(`${EXAMPLES}/${name}`, `${root}/${name}`);
  const ended = await lint();
  expect(ended.stdout).toBe("");
  expect(ended.stderr).toContain(`${examples.length} definitions without faults.`);
  expect(ended.code).toBe(0);
});

test("faults are printed with their places, ours and Ansible's, and the code is 1", async () => {
  const { root, lint } = makeRoot();
  mkdirSync(`${root}/checkout`);
  writeFileSync(
    `${root}/checkout/debian.yaml`,
    "- hosts: all\n  tasks:\n    - nosuch_module: {}\n",
  );
  symlinkSync("checkout/debian.yaml", `${root}/a.yaml`);
  writeFileSync(`${root}/b.yaml`, "- hosts: all\n  roles: [nosuch]\n");
  writeFileSync(`${root}/c.yaml`, "- hosts: all\n  vars:\n    nspawn_runner_user: {{ x }}\n");
  writeFileSync(`${root}/d.yaml`, "- hosts: all\n  vars: {nspawn_runner_keep: all}\n");
  const ended = await lint();
  expect(ended.code).toBe(1);
  const lines = ended.stdout.replaceAll(`${root}/`, "").split("\n").sort();
  expect(lines).toEqual([
    "",
    expect.stringMatching(
      /^a.yaml:3:7: Ansible says: couldn't resolve module\/action 'nosuch_module'/,
    ),
    expect.stringMatching(/^b.yaml:2:11: Ansible says: the role 'nosuch' was not found/),
    expect.stringMatching(/^c.yaml:3:25: variables of nspawn-runner cannot hold Jinja/),
    'd.yaml:2:30: "nspawn_runner_keep" must be a number or a map, but is the text "all"',
  ]);
  const json = await lint("d", "--json");
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toEqual([
    {
      severity: "error",
      path: `${root}/d.yaml`,
      line: 2,
      column: 30,
      message: '"nspawn_runner_keep" must be a number or a map, but is the text "all"',
    },
  ]);
});

test("a name that has no definition is no fault of a file, and the code tells", async () => {
  const { root, lint } = makeRoot();
  writeFileSync(`${root}/trixie.yaml`, "- hosts: all\n");
  const ended = await lint("trixi");
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain('There is no definition of an image "trixi".');
  expect(ended.stderr).toContain('Did you mean "trixie"?');
});
