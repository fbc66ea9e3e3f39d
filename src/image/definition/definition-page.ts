/** The generated parts of `docs/definition.md`. Not part of the executable. */
import type { JsonSchema } from "@valibot/to-json-schema";
import { CREATORS } from "../creators/creators.ts";
import { creatorSchema, definitionJsonSchema, variableSchemas } from "./definition-json-schema.ts";

/** The page with its generated parts as they have to be. Throws when it has no place for one. */
export function fillDefinitionPage(page: string): string {
  const parts = { variables: formatVariables(), creators: formatCreators() };
  return Object.entries(parts).reduce((text, [name, part]) => fillPart(text, name, part), page);
}

function fillPart(page: string, name: string, part: string): string {
  const begin = `<!-- ${name}: made by script/definition-docs -->\n`;
  const end = `<!-- end of ${name} -->\n`;
  const from = page.indexOf(begin) + begin.length;
  const to = page.indexOf(end);
  if (!page.includes(begin) || to < from) throw new Error(`The page has no part "${name}".`);
  return `${page.slice(0, from)}${part}${page.slice(to)}`;
}

function formatVariables(): string {
  const rows = Object.entries(variableSchemas()).map(
    ([name, { title, description, ...schema }]) => [
      `\`${name}\``,
      title,
      schema.default === undefined ? "" : `\`${formatDefault(schema.default)}\``,
      description,
    ],
  );
  return formatTable(["variable", "takes", "default", "is for"], rows);
}

/** As one would write it. */
function formatDefault(value: JsonSchema["default"]): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return JSON.stringify(value).replaceAll('"', "").replaceAll(/[:,]/g, "$& ");
}

function formatCreators(): string {
  const rows = Object.entries(CREATORS).map(([kind, creator]) => {
    const options = optionNames(creatorSchema(creator)).map((option) => `\`${option}\``);
    return [`\`${kind}\``, creator.title, options.join(", ")];
  });
  return formatTable(["creator", "makes", "options"], rows);
}

function optionNames(schema: JsonSchema | boolean): string[] {
  if (typeof schema === "boolean") return [];
  const here = Object.keys(schema.properties ?? {});
  return [...new Set([...here, ...(schema.anyOf ?? []).flatMap(optionNames)])];
}

function formatTable(head: readonly string[], rows: readonly (string | undefined)[][]): string {
  const line = (cells: readonly (string | undefined)[]): string =>
    `| ${cells.map((cell) => (cell ?? "").replaceAll("|", "\\|")).join(" | ")} |\n`.replaceAll(
      "|  |",
      "| |",
    );
  return [line(head), `|${"---|".repeat(head.length)}\n`, ...rows.map(line)].join("");
}

/** The file `docs/definition.schema.json`. */
export function formatDefinitionSchema(): string {
  return `${JSON.stringify(definitionJsonSchema(), undefined, 2)}\n`;
}
