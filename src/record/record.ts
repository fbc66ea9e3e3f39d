/**
 * Files of ours that outlive the call that wrote them: what a machine is, what a tree was made of.
 * One door for all readers, since each may meet what a power cut, another release of ours or a
 * person has left there. What is not usable is told once as a warning and never thrown: one odd file
 * must not stop what has nothing to do with it.
 */
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import { escapeUntrusted } from "../text/escape.ts";

export type RecordHost = Pick<Host, "files" | "log">;

export interface RecordKind<Value> {
  /** What such a file holds, for people: "the state of a machine". */
  readonly what: string;
  /** The version of such files that is written today: their key "format". */
  readonly format: number;
  /**
   * Every one that can be read, each made into today's values. Files of release 0.1.0 do not say
   * theirs; it is 1.
   */
  readonly schemas: Readonly<Record<number, v.GenericSchema<unknown, Value>>>;
}

export type RecordRead<Value> =
  /**
   * `torn`: a file is there, empty or cut off: a crash has done it. Those written durably are never
   * so, and who must not take one for absent asks.
   */
  | { readonly kind: "absent"; readonly torn: boolean }
  | { readonly kind: "read"; readonly value: Value }
  /** Another release's, or not ours at all: whatever it speaks of may be in use. */
  | { readonly kind: "unreadable"; readonly reason: string };

const ABSENT = { kind: "absent", torn: false } as const;
const TORN = { kind: "absent", torn: true } as const;

/** Never throws. */
export function readRecord<Value>(
  host: RecordHost,
  path: string,
  kind: RecordKind<Value>,
): RecordRead<Value> {
  const text = readWhole(host, path);
  const read = text.kind === "read" ? parseRecord(kind, text.value) : text;
  if (read.kind === "unreadable") {
    warnOnce(host.log, `Cannot read ${kind.what} in "${path}": ${read.reason}.`);
  } else if (read.kind === "absent" && read.torn) {
    warnOnce(host.log, `"${path}" (${kind.what}) is empty or cut off, and taken for absent.`);
  }
  return read;
}

/** The value where it could be read; nothing for all else, which was told as a warning. */
export function readValue<Value>(read: RecordRead<Value>): Value | undefined {
  return read.kind === "read" ? read.value : undefined;
}

/** Today's text of a record. Pure. */
export function formatRecord<Value extends object>(kind: RecordKind<Value>, value: Value): string {
  return `${JSON.stringify({ format: kind.format, ...value }, undefined, 1)}\n`;
}

/** Pure. */
export function parseRecord<Value>(kind: RecordKind<Value>, text: string): RecordRead<Value> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return isCutOff(text)
      ? TORN
      : { kind: "unreadable", reason: "it is neither JSON nor the beginning of it" };
  }
  if (typeof json !== "object" || json === null) {
    return { kind: "unreadable", reason: "it is not a file of nspawn-runner" };
  }
  const format = "format" in json ? json.format : 1;
  const schema = typeof format === "number" ? kind.schemas[format] : undefined;
  if (schema === undefined) {
    const said = escapeUntrusted(String(format), 20);
    const known = Object.keys(kind.schemas).join(" and ");
    return {
      kind: "unreadable",
      reason: `it has format ${said}, and this nspawn-runner knows ${known}`,
    };
  }
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return { kind: "read", value: parsed.output };
  const [issue] = parsed.issues;
  const place = escapeUntrusted(v.getDotPath(issue) ?? "it", 60);
  return {
    kind: "unreadable",
    reason: `${place} is not as format ${format} has it (${escapeUntrusted(issue.message, 120)})`,
  };
}

/**
 * Whether a crash may have left that of an object: nothing, or a text that ends while something is
 * still open. A file system may have filled up the rest with zeros. All else that is no JSON has been
 * written so by somebody, and says that there is something to be known. Pure.
 */
function isCutOff(text: string): boolean {
  const written = text.replace(/\0+$/, "").trimStart();
  if (written === "") return true;
  if (!written.startsWith("{")) return false;
  // What is in strings opens and closes nothing; one without an end is open itself.
  const [outside = "", ...open] = written.replace(/"(?:[^"\\]|\\.)*"/g, "").split('"');
  let depth = 0;
  for (const sign of outside) {
    if ("{[".includes(sign)) depth += 1;
    if ("}]".includes(sign)) depth -= 1;
    if (depth === 0) return false;
  }
  return open.length > 0 || depth > 0;
}

function readWhole(host: RecordHost, path: string): RecordRead<string> {
  try {
    const kind = host.files.probe(path)?.kind;
    if (kind === undefined) return ABSENT;
    if (kind !== "file") return { kind: "unreadable", reason: `it is a ${kind}, not a file` };
    return { kind: "read", value: host.files.readText(path) };
  } catch (error) {
    // Gone since we looked.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ABSENT;
    const message = error instanceof Error ? error.message : String(error);
    return { kind: "unreadable", reason: message.replace(/\.$/, "") };
  }
}

/** A command reads the same file at several places; a person need hear of it once. */
const told = new WeakMap<Host["log"], Set<string>>();

function warnOnce(log: Host["log"], text: string): void {
  const before = told.get(log) ?? new Set();
  told.set(log, before);
  if (before.has(text)) return;
  before.add(text);
  log.warn(text);
}
