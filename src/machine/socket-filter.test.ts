import { describe, expect, test } from "bun:test";
import { socketFilter } from "./socket-filter.ts";

interface Call {
  readonly audit: number;
  readonly number: number;
  readonly first?: number;
}

/** What the kernel would make of it: seccomp(2) runs these few instructions of the classic BPF. */
function judge(filter: Uint8Array, { audit, number, first = 0 }: Call): string {
  const program = Buffer.from(filter);
  const data = new Map([
    [0, number],
    [4, audit],
    [16, first >>> 0],
  ]);
  let loaded = 0;
  for (let at = 0; ; at += 1) {
    const value = program.readUInt32LE(at * 8 + 4);
    switch (program.readUInt16LE(at * 8)) {
      case 0x20:
        loaded = data.get(value) ?? Number.NaN;
        break;
      case 0x54:
        loaded = (loaded & value) >>> 0;
        break;
      case 0x15:
        at += program.readUInt8(at * 8 + (loaded === value ? 2 : 3));
        break;
      case 0x06:
        return value === 0x7fff_0000 ? "allowed" : `errno ${value & 0xffff}`;
      default:
        throw new Error(`instruction ${at} is none`);
    }
  }
}

const X86_64 = 0xc000_003e;
const I386 = 0x4000_0003;
const AARCH64 = 0xc000_00b7;
const ARM = 0x4000_0028;
const AF_UNIX = 1;
const AF_ALG = 38;
const AF_VSOCK = 40;
const X32 = 0x4000_0000;

const KINDS: readonly (readonly [string, "x64" | "arm64", number, number])[] = [
  ["socket of x86-64", "x64", X86_64, 41],
  ["socketpair of x86-64", "x64", X86_64, 53],
  ["socket of x32", "x64", X86_64, X32 | 41],
  ["socketpair of x32", "x64", X86_64, X32 | 53],
  ["socket of i386", "x64", I386, 359],
  ["socketpair of i386", "x64", I386, 360],
  ["socket of arm64", "arm64", AARCH64, 198],
  ["socketpair of arm64", "arm64", AARCH64, 199],
  ["socket of arm", "arm64", ARM, 281],
  ["socketpair of arm", "arm64", ARM, 288],
];

describe.each([true, false])("where socketcall is let through: %p,", (socketcall) => {
  test.each(KINDS)("%s is of five families", (_name, architecture, audit, number) => {
    const filter = socketFilter(architecture, { socketcall });
    const allowed = Array.from({ length: 60 }, (_, family) => family).filter(
      (first) => judge(filter, { audit, number, first }) === "allowed",
    );
    expect(allowed).toEqual([1, 2, 10, 16, 17]);
    expect(judge(filter, { audit, number, first: AF_VSOCK })).toBe("errno 97");
    expect(judge(filter, { audit, number, first: -1 })).toBe("errno 97");
  });

  test.each([
    ["SYS_SOCKET", 1, "errno 97"],
    ["SYS_BIND", 2, "allowed"],
    ["SYS_SOCKETPAIR", 8, "errno 97"],
    ["SYS_SENDMSG", 16, "allowed"],
  ])("socketcall of %s", (_name, first, answer) => {
    const filter = socketFilter("x64", { socketcall });
    const call = { audit: I386, number: 102, first };
    expect(judge(filter, call)).toBe(socketcall ? "allowed" : answer);
  });
});

test("no other call is touched, whatever it is given", () => {
  for (const [architecture, audits] of [
    ["x64", [X86_64, I386]],
    ["arm64", [AARCH64, ARM]],
  ] as const) {
    const filter = socketFilter(architecture, { socketcall: false });
    for (const audit of audits) {
      const denied = Array.from({ length: 500 }, (_, number) => number).filter(
        (number) => judge(filter, { audit, number, first: AF_ALG }) !== "allowed",
      );
      expect(denied).toEqual(
        KINDS.filter(([, , of, number]) => of === audit && number < X32).map(([, , , of]) => of),
      );
    }
  }
});

test("another processor's calls are left to nspawn's filter", () => {
  const filter = socketFilter("x64", { socketcall: false });
  expect(judge(filter, { audit: AARCH64, number: 198, first: AF_UNIX })).toBe("allowed");
});
