import { expect, test } from "bun:test";
import { openComputer } from "../../../test/fakes/fake-host.ts";
import { parseImageName } from "../../text/names.ts";
import { parseDefinition } from "../definition/parse-definition.ts";
import { gatherInputs } from "./inputs.ts";

const DIRECTORY = "/etc/nspawn-runner";

/** Whether the inputs of a definition differ after a file was written. */
function counts(
  text: string,
  path: string,
  before: Readonly<Record<string, string>> = {},
): boolean {
  const computer = openComputer();
  const { host } = computer.start();
  const write = (file: string, content: string): void => {
    host.files.ensureDirectory(`${DIRECTORY}/${file}`.replace(/\/[^/]*$/, ""), 0o755);
    host.files.writeText(`${DIRECTORY}/${file}`, content);
  };
  for (const [file, content] of Object.entries(before)) write(file, content);
  write(path, "old");
  const definition = parseDefinition(text, {
    name: parseImageName("web"),
    path: `${DIRECTORY}/web.yaml`,
    realPath: `${DIRECTORY}/web.yaml`,
    directory: DIRECTORY,
  });
  const first = gatherInputs(host, definition, "");
  write(path, "new");
  return JSON.stringify(gatherInputs(host, definition, "")) !== JSON.stringify(first);
}

const play = (more: string): string =>
  `- hosts: all\n  vars: {nspawn_runner_chroot_suite: trixie}\n${more}`;
const role = { "roles/site/tasks/main.yml": "- include_tasks: more.yml\n- copy: {src: page}\n" };

test.each([
  ["a role", "  roles: [site]\n", "roles/site/files/page", role],
  [
    "a role with variables",
    "  roles: [{role: site, x: 1}]\n",
    "roles/site/defaults/main.yml",
    role,
  ],
  [
    "a role of a role",
    "  roles: [site]\n",
    "roles/base/tasks/main.yml",
    {
      "roles/site/meta/main.yml": "dependencies: [{role: base}]\n",
    },
  ],
  [
    "a template",
    "  tasks: [{template: {src: motd.j2, dest: /etc/motd}}]\n",
    "templates/motd.j2",
    {},
  ],
  ["a file", "  tasks: [{copy: {src: key, dest: /etc/key}}]\n", "files/key", {}],
  ["a task file", "  tasks: [{include_tasks: tasks/more.yml}]\n", "tasks/more.yml", {}],
  [
    "a file of a task file",
    "  tasks: [{include_tasks: tasks/more.yml}]\n",
    "files/key",
    {
      "tasks/more.yml": "- copy: {src: key, dest: /etc/key}\n",
    },
  ],
  ["variables of groups", "  tasks: [{ping: {}}]\n", "group_vars/all.yml", {}],
  ["requirements", "  roles: [far]\n", "requirements.yml", {}],
] as const)("%s counts", (_, more, path, before) => {
  expect(counts(play(more), path, before)).toBe(true);
});

test.each([
  ["another definition", "other.yaml"],
  ["a role that nobody names", "roles/other/tasks/main.yml"],
  ["a file that nobody names", "files/other"],
])("%s does not count", (_, path) => {
  expect(counts(play("  roles: [site]\n"), path, role)).toBe(false);
});

test("a name that climbs out is not looked at", () => {
  expect(counts(play("  tasks: [{copy: {src: ../../tmp/x, dest: /x}}]\n"), "../../tmp/x")).toBe(
    false,
  );
});
