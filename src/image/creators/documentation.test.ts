import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { parse } from "yaml";
import { CREATORS, createInputSchema, createSchema } from "./creators.ts";

const page = readFileSync(`${import.meta.dir}/../../../docs/creators.md`, "utf8");
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section): [string, string] => [section.slice(0, section.indexOf("\n")), section]),
);

/** The options of a creator, out of the JSON Schema: name, and default as text. */
function optionsOf(kind: string): [string, string][] {
  const { anyOf = [] } = toJsonSchema(createInputSchema, {
    typeMode: "input",
    ignoreActions: ["check", "partial_check"],
  });
  const found = JSON.stringify(
    anyOf.find((it) => typeof it === "object" && it.required?.[0] === kind),
  );
  const { properties }: { properties: Record<string, { anyOf: Record<string, unknown>[] }> } =
    JSON.parse(found);
  const options = properties[kind]?.anyOf.find(({ type }) => type === "object")?.properties ?? {};
  return Object.entries(options).map(([name, schema]: [string, { default?: unknown }]) => {
    const byDefault = schema.default ?? [];
    return [name, Array.isArray(byDefault) ? byDefault.join("`, `") : String(byDefault)];
  });
}

test.each(Object.keys(CREATORS))("docs/creators.md has all of %s", (kind) => {
  expect(page).toContain(`\n| \`${kind}\` | `);
  const rows = [...(sections.get(kind)?.matchAll(/^\| `(\w+)` \| (.*?) \|/gm) ?? [])]
    .map(([, name = "", byDefault = ""]) => [name, byDefault])
    .filter(([name = ""]) => name === name.toLowerCase());
  const options = optionsOf(kind);
  expect(rows.map(([name]) => name)).toEqual(options.map(([name]) => name));
  for (const [index, [name, byDefault]] of options.entries()) {
    if (byDefault !== "") expect([name, rows[index]?.[1]]).toEqual([name, `\`${byDefault}\``]);
  }
});

test("every example of docs/creators.md is one", () => {
  const examples = [...page.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text = ""]) => text);
  expect(examples.length).toBeGreaterThan(10);
  for (const text of examples) {
    const { success } = v.safeParse(createSchema, parse(text).nspawn_runner_create);
    expect([text, success]).toEqual([text, true]);
  }
});
