import { describe, expect, test } from "bun:test";
import { toJsonSchema } from "@valibot/to-json-schema";
import fc from "fast-check";
import * as v from "valibot";
import { CREATORS, createInputSchema, createSchema } from "./creators.ts";
import { faultsOf } from "./testing.ts";

describe("nspawn_runner_create", () => {
  test.each([
    ["a name", "mmdebstrap", "mmdebstrap"],
    ["a name with options", { oci: "debian:trixie" }, "oci"],
    ["a text with a blank", "debootstrap trixie $1", "command"],
    ["a text with a slash", "./make", "command"],
    ["a text of lines", "set -x\ncp -a /srv/x/. $1\n", "command"],
    ["a command with an address in it", "curl https://x | tar -x -C $1", "command"],
  ])("%s", (_title, create, kind) => {
    expect(v.parse(createSchema, create).kind as string).toBe(kind);
  });

  test.each([
    [
      "a near name",
      "mmdebstrp",
      'create must name a creator, or be a command; did you mean "mmdebstrap"? (creators: mmdebstrap, ',
    ],
    [
      "a far name",
      "windows",
      "create must name a creator, or be a command (creators: mmdebstrap, ",
    ],
    [
      "a near name with options",
      { debotstrap: {} },
      'create.debotstrap is no creator; did you mean "debootstrap"? (creators: ',
    ],
    ["two names", { oci: "x", tar: "y" }, "create must name one creator, not 2: oci, tar"],
    ["no name", {}, "create must name a creator: mmdebstrap, debootstrap, "],
    ["nothing", null, "create must name a creator: "],
    ["a number", 5, "create must name a creator: "],
    ["a list", ["mmdebstrap"], "create must name a creator: "],
    [
      "an address",
      "docker://debian:trixie",
      'create is an address: write "oci: ADDRESS", or "tar:"',
    ],
    [
      "a fault in the options",
      { oci: { image: "x", tls_verify: "no" } },
      "create.oci.tls_verify must be true or false",
    ],
  ])("%s is refused", (_title, create, fault) => {
    expect(faultsOf(create)).toStartWith(fault);
  });

  test("two faults are told at once, each with its path", () => {
    expect(faultsOf({ debootstrap: { variant: "x", mirorr: "y" } }).split("\n")).toEqual([
      expect.stringMatching(/^create\.debootstrap\.variant /),
      expect.stringMatching(/^create\.debootstrap\.mirorr .*"mirror"/),
    ]);
  });

  test("whatever comes, it is a request of a known kind or a fault, never an exception", () => {
    const names = fc.constantFrom(...Object.keys(CREATORS));
    const value = fc.oneof(fc.anything(), names, fc.dictionary(names, fc.anything()));
    fc.assert(
      fc.property(value, (create) => {
        const { success, output, issues } = v.safeParse(createSchema, create);
        if (success) expect(Object.keys(CREATORS)).toContain(output.kind);
        else expect(issues.length).toBeGreaterThan(0);
      }),
      { numRuns: 1000 },
    );
  });
});

/** The form of it that a generator takes: what JSON Schema cannot say is left to the parser. */
const jsonSchema = () =>
  toJsonSchema(createInputSchema, {
    typeMode: "input",
    ignoreActions: ["check", "partial_check"],
  });

describe("the JSON Schema", () => {
  test("has every creator, with its title, and no definition elsewhere", () => {
    const { anyOf = [] } = jsonSchema();
    const objects = anyOf.flatMap((it) => (typeof it === "object" && it.properties ? [it] : []));
    expect(objects.map(({ required }) => required)).toEqual(
      Object.keys(CREATORS).map((kind) => [kind]),
    );
    expect(objects.map(({ title }) => title)).toEqual(
      Object.values(CREATORS).map(({ title }) => title),
    );
    expect(JSON.stringify(anyOf)).not.toContain("$ref");
  });

  test("describes every option", () => {
    const missing: string[] = [];
    const visit = (node: unknown, path: string): void => {
      if (typeof node !== "object" || node === null) return;
      if ("properties" in node && typeof node.properties === "object") {
        for (const [key, property] of Object.entries(node.properties ?? {})) {
          if (!("description" in property)) missing.push(`${path}.${key}`);
        }
      }
      for (const [key, child] of Object.entries(node)) visit(child, `${path}.${key}`);
    };
    visit(jsonSchema(), "");
    expect(missing).toEqual([]);
  });

  test("shows the options of one creator as an editor sees them", () => {
    const { anyOf = [] } = jsonSchema();
    expect(
      anyOf.find((it) => typeof it === "object" && it.required?.includes("debootstrap")),
    ).toMatchInlineSnapshot(`
      {
        "additionalProperties": false,
        "properties": {
          "debootstrap": {
            "anyOf": [
              {
                "description": "Name of the suite, such as trixie; the image's name when absent",
                "pattern": "^[a-z][a-z0-9-]{0,40}$",
                "type": "string",
              },
              {
                "additionalProperties": false,
                "properties": {
                  "architecture": {
                    "description": "The architecture; the host's when absent",
                    "pattern": "^[a-z0-9-]+$",
                    "type": "string",
                  },
                  "components": {
                    "default": [],
                    "description": "Components of the archive; main when empty",
                    "items": {
                      "pattern": "^[a-z][a-z-]*$",
                      "type": "string",
                    },
                    "type": "array",
                  },
                  "keyring": {
                    "description": "File with the keys of the archive; the distribution's own when absent",
                    "pattern": "^[^-\\s\\u0000-\\u001f\\u007f][^\\u0000-\\u001f\\u007f]*$",
                    "type": "string",
                  },
                  "mirror": {
                    "description": "Where packages come from; the distribution's own when absent",
                    "pattern": "^[^-\\s\\u0000-\\u001f\\u007f][^\\u0000-\\u001f\\u007f]*$",
                    "type": "string",
                  },
                  "suite": {
                    "description": "Name of the suite, such as trixie; the image's name when absent",
                    "pattern": "^[a-z][a-z0-9-]{0,40}$",
                    "type": "string",
                  },
                  "variant": {
                    "default": "minbase",
                    "description": "Which packages every image has, as in debootstrap(8); important is what it calls no variant",
                    "enum": [
                      "minbase",
                      "buildd",
                      "important",
                    ],
                    "type": "string",
                  },
                },
                "required": [],
                "type": "object",
              },
            ],
            "description": "Debian, Ubuntu and kin by debootstrap",
          },
        },
        "required": [
          "debootstrap",
        ],
        "title": "Debian, Ubuntu and kin by debootstrap",
        "type": "object",
      }
    `);
  });
});
