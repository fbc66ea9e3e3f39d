import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { escapeUnitName, isImageName, parseImageName, parseMachineName } from "./names.ts";

describe("image names", () => {
  test.each(["trixie", "debian-12", "a", "python:3.12", "x_y+z@1", "a".repeat(100)])(
    "%p is one",
    (name) => {
      expect(parseImageName(name) as string).toBe(name);
    },
  );

  test.each([
    ["empty", "", "it is empty"],
    ["a path upwards", "../x", 'it holds a "/"'],
    ["an absolute path", "/etc", 'it holds a "/"'],
    ["a leading dash", "-rf", "neither a letter nor a digit"],
    ["a hidden name", ".machines", "neither a letter nor a digit"],
    ["too long", "a".repeat(300), "it has 300 characters"],
    ["a control character", "a\u0007b", "a character that is not allowed"],
    ["a newline", "trixie\n", "a character that is not allowed"],
    ["a blank", "a b", "a character that is not allowed"],
    ["the directory of generations", "trixie.v", "kept for generations"],
  ])("%s is none", (_title, name, reason) => {
    expect(() => parseImageName(name)).toThrow(reason);
  });

  test("a name that is accepted is one plain component of a path", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        if (!isImageName(text)) return;
        expect(text).toMatch(/^[A-Za-z0-9][A-Za-z0-9._+:@-]*$/);
        expect(text).not.toBe("..");
      }),
      { numRuns: 2000 },
    );
  });

  test("an error never carries control characters on", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        try {
          parseImageName(text);
        } catch (error) {
          // biome-ignore lint/suspicious/noControlCharactersInRegex: that none is there is the point
          expect(String(error)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        }
      }),
    );
  });
});

describe("machine names", () => {
  test.each(["job-1-abc", "a", "0", "x".repeat(60)])("%p is one", (name) => {
    expect(parseMachineName(name) as string).toBe(name);
  });
  test.each(["", "A", "a_b", "-a", "a-", "a/b", "a.b", "x".repeat(61), "a\n"])(
    "%p is none",
    (name) => {
      expect(() => parseMachineName(name)).toThrow("cannot be the name of a machine");
    },
  );
});

describe("unit names", () => {
  // As `systemd-escape` prints them.
  test.each([
    ["job-17", "job\\x2d17"],
    [".a.b", "\\x2ea.b"],
    ["ä", "\\xc3\\xa4"],
    ["a/b", "a\\x2fb"],
  ])("%p is %p", (text, escaped) => {
    expect(escapeUnitName(text)).toBe(escaped);
  });

  test("an escaped name has only characters of unit names and is never shared by two texts", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (one, other) => {
        expect(escapeUnitName(one)).toMatch(/^[A-Za-z0-9:_.\\]+$/);
        const sameBytes = Buffer.from(one).equals(Buffer.from(other));
        expect(escapeUnitName(one) === escapeUnitName(other)).toBe(sameBytes);
      }),
    );
  });
});
