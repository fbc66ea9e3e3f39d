import { expect, test } from "bun:test";
import fc from "fast-check";
import * as v from "valibot";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { formatRecord, parseRecord, type RecordKind, readRecord } from "./record.ts";

interface Thing {
  readonly name: string;
  readonly size: number;
}

const THING: RecordKind<Thing> = {
  what: "a thing",
  format: 2,
  schemas: {
    1: v.pipe(
      v.object({ name: v.string() }),
      v.transform(({ name }) => ({ name, size: 0 })),
    ),
    2: v.object({ name: v.string(), size: v.number() }),
  },
};

const PATH = "/thing.json";

/** Reads a file of that text twice, as a command may. */
function read(text: string) {
  const computer = openComputer();
  computer.disk.create("open", PATH, { kind: "file", mode: 0o600, text });
  const process = computer.start();
  const first = readRecord(process.host, PATH, THING);
  expect(readRecord(process.host, PATH, THING)).toEqual(first);
  return { read: first, said: process.said };
}

test("what is written is read", () => {
  const value = { name: "a", size: 3 };
  expect(read(formatRecord(THING, value))).toEqual({ read: { kind: "read", value }, said: [] });
});

test("what the first release wrote says no format", () => {
  const value = { name: "a", size: 0 };
  expect(read('{"name":"a"}').read).toEqual({ kind: "read", value });
});

test.each([
  ["nothing", ""],
  ["what xfs leaves after a power cut", "\0".repeat(40)],
  ["half", formatRecord(THING, { name: "a", size: 3 }).slice(0, 20)],
  ["half, and zeros", `${formatRecord(THING, { name: "a", size: 3 }).slice(0, 20)}\0\0`],
  ["half of a text", '{"name":"a}'],
])("a file that holds %s is absent, and told once", (_title, text) => {
  expect(read(text)).toEqual({
    read: { kind: "absent", torn: true },
    said: ['"/thing.json" (a thing) is empty or cut off, and taken for absent.'],
  });
});

test.each([
  ['{"format":3}', "it has format 3, and this nspawn-runner knows 1 and 2"],
  ['{"format":"\\u001b[2J"}', "it has format \\x1b[2J, and this nspawn-runner knows 1 and 2"],
  ["[1]", "name is not as format 1 has it"],
  ["null", "it is not a file of nspawn-runner"],
  ["name: a", "it is neither JSON nor the beginning of it"],
  ['{"format":2,"name":"a","size":3,}', "it is neither JSON nor the beginning of it"],
  ['{"format":2} {', "it is neither JSON nor the beginning of it"],
  ['{"format":2,"name":"a"}', "size is not as format 2 has it"],
])("%s is unreadable, and told once", (text, reason) => {
  const { read: result, said } = read(text);
  expect(result.kind === "unreadable" ? result.reason : "").toStartWith(reason);
  expect(said).toHaveLength(1);
  expect(said[0]).toStartWith(`Cannot read a thing in "/thing.json": ${reason}`);
});

test("every beginning of a record is one that a crash has cut off", () => {
  const whole = formatRecord(THING, { name: 'a "{" \\', size: 3 }).trimEnd();
  for (let length = 0; length < whole.length; length += 1) {
    expect(parseRecord(THING, whole.slice(0, length))).toEqual({ kind: "absent", torn: true });
  }
});

test("a directory in its place is unreadable; nothing at all is absent without a word", () => {
  const computer = openComputer();
  const { host, said } = computer.start();
  expect(readRecord(host, PATH, THING)).toEqual({ kind: "absent", torn: false });
  expect(said).toEqual([]);
  computer.disk.ensureDirectory(PATH, 0o755);
  expect(readRecord(host, PATH, THING).kind).toBe("unreadable");
});

test("no text makes it throw", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      expect(["absent", "read", "unreadable"]).toContain(parseRecord(THING, text).kind);
    }),
  );
});
