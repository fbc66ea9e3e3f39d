/** On real FIFOs of this host. */
import { afterEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { type LineFifo, openFifos } from "./fifo.ts";
import { makeFifo } from "./libc.ts";

const fifos = openFifos();
const directory = fs.mkdtempSync(`${tmpdir()}/fifos-`);
let count = 0;
afterEach(() => {
  for (const name of fs.readdirSync(directory)) fs.rmSync(`${directory}/${name}`);
});
process.on("exit", () => fs.rmSync(directory, { recursive: true }));

function newFifo(): string {
  count += 1;
  const path = `${directory}/fifo-${count}`;
  makeFifo(path, 0o600);
  return path;
}

const WRITE = fs.constants.O_WRONLY | fs.constants.O_NONBLOCK;
const line = (text: string) => ({ kind: "line", text }) as const;
const openWriter = (path: string): number => fs.openSync(path, WRITE);

function fill(path: string): void {
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  try {
    while (true) fs.writeSync(fd, Buffer.alloc(4096, "x"));
  } catch {
    // EAGAIN: it is full.
  } finally {
    fs.closeSync(fd);
  }
}

test("a line that comes after a read has waited in vain is the next read's", async () => {
  const path = newFifo();
  await using lines = fifos.openLines(path);
  expect(await lines.read({ timeoutMs: 5 })).toEqual({ kind: "waited" });
  expect(fifos.writeLine(path, "one")).toBe("written");
  expect(fifos.writeLine(path, "two")).toBe("written");
  expect(await lines.readLine()).toBe("one");
  expect(await lines.read({ signal: AbortSignal.abort() })).toEqual({ kind: "waited" });
  expect(await lines.read({ timeoutMs: 1000 })).toEqual(line("two"));
});

const ends = async (answers: LineFifo): Promise<unknown> => answers.read({ timeoutMs: 1000 });

test("answers do not end before we let go", async () => {
  await using answers = fifos.openAnswers(newFifo());
  expect(await answers.read({ timeoutMs: 5 })).toEqual({ kind: "waited" });
  answers.letGo();
  answers.letGo();
  expect(await ends(answers)).toEqual({ kind: "closed" });
});

test.each([
  ["while we read", true],
  ["between two reads", false],
])("answers end with their writer, %s", async (_title, reads) => {
  const path = newFifo();
  await using answers = fifos.openAnswers(path);
  const writer = openWriter(path);
  fs.writeSync(writer, "taken\n");
  expect(await answers.read()).toEqual(line("taken"));
  answers.letGo();
  expect(await answers.read({ timeoutMs: 5 })).toEqual({ kind: "waited" });
  const reading = reads ? ends(answers) : undefined;
  fs.writeSync(writer, "half a line");
  fs.closeSync(writer);
  expect(await (reading ?? ends(answers))).toEqual({ kind: "closed" });
});

test("a writer that came and went before we let go has not been there for nothing", async () => {
  const path = newFifo();
  await using answers = fifos.openAnswers(path);
  const writer = openWriter(path);
  fs.writeSync(writer, "taken\nstarted 1\n");
  fs.closeSync(writer);
  answers.letGo();
  expect(await answers.read()).toEqual(line("taken"));
  expect(await answers.read()).toEqual(line("started 1"));
  expect(await ends(answers)).toEqual({ kind: "closed" });
});

test("what is too long for a line is the end of them", async () => {
  const path = newFifo();
  await using answers = fifos.openAnswers(path);
  fill(path);
  expect(await ends(answers)).toEqual({ kind: "closed" });
});

test("a line is written, or the reason why not is told, and nothing is thrown", async () => {
  const path = newFifo();
  expect(fifos.writeLine(path, "x")).toBe("nobody");
  expect(fifos.isRead(path)).toBe(false);
  expect(fifos.writeLine(`${path}-gone`, "x")).toBe("nobody");
  await using _lines = fifos.openLines(path);
  expect(fifos.isRead(path)).toBe(true);
  fill(path);
  expect(fifos.writeLine(path, "x")).toBe("full");
});

test("what is held has a reader, and ends for its reader when it is let go", async () => {
  const path = newFifo();
  const held = fifos.hold(path);
  // Not waited for: its open(2) finds us.
  const reader = fs.openSync(path, fs.constants.O_RDONLY);
  expect(fifos.writeLine(path, "x")).toBe("written");
  held[Symbol.dispose]();
  expect(fs.readFileSync(reader, "utf8")).toBe("x\n");
  fs.closeSync(reader);
});

describe("the output of a step", () => {
  const forever = new AbortController().signal;
  const patient = { idleMs: 60_000, signal: forever, cancelMs: 0 };
  const collect = () => {
    const parts: Uint8Array[] = [];
    return {
      write: async (bytes: Uint8Array) => void parts.push(bytes.slice()),
      text: () => Buffer.concat(parts).toString(),
    };
  };

  test("is all that was written before its end, and nothing that comes after", async () => {
    const path = newFifo();
    await using output = fifos.openOutput(path);
    const { write, text } = collect();
    output.pump(write);
    const writer = openWriter(path);
    fs.writeSync(writer, "before");
    const finished = output.finish(patient);
    fs.writeSync(writer, "after");
    await finished;
    expect(text()).toBe("before");
  });

  test("is whole when the FIFO is full at its end", async () => {
    const path = newFifo();
    await using output = fifos.openOutput(path);
    const { write, text } = collect();
    fill(path);
    output.pump(write);
    await output.finish(patient);
    expect(text()).toMatch(/^x{65536}$/);
  });

  test("is what has come when somebody else reads its end away", async () => {
    const path = newFifo();
    await using output = fifos.openOutput(path);
    const { write, text } = collect();
    const thief = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    const writer = openWriter(path);
    const gate = Promise.withResolvers<void>();
    output.pump(async (bytes) => {
      await write(bytes);
      gate.resolve();
    });
    fs.writeSync(writer, "before");
    await gate.promise;
    const finished = output.finish({ ...patient, idleMs: 20 });
    fs.readSync(thief, Buffer.alloc(32));
    fs.writeSync(writer, "the rest");
    await finished;
    expect(text()).toBe("beforethe rest");
    fs.closeSync(thief);
  });

  test("without an end is cut off, however much comes", async () => {
    const path = newFifo();
    await using output = fifos.openOutput(path);
    fill(path);
    // Fills it again before the mark finds room: what is read is made up for at once.
    output.pump(async () => fill(path));
    await output.finish(patient);
  });

  test("is given up once we are told to end, even while nobody takes it", async () => {
    const path = newFifo();
    await using output = fifos.openOutput(path);
    const cancel = new AbortController();
    fill(path);
    output.pump(() => new Promise<void>(() => {}));
    const finished = output.finish({ ...patient, signal: cancel.signal, cancelMs: 1 });
    cancel.abort();
    await finished;
  });

  test("that cannot be passed on is an error at its end", async () => {
    const path = newFifo();
    await using output = fifos.openOutput(path);
    fill(path);
    output.pump(() => Promise.reject(new Error("no space")));
    await expect(output.finish(patient)).rejects.toThrow("no space");
  });
});
