/** The references are what the code says; "script/docs" writes them anew. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import * as v from "valibot";
import { parseConfig } from "../../src/config/config.ts";
import { ruleEntries } from "../../src/config/rule-settings.ts";
import { entries } from "../../src/config/settings.ts";
import { referencePages } from "./pages.ts";
import { withWaitTable } from "./wait-table.ts";

const PROJECT = `${import.meta.dir}/../..`;
const DIRECTORY = `${PROJECT}/docs/reference`;

test.each(Object.entries(referencePages()))("%s is up to date", (name, text) => {
  expect(readFileSync(`${DIRECTORY}/${name}`, "utf8")).toBe(text);
});

test("there are no others", () => {
  expect(readdirSync(DIRECTORY).toSorted()).toEqual(Object.keys(referencePages()).toSorted());
});

describe("docs/reliability.md", () => {
  const page = readFileSync(`${PROJECT}/docs/reliability.md`, "utf8");

  test("has every wait with its bound", () => {
    expect(page).toBe(withWaitTable(page));
  });

  test("names tests that there are", () => {
    const named = page.match(/\b(?:src|test)\/[\w/-]+\.test\.ts\b/g) ?? [];
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((path) => !existsSync(`${PROJECT}/${path}`))).toEqual([]);
  });
});

test("the rules of docs/policy.md can be used", async () => {
  const page = readFileSync(`${PROJECT}/docs/policy.md`, "utf8");
  const examples = [...page.matchAll(/^```toml\n([^`]*)^```$/gm)].map(([, text = ""]) => text);
  expect(examples).toHaveLength(1);
  for (const text of examples) {
    expect((await parseConfig(text, "/docs")).rules.length).toBeGreaterThan(0);
  }
});

test("every setting says what it takes and what it is", () => {
  for (const { wrapped } of Object.values({ ...ruleEntries, ...entries })) {
    expect(v.getTitle(wrapped)).toMatch(/^\w/);
    expect(v.getDescription(wrapped)).toMatch(/^[A-Z].*\.$/);
  }
});
