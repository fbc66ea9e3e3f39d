/** The references are what the code says; "script/docs" writes them anew. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import * as v from "valibot";
import { entries } from "../../src/config/settings.ts";
import { referencePages } from "./pages.ts";

const DIRECTORY = `${import.meta.dir}/../../docs/reference`;

test.each(Object.entries(referencePages()))("%s is up to date", (name, text) => {
  expect(readFileSync(`${DIRECTORY}/${name}`, "utf8")).toBe(text);
});

test("there are no others", () => {
  expect(readdirSync(DIRECTORY).toSorted()).toEqual(Object.keys(referencePages()).toSorted());
});

test("every setting says what it takes and what it is", () => {
  for (const { wrapped } of Object.values(entries)) {
    expect(v.getTitle(wrapped)).toMatch(/^\w/);
    expect(v.getDescription(wrapped)).toMatch(/^[A-Z].*\.$/);
  }
});
