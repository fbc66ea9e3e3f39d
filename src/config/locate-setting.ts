/**
 * Where a setting stands in the text of `config.toml`: smol-toml, which reads it, does not tell. Loaded
 * only for the message about a fault.
 */
import { type AST, parseTOML } from "toml-eslint-parser";

type Path = readonly (string | number)[];

/** From 1, as editors count. */
interface Place {
  readonly line: number;
  readonly column: number;
}

/**
 * The place of the value at `path`, or of the nearest that holds it: a setting that is missing is in
 * none. A table is at its header. Nothing where this parser reads the text otherwise than smol-toml.
 */
export function locateSetting(text: string, path: Path): Place | undefined {
  const places = readPlaces(text);
  for (let length = path.length; length > 0; length -= 1) {
    const place = places.get(keyOf(path.slice(0, length)));
    if (place !== undefined) return place;
  }
  return undefined;
}

const keyOf = (path: Path): string => JSON.stringify(path);

function readPlaces(text: string): Map<string, Place> {
  const places = new Map<string, Place>();
  /** Also of all that it is in: what is said first of a path stays, tables below it are further off. */
  const note = (path: Path, { loc: { start } }: AST.TOMLNode): void => {
    for (let length = path.length; length > 0; length -= 1) {
      const key = keyOf(path.slice(0, length));
      if (!places.has(key)) places.set(key, { line: start.line, column: start.column + 1 });
    }
  };
  const visit = (node: AST.TOMLNode, path: Path): void => {
    switch (node.type) {
      case "TOMLTable":
        note(node.resolvedKey, node);
        for (const entry of node.body) visit(entry, node.resolvedKey);
        return;
      case "TOMLKeyValue": {
        const names = node.key.keys.map((key) => (key.type === "TOMLBare" ? key.name : key.value));
        note([...path, ...names], node);
        visit(node.value, [...path, ...names]);
        return;
      }
      case "TOMLArray":
        for (const [index, element] of node.elements.entries()) {
          note([...path, index], element);
          visit(element, [...path, index]);
        }
        return;
      case "TOMLInlineTable":
        for (const entry of node.body) visit(entry, path);
        return;
      default:
    }
  };
  try {
    for (const node of parseTOML(text, { tomlVersion: "1.1" }).body[0].body) visit(node, []);
  } catch {
    // What smol-toml has read is TOML enough: the message then goes without a place.
  }
  return places;
}
