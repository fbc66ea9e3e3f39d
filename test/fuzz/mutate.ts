/** Inputs that are nearly right: real samples, with a few edits. Shrinks, and comes back by its seed. */
import fc from "fast-check";

/** What breaks readers of JSON, TOML, YAML, words and paths, as it stands in a text. */
const TOKENS: readonly string[] = [
  ...[
    "",
    "\0",
    "\n",
    "\r\n",
    "\t",
    " ",
    '"',
    "'",
    "`",
    "\\",
    "/",
    "%",
    "$",
    "#",
    ":",
    ",",
    "=",
    "-",
  ],
  ...["{", "}", "[", "]", "{{", "}}", "[[", "]]", "null", "true", "[]", "{}", '""', "\ufeff"],
  ...["-1", "0", "-0", "1e300", "1e999", "NaN", "Infinity", "0x10", "1_000", "08", "1.5"],
  ...["9007199254740993", "9223372036854775808", "18446744073709551616", "4294967296"],
  ...['"__proto__"', '"constructor"', '"toString"', "__proto__", '{"__proto__":{"id":7}}'],
  ...[
    "\u001b[2J",
    "\u001b]0;x\u0007",
    "\u009b",
    "\u202e",
    "\u2028",
    "\ud800",
    "\u{1f4a9}",
    "é",
    "e\u0301",
  ],
  ...[
    "../",
    "/../../",
    "/etc/passwd",
    "//",
    "$(kanari)",
    ";kanari",
    "-Dkanari",
    "--bind=/:/kanari",
  ],
  ...["x".repeat(300), "\n".repeat(300), "[".repeat(300), "kanari\nkanari", "%n %H %i"],
];

interface Edit {
  readonly kind: "insert" | "replace" | "delete" | "repeat" | "swap";
  /** Where, as a part of the text. */
  readonly at: number;
  readonly size: number;
  readonly token: string;
}

const edits = fc.array(
  fc.record<Edit>({
    kind: fc.constantFrom("insert", "replace", "delete", "repeat", "swap"),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    size: fc.integer({ min: 1, max: 40 }),
    token: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...TOKENS) },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 8 }) },
    ),
  }),
  { maxLength: 4 },
);

/** One of the samples with up to four edits; now and then something else altogether. */
export function mutated(samples: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 8, arbitrary: fc.tuple(fc.constantFrom(...samples), edits).map(applyEdits) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
  );
}

const applyEdits = ([sample, changes]: readonly [string, readonly Edit[]]): string =>
  changes.reduce(applyEdit, sample);

function applyEdit(text: string, { kind, at, size, token }: Edit): string {
  const from = Math.floor(at * text.length);
  const [before, part, after] = [
    text.slice(0, from),
    text.slice(from, from + size),
    text.slice(from + size),
  ];
  switch (kind) {
    case "insert":
      return before + token + part + after;
    case "replace":
      return before + token + after;
    case "delete":
      return before + after;
    case "repeat":
      return before + part.repeat(size) + after;
    case "swap":
      return after + part + before;
  }
}
