/**
 * The program that a script's session begins with, on every image: it needs no libc, nor any command
 * of the image. A shell without job control starts what it runs in the background with SIGINT and
 * SIGQUIT ignored, an ignored signal stays so through execve(2), and a shell cannot undo it
 * (POSIX, `trap`). So this gives all signals their default, blocks none, makes a session of its own,
 * and becomes the program that its arguments are.
 *
 *     starter PROGRAM [ARGUMENT]...    PROGRAM is a path; ends with 126 when it cannot be executed
 */
import type { Host } from "../host/host.ts";

type Architecture = Host["architecture"];

/** Machine code, and what it says. Numbers of system calls: Linux's own tables of each architecture. */
const LISTINGS: Readonly<Record<Architecture, string>> = {
  x64: `
    4989e4            mov   r12, rsp              ; argc, argv..., 0, envp..., 0
    4531d2            xor   r10d, r10d
    4152              push  r10                   ; struct sigaction: SIG_DFL, no flags, no mask
    4152              push  r10
    4152              push  r10
    4152              push  r10
    41ba08000000      mov   r10d, 8               ; sizeof(sigset_t) of the kernel
    bb40000000        mov   ebx, 64               ; SIGRTMAX
    89df        next: mov   edi, ebx              ; rt_sigaction(signal, &default, 0, 8)
    4889e6            mov   rsi, rsp
    31d2              xor   edx, edx
    b80d000000        mov   eax, 13
    0f05              syscall
    ffcb              dec   ebx
    75ee              jnz   next
    bf02000000        mov   edi, 2                ; rt_sigprocmask(SIG_SETMASK, &none, 0, 8)
    b80e000000        mov   eax, 14
    0f05              syscall
    b870000000        mov   eax, 112              ; setsid()
    0f05              syscall
    498b0c24          mov   rcx, [r12]            ; execve(argv[1], &argv[1], envp)
    498b7c2410        mov   rdi, [r12+16]
    498d742410        lea   rsi, [r12+16]
    498d54cc10        lea   rdx, [r12+rcx*8+16]
    b83b000000        mov   eax, 59
    0f05              syscall
    bf7e000000        mov   edi, 126              ; exit(126)
    b83c000000        mov   eax, 60
    0f05              syscall`,
  arm64: `
    f3030091          mov   x19, sp               // argc, argv..., 0, envp..., 0
    ff7fbfa9          stp   xzr, xzr, [sp, -16]!  // struct sigaction: SIG_DFL, no flags, no mask
    ff7fbfa9          stp   xzr, xzr, [sp, -16]!
    14088052          mov   w20, 64               // SIGRTMAX
    e003142a    next: mov   w0, w20               // rt_sigaction(signal, &default, 0, 8)
    e1030091          mov   x1, sp
    e2031faa          mov   x2, xzr
    03018052          mov   w3, 8                 // sizeof(sigset_t) of the kernel
    c8108052          mov   w8, 134
    010000d4          svc   0
    94060071          subs  w20, w20, 1
    21ffff54          b.ne  next
    40008052          mov   w0, 2                 // rt_sigprocmask(SIG_SETMASK, &none, 0, 8)
    e8108052          mov   w8, 135
    010000d4          svc   0
    a8138052          mov   w8, 157               // setsid()
    010000d4          svc   0
    690240f9          ldr   x9, [x19]             // execve(argv[1], &argv[1], envp)
    61420091          add   x1, x19, 16
    200040f9          ldr   x0, [x1]
    220c098b          add   x2, x1, x9, lsl 3
    a81b8052          mov   w8, 221
    010000d4          svc   0
    c00f8052          mov   w0, 126               // exit(126)
    a80b8052          mov   w8, 93
    010000d4          svc   0`,
};

/** `e_machine` of elf(5). */
const MACHINES: Readonly<Record<Architecture, number>> = { x64: 62, arm64: 183 };

const HEADERS_BYTES = 64 + 56;
const ADDRESS = 0x40_0000;
/** The largest page that a kernel of either architecture has. */
const PAGE_BYTES = 0x1_0000;

/** The whole executable: an ELF header, one segment that is read and executed, the code. Pure. */
export function starterProgram(architecture: Architecture): Buffer {
  const words = [...LISTINGS[architecture].matchAll(/^ +([0-9a-f]+) /gm)].map(([, hex]) => hex);
  const code = Buffer.from(words.join(""), "hex");
  const size = HEADERS_BYTES + code.length;
  const headers = Buffer.alloc(HEADERS_BYTES);
  // e_ident: 64 bits, little-endian, version 1, System V.
  headers.write("\x7fELF\x02\x01\x01", 0, "latin1");
  headers.writeUInt16LE(2, 16); // e_type: ET_EXEC
  headers.writeUInt16LE(MACHINES[architecture], 18);
  headers.writeUInt32LE(1, 20); // e_version
  headers.writeBigUInt64LE(BigInt(ADDRESS + HEADERS_BYTES), 24); // e_entry
  headers.writeBigUInt64LE(64n, 32); // e_phoff
  headers.writeUInt16LE(64, 52); // e_ehsize
  headers.writeUInt16LE(56, 54); // e_phentsize
  headers.writeUInt16LE(1, 56); // e_phnum
  headers.writeUInt32LE(1, 64); // p_type: PT_LOAD
  headers.writeUInt32LE(5, 68); // p_flags: PF_R | PF_X
  headers.writeBigUInt64LE(BigInt(ADDRESS), 80); // p_vaddr
  headers.writeBigUInt64LE(BigInt(ADDRESS), 88); // p_paddr
  headers.writeBigUInt64LE(BigInt(size), 96); // p_filesz
  headers.writeBigUInt64LE(BigInt(size), 104); // p_memsz
  headers.writeBigUInt64LE(BigInt(PAGE_BYTES), 112); // p_align
  return Buffer.concat([headers, code]);
}

/** A line of POSIX sh that writes the program to its stdout: no command of the image is needed. Pure. */
export function starterScript(architecture: Architecture): string {
  const octal = Array.from(
    starterProgram(architecture),
    (byte) => `\\${byte.toString(8).padStart(3, "0")}`,
  );
  return `printf '${octal.join("")}'\n`;
}
