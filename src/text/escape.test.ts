/** Nothing that a stranger wrote drives a terminal, breaks a line of ours or hides in it. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { escapeLines, escapeUntrusted, formatJson } from "./escape.ts";

/**
 * By code point, apart from the categories that the code goes by: ECMA-48's controls, and Unicode's
 * bidirectional ones (UAX #9), joiners, tags, fillers and separators.
 */
const DANGEROUS: readonly (readonly [first: number, last: number])[] = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xd800, 0xdfff],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xfff9, 0xfffb],
  [0xe0000, 0xe0fff],
];
const isDangerous = (code: number): boolean =>
  DANGEROUS.some(([first, last]) => code >= first && code <= last);
/** Which of Unicode's code points these are. */
const codesOf = (text: string): number[] => Array.from(text, (one) => one.codePointAt(0) ?? 0);
const anyText = fc.string({ unit: "binary", maxLength: 300 });
/** Also surrogates that have no other half. */
const anyUnits = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 300 })
  .map((units) => String.fromCharCode(...units));

describe("of all of Unicode", () => {
  const each = Array.from({ length: 0x110000 }, (_, code) => code);

  test("no dangerous character is left", () => {
    const left = each.filter(
      (code) =>
        isDangerous(code) && codesOf(escapeUntrusted(String.fromCodePoint(code))).some(isDangerous),
    );
    expect(left).toEqual([]);
  });

  test("letters, digits, signs and spaces stay as they are", () => {
    const changed = each.filter((code) => {
      const text = String.fromCodePoint(code);
      const plain = /^[\p{L}\p{N}\p{P}\p{S}\p{Zs}]$/u.test(text) && !isDangerous(code);
      return plain && escapeUntrusted(text) !== text;
    });
    // Shown as nothing, whatever their category says.
    expect(changed.map((code) => code.toString(16))).toEqual(["ffa0"]);
  });
});

test.each([
  ["a title of the terminal", "\u001b]0;owned\u0007", "\\x1b]0;owned\\x07"],
  ["the clipboard", "\u001b]52;c;aGk=\u001b\\", "\\x1b]52;c;aGk=\\x1b\\"],
  ["a link", "\u001b]8;;http://x\u0007", "\\x1b]8;;http://x\\x07"],
  ["a sequence of C1", "\u009b2J\u0090q", "\\x9b2J\\x90q"],
  ["a line over another", "ok\rERROR", "ok\\x0dERROR"],
  ["text from right to left", "a\u202egpj.exe", "a\\u202egpj.exe"],
  ["an isolate", "\u2066x\u2069", "\\u2066x\\u2069"],
  ["tags", "x\u{e0041}", "x\\u{e0041}"],
  ["a lone surrogate", "\ud800x", "\\ud800x"],
])("%s is shown", (_what, text, shown) => {
  expect(escapeUntrusted(text)).toBe(shown);
});

test.each([
  ["characters", anyText],
  ["units", anyUnits],
])("any %s: one line, safe, bounded, and the same when escaped again", (_what, texts) => {
  fc.assert(
    fc.property(texts, (text) => {
      const shown = escapeUntrusted(text);
      expect(codesOf(shown).some(isDangerous)).toBe(false);
      expect(shown.length).toBeLessThanOrEqual(200 * 9 + 1);
      expect(escapeUntrusted(shown, shown.length)).toBe(shown);
      const lines = escapeLines(text);
      expect(codesOf(lines.replace(/[\n\t]/g, "")).some(isDangerous)).toBe(false);
      expect(lines.split("\n").length).toBe(text.split("\n").length);
      expect(escapeLines(lines)).toBe(lines);
    }),
    { numRuns: 1000 },
  );
});

test("JSON keeps its value, and shows nothing else", () => {
  fc.assert(
    fc.property(fc.oneof(anyText, anyUnits), (text) => {
      const json = formatJson({ [text]: [text] });
      expect(JSON.parse(json)).toEqual({ [text]: [text] });
      expect(codesOf(json.replaceAll("\n", "")).some(isDangerous)).toBe(false);
    }),
    { numRuns: 1000 },
  );
});
