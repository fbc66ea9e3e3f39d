/**
 * The JSON Schema of a definition, for editors: made from the schemas that parse it. Describes a
 * whole playbook; all that is Ansible's is allowed. Not part of the executable.
 */
import { type ConversionConfig, type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import type { Creator } from "../creators/creator.ts";
import { createInputSchema } from "../creators/creators.ts";
import { PREFIX, variables } from "./variables.ts";

const CONVERSION: ConversionConfig = {
  typeMode: "input",
  // Checks that JSON Schema has no words for are left to chroot-lint.
  errorMode: "ignore",
  overrideSchema: ({ valibotSchema }) =>
    // Editors read YAML 1.2, where yes and no are texts; Ansible and we do not.
    valibotSchema.type === "boolean" ? { enum: [true, false, "yes", "no"] } : undefined,
};

/** Each variable's schema, by name. */
export function variableSchemas(): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.entries(variables.entries).map(([name, entry]) => [name, variableSchema(name, entry)]),
  );
}

function variableSchema(name: string, entry: v.GenericSchema): JsonSchema {
  const { $schema: _, $defs: __, $ref: ___, ...schema } = toJsonSchema(entry, CONVERSION);
  if (name !== "nspawn_runner_create") return schema;
  // What parses is chosen by what is there, which no conversion can see.
  const { $schema: ____, ...create } = toJsonSchema(createInputSchema, CONVERSION);
  return { ...create, ...schema };
}

/** The options of a creator. */
export function creatorSchema(creator: Creator<unknown>): JsonSchema {
  return toJsonSchema(creator.schema, CONVERSION);
}

export function definitionJsonSchema(): JsonSchema {
  const known = Object.keys(variables.entries).map((name) => name.slice(PREFIX.length));
  const vars: JsonSchema = {
    type: ["object", "null"],
    properties: variableSchemas(),
    patternProperties: { [`^${PREFIX}(?!(?:${known.join("|")})$)`]: false },
  };
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "A definition of an image of nspawn-runner",
    description: "An Ansible playbook; the vars of its first play say how the image is made.",
    type: "array",
    minItems: 1,
    items: [
      {
        type: "object",
        properties: { vars },
        anyOf: [
          { required: ["hosts"] },
          { required: ["import_playbook"] },
          { required: ["ansible.builtin.import_playbook"] },
        ],
      },
    ],
    additionalItems: { type: "object" },
  };
}
