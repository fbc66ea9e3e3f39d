/**
 * A program that makes system calls by their numbers, on each ABI of an x86-64 processor, and prints
 * what the kernel answers: written as machine code, so that it runs in every image.
 */

export type Abi = "x86-64" | "x32" | "i386";

export interface ProbeCall {
  readonly abi: Abi;
  readonly number: number;
  /** Those that are not given are -1, which no call takes for anything real. */
  readonly arguments?: readonly number[];
  /** Words of 32 bits, whose address is the second argument. */
  readonly data?: readonly number[];
}

const ADDRESS = 0x40_0000;
const HEADERS_BYTES = 64 + 56;
const X32_BIT = 0x4000_0000;

/** `mov` of a constant to the registers of the number and of six arguments. */
const MOVES: Readonly<Record<"native" | "i386", readonly string[]>> = {
  native: ["48c7c0", "48c7c7", "48c7c6", "48c7c2", "49c7c2", "49c7c0", "49c7c1"],
  i386: ["b8", "bb", "b9", "ba", "be", "bf", "bd"],
};
const SYSCALL = "0f05";
/** `int 0x80`, and the sign of its answer made that of 64 bits. */
const INT_80 = "cd804898";
/** To where r15 points, which then points behind it. */
const STORE = "4989074983c708";

const word = (value: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value | 0);
  return bytes.toString("hex");
};

const codeOf = (call: ProbeCall, dataAddress: number): string => {
  const given = call.data === undefined ? [] : [call.arguments?.[0] ?? -1, dataAddress];
  const values = [...given, ...(call.arguments ?? []).slice(given.length)];
  const number = call.abi === "x32" ? call.number | X32_BIT : call.number;
  const words = [number, ...Array.from({ length: 6 }, (_, index) => values[index] ?? -1)];
  const moves = MOVES[call.abi === "i386" ? "i386" : "native"];
  const loads = words.map((value, index) => `${moves[index]}${word(value)}`).join("");
  return `${loads}${call.abi === "i386" ? INT_80 : SYSCALL}${STORE}`;
};

/** The whole executable: prints an integer of 64 bits for each call, and ends with 0. */
export function probeProgram(calls: readonly ProbeCall[]): Buffer {
  const assemble = (dataAt: number, resultsAt: number): Buffer => {
    let data = dataAt;
    const body = calls.map((call) => {
      const code = codeOf(call, data);
      data += 4 * (call.data?.length ?? 0);
      return code;
    });
    const end = [
      `48c7c001000000${"48c7c701000000"}48c7c6${word(resultsAt)}48c7c2${word(calls.length * 8)}0f05`,
      "48c7c03c00000048c7c7000000000f05",
    ];
    return Buffer.from([`49c7c7${word(resultsAt)}`, ...body, ...end].join(""), "hex");
  };
  const codeBytes = assemble(0, 0).length;
  const dataAt = ADDRESS + HEADERS_BYTES + codeBytes;
  const data = Buffer.from(
    calls
      .flatMap((call) => call.data ?? [])
      .map(word)
      .join(""),
    "hex",
  );
  const code = assemble(dataAt, dataAt + data.length);
  return Buffer.concat([headersOf(code.length + data.length, calls.length * 8), code, data]);
}

/** One segment that may be read, written and executed: elf(5). */
function headersOf(loadedBytes: number, moreBytes: number): Buffer {
  const headers = Buffer.alloc(HEADERS_BYTES);
  headers.write("\x7fELF\x02\x01\x01", 0, "latin1");
  headers.writeUInt16LE(2, 16);
  headers.writeUInt16LE(62, 18);
  headers.writeUInt32LE(1, 20);
  headers.writeBigUInt64LE(BigInt(ADDRESS + HEADERS_BYTES), 24);
  headers.writeBigUInt64LE(64n, 32);
  headers.writeUInt16LE(64, 52);
  headers.writeUInt16LE(56, 54);
  headers.writeUInt16LE(1, 56);
  headers.writeUInt32LE(1, 64);
  headers.writeUInt32LE(7, 68);
  headers.writeBigUInt64LE(BigInt(ADDRESS), 80);
  headers.writeBigUInt64LE(BigInt(ADDRESS), 88);
  headers.writeBigUInt64LE(BigInt(HEADERS_BYTES + loadedBytes), 96);
  headers.writeBigUInt64LE(BigInt(HEADERS_BYTES + loadedBytes + moreBytes), 104);
  headers.writeBigUInt64LE(0x1000n, 112);
  return headers;
}

/** A script that makes the program and runs it; what it prints is for `readAnswers`. */
export function probeScript(calls: readonly ProbeCall[]): string {
  return `#!/bin/sh
echo ${probeProgram(calls).toString("base64")} | base64 -d >/probe-calls && chmod 755 /probe-calls || exit
/probe-calls | base64
`;
}

const ERRORS: Readonly<Record<number, string>> = { 1: "EPERM", 38: "ENOSYS", 97: "EAFNOSUPPORT" };

/** "EPERM" and the like, "errno 22" for others, "done" for what the kernel did. */
export function readAnswers(stdout: string): string[] {
  const bytes = Buffer.from(stdout, "base64");
  return Array.from({ length: bytes.length / 8 }, (_, index) => {
    const answer = Number(bytes.readBigInt64LE(index * 8));
    return answer >= 0 || answer < -4095 ? "done" : (ERRORS[-answer] ?? `errno ${-answer}`);
  });
}
