import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { parse } from "yaml";
import { parseImageName } from "../../text/names.ts";
import { checkDefinition } from "./check-definition.ts";
import { fillDefinitionPage, formatDefinitionSchema } from "./definition-page.ts";
import { formatFinding } from "./finding.ts";
import { variableNames } from "./variables.ts";

const project = `${import.meta.dir}/../../..`;
const read = (path: string): string => readFileSync(`${project}/${path}`, "utf8");

const PAGE = read("docs/definition.md");
const STALE = 'it is stale: run "script/definition-docs"';

/** Faults and warnings, as chroot-lint shows them. */
function lint(name: string, text: string): string[] {
  const path = `${name}.yaml`;
  const file = { name: parseImageName(name), path, realPath: path, directory: "." };
  const checked = checkDefinition(text, file);
  return (checked.kind === "valid" ? checked.definition.warnings : checked.faults).map(
    formatFinding,
  );
}

test("the schema in the docs is the parser's", () => {
  expect(read("docs/definition.schema.json"), STALE).toBe(formatDefinitionSchema());
});

test("the tables in the docs are the parser's", () => {
  expect(PAGE, STALE).toBe(fillDefinitionPage(PAGE));
});

test("the complete example in the docs is valid, and has every variable", () => {
  const example = /```yaml\n(.*?)```/s.exec(PAGE)?.[1] ?? "";
  expect(lint("web", example)).toEqual([]);
  // Short for another one that is there.
  const needless = "nspawn_runner_chroot_suite";
  for (const name of variableNames) if (name !== needless) expect(example).toContain(`${name}:`);
});

const examples = readdirSync(`${project}/examples/images`).filter((name) => name.endsWith(".yaml"));

test("there are examples", () => {
  expect(examples.length).toBeGreaterThanOrEqual(9);
  for (const example of examples) expect(read("examples/images/README.md")).toContain(example);
});

// With the meaning of yes and no that editors have: YAML 1.2.
const accepts = new Ajv({ allowUnionTypes: true, strictTuples: false, strictRequired: false })
  // What the file holds.
  .compile(JSON.parse(formatDefinitionSchema()));

test.each(examples)("the example %s is valid, for the parser and for editors", (example) => {
  const text = read(`examples/images/${example}`);
  expect(text).toStartWith("# yaml-language-server: $schema=../../docs/definition.schema.json\n");
  expect(lint(example.replace(".yaml", ""), text)).toEqual([]);
  accepts(parse(text));
  expect(accepts.errors ?? []).toEqual([]);
});

const play = (vars: string): string => `- hosts: all\n  vars: {${vars}}\n`;

test.each([
  ["no play", "[]"],
  ["a map", "hosts: all"],
  ["a play without hosts", "- tasks: []"],
  ["an unknown variable", play("nspawn_runner_pakages: []")],
  ["a wrong kind", play("nspawn_runner_packages: git")],
  ["a bad name of a package", play("nspawn_runner_packages: [-rf]")],
  ["an unknown limit", play("nspawn_runner_limits: {memry: 1G}")],
  ["a number for text", play("nspawn_runner_environment: {A: 1}")],
  ["a quoted truth value", play("nspawn_runner_upgrade: 'true'")],
  ["an unknown creator", play("nspawn_runner_create: {magic: 1}")],
  ["an unknown option of a creator", play("nspawn_runner_create: {mmdebstrap: {suit: sid}}")],
  ["two creators", play("nspawn_runner_create: {oci: a, from: b}")],
  ["a count below nothing", play("nspawn_runner_keep: -1")],
])("%s is refused by the parser and by editors", (_title, text) => {
  expect(lint("trixie", text)).not.toEqual([]);
  expect(accepts(parse(text))).toBe(false);
});

test.each([
  ["variables of others", play("mine: 1, their_nspawn_runner_x: 2")],
  ["nothing in vars", "- hosts: all\n  vars:\n"],
  ["yes and no", play("nspawn_runner_upgrade: no, nspawn_runner_maint_recreate: yes")],
  ["a number alone", play("nspawn_runner_keep: 5")],
  ["a creator by name", play("nspawn_runner_create: pacstrap")],
  ["another file's plays", "- import_playbook: base.yaml\n"],
])("%s: fine for the parser and for editors", (_title, text) => {
  expect(lint("trixie", text)).toEqual([]);
  expect(accepts(parse(text))).toBe(true);
});
