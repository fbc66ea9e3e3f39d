/**
 * A program for seccomp(2): which kinds of sockets a machine may have, on every ABI of its processor.
 * nspawn's own filter knows system calls by name alone; what a call is given, it does not look at.
 */
import type { Host } from "../host/host.ts";

type Architecture = Host["architecture"];

/**
 * Address families of linux/socket.h. Not these are, among others, those that lead out of every network
 * namespace or to code of the kernel's that seldom meets strangers: AF_VSOCK (the hypervisor, and what
 * listens there on the host), AF_ALG, AF_BLUETOOTH, AF_RDS, AF_TIPC.
 */
const FAMILIES: readonly number[] = [
  1, // AF_UNIX
  2, // AF_INET
  10, // AF_INET6
  16, // AF_NETLINK
  17, // AF_PACKET: of the machine's own interfaces
];

interface Abi {
  /** linux/audit.h */
  readonly audit: number;
  /** Numbers of socket(2) and socketpair(2) in the kernel's table of this ABI. */
  readonly sockets: readonly number[];
  /** Of socketcall(2), where there is one. */
  readonly socketcall?: number;
}

const ABIS: Readonly<Record<Architecture, readonly Abi[]>> = {
  x64: [
    // x32 is the same, with a bit of its own in the number.
    { audit: 0xc000_003e, sockets: [41, 53] },
    { audit: 0x4000_0003, sockets: [359, 360], socketcall: 102 },
  ],
  arm64: [
    { audit: 0xc000_00b7, sockets: [198, 199] },
    { audit: 0x4000_0028, sockets: [281, 288] },
  ],
};

const X32_BIT = 0x4000_0000;
/** SYS_SOCKET and SYS_SOCKETPAIR of linux/net.h */
const SOCKETCALLS: readonly number[] = [1, 8];

// linux/filter.h and linux/seccomp.h
const LOAD = 0x20;
const AND = 0x54;
const EQUAL = 0x15;
const RETURN = 0x06;
const ALLOW = 0x7fff_0000;
/** SECCOMP_RET_ERRNO with EAFNOSUPPORT: as if the kernel had been built without them. */
const NO_SUCH_FAMILY = 0x0005_0000 | 97;
/** Offsets in struct seccomp_data; of the first argument, its lower half, which is all that is read. */
const NUMBER = 0;
const AUDIT = 4;
const FIRST_ARGUMENT = 16;

type Instruction = readonly [code: number, value: number, ifSo: number, ifNot: number];

/**
 * Whether a family comes by socketcall(2) cannot be seen: it is in memory, not in a register. So no
 * socket comes by it, unless an administrator says so; it is what the libc of 32-bit PCs uses. Pure.
 */
export function socketFilter(
  architecture: Architecture,
  { socketcall }: { readonly socketcall: boolean },
): Uint8Array {
  const program: Instruction[] = [[LOAD, AUDIT, 0, 0]];
  for (const abi of ABIS[architecture]) {
    const body = checksOf(abi, socketcall);
    program.push([EQUAL, abi.audit, 0, body.length], ...body);
  }
  return encode([...program, [RETURN, ALLOW, 0, 0]]);
}

/** Ends in an answer, whatever the call is. */
function checksOf({ sockets, socketcall }: Abi, mayCall: boolean): Instruction[] {
  const multiplexed = mayCall ? undefined : socketcall;
  const families = answer(FAMILIES, { among: ALLOW, otherwise: NO_SUCH_FAMILY });
  const calls = answer(SOCKETCALLS, { among: NO_SUCH_FAMILY, otherwise: ALLOW });
  return [
    [LOAD, NUMBER, 0, 0],
    [AND, ~X32_BIT >>> 0, 0, 0],
    ...sockets.map((number, index): Instruction => {
      const left = sockets.length - 1 - index;
      // Over the other numbers, what is asked of socketcall(2), and the answer to all else.
      return [EQUAL, number, left + (multiplexed === undefined ? 0 : 1 + calls.length) + 1, 0];
    }),
    ...(multiplexed === undefined
      ? []
      : [[EQUAL, multiplexed, 0, calls.length] as const, ...calls]),
    [RETURN, ALLOW, 0, 0],
    ...families,
  ];
}

/** What becomes of a call by its first argument. */
function answer(
  values: readonly number[],
  { among, otherwise }: { readonly among: number; readonly otherwise: number },
): Instruction[] {
  return [
    [LOAD, FIRST_ARGUMENT, 0, 0],
    ...values.map((value, index): Instruction => [EQUAL, value, values.length - index, 0]),
    [RETURN, otherwise, 0, 0],
    [RETURN, among, 0, 0],
  ];
}

/** struct sock_filter: code, where to jump if so and if not, value. */
function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, value, ifSo, ifNot], index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifSo, index * 8 + 2);
    bytes.writeUInt8(ifNot, index * 8 + 3);
    bytes.writeUInt32LE(value, index * 8 + 4);
  });
  return bytes;
}
