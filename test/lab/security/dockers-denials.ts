/**
 * What Docker's default profile denies on x86-64 and i386 (moby/profiles, June 2026; with its default
 * capabilities), by the kernel's tables of system calls, and why a machine has some of it all the same.
 * Not here: calls of i386 that are older forms of what both let through (oldstat, signal, readdir).
 */

export interface Denial {
  readonly name: string;
  /** Of x86-64 and x32. */
  readonly native: number | undefined;
  readonly i386: number | undefined;
  /** A machine may make it. */
  readonly why?: string;
}

const NAMESPACES =
  "A machine boots a systemd, which gives its services mounts and namespaces of their own. All of it is in the machine's user namespace.";
const SYSTEM =
  "A machine is a whole system: it names itself, and its reboot is the end of its own PID 1.";
const MEMORY =
  "Where its own memory lies, a process may say: databases and numactl do. CAP_SYS_NICE of the machine is not the host's.";
const PROCESSES =
  "For debuggers: of processes that the caller may trace, which are all the machine's.";

export const DENIALS: readonly Denial[] = [
  { name: "_sysctl", native: 156, i386: 149 },
  { name: "acct", native: 163, i386: 51 },
  { name: "add_key", native: 248, i386: 286 },
  { name: "afs_syscall", native: 183, i386: 137 },
  { name: "bdflush", native: undefined, i386: 134 },
  { name: "bpf", native: 321, i386: 357 },
  { name: "break", native: undefined, i386: 17 },
  { name: "clock_settime", native: 227, i386: 264 },
  { name: "clock_settime64", native: undefined, i386: 404 },
  { name: "clone3", native: 435, i386: 435, why: NAMESPACES },
  { name: "create_module", native: 174, i386: 127 },
  { name: "delete_module", native: 176, i386: 129 },
  { name: "fanotify_init", native: 300, i386: 338 },
  { name: "file_getattr", native: 468, i386: 468 },
  { name: "file_setattr", native: 469, i386: 469 },
  { name: "finit_module", native: 313, i386: 350 },
  { name: "fsconfig", native: 431, i386: 431, why: NAMESPACES },
  { name: "fsmount", native: 432, i386: 432, why: NAMESPACES },
  { name: "fsopen", native: 430, i386: 430, why: NAMESPACES },
  { name: "fspick", native: 433, i386: 433, why: NAMESPACES },
  { name: "ftime", native: undefined, i386: 35 },
  { name: "get_kernel_syms", native: 177, i386: 130 },
  { name: "get_mempolicy", native: 239, i386: 275, why: MEMORY },
  { name: "getpmsg", native: 181, i386: 188 },
  { name: "gtty", native: undefined, i386: 32 },
  { name: "init_module", native: 175, i386: 128 },
  { name: "io_uring_enter", native: 426, i386: 426 },
  { name: "io_uring_register", native: 427, i386: 427 },
  { name: "io_uring_setup", native: 425, i386: 425 },
  { name: "ioperm", native: 173, i386: 101 },
  { name: "iopl", native: 172, i386: 110 },
  { name: "kcmp", native: 312, i386: 349, why: PROCESSES },
  { name: "kexec_file_load", native: 320, i386: undefined },
  { name: "kexec_load", native: 246, i386: 283 },
  { name: "keyctl", native: 250, i386: 288 },
  { name: "lock", native: undefined, i386: 53 },
  { name: "lookup_dcookie", native: 212, i386: 253 },
  { name: "lsm_get_self_attr", native: 459, i386: 459 },
  { name: "lsm_list_modules", native: 461, i386: 461 },
  { name: "lsm_set_self_attr", native: 460, i386: 460 },
  { name: "mbind", native: 237, i386: 274, why: MEMORY },
  { name: "migrate_pages", native: 256, i386: 294, why: MEMORY },
  { name: "mount", native: 165, i386: 21, why: NAMESPACES },
  { name: "mount_setattr", native: 442, i386: 442, why: NAMESPACES },
  { name: "move_mount", native: 429, i386: 429, why: NAMESPACES },
  { name: "move_pages", native: 279, i386: 317, why: MEMORY },
  { name: "mpx", native: undefined, i386: 56 },
  { name: "nfsservctl", native: 180, i386: 169 },
  { name: "open_by_handle_at", native: 304, i386: 342 },
  { name: "open_tree", native: 428, i386: 428, why: NAMESPACES },
  { name: "open_tree_attr", native: 467, i386: 467 },
  { name: "perf_event_open", native: 298, i386: 336 },
  { name: "pidfd_getfd", native: 438, i386: 438 },
  { name: "pivot_root", native: 155, i386: 217, why: NAMESPACES },
  { name: "process_madvise", native: 440, i386: 440, why: PROCESSES },
  { name: "prof", native: undefined, i386: 44 },
  { name: "profil", native: undefined, i386: 98 },
  { name: "putpmsg", native: 182, i386: 189 },
  { name: "query_module", native: 178, i386: 167 },
  { name: "quotactl", native: 179, i386: 131 },
  { name: "quotactl_fd", native: 443, i386: 443 },
  { name: "reboot", native: 169, i386: 88, why: SYSTEM },
  { name: "request_key", native: 249, i386: 287 },
  { name: "security", native: 185, i386: undefined },
  { name: "set_mempolicy", native: 238, i386: 276, why: MEMORY },
  { name: "set_mempolicy_home_node", native: 450, i386: 450, why: MEMORY },
  { name: "setdomainname", native: 171, i386: 121, why: SYSTEM },
  { name: "sethostname", native: 170, i386: 74, why: SYSTEM },
  { name: "setns", native: 308, i386: 346, why: NAMESPACES },
  { name: "settimeofday", native: 164, i386: 79 },
  { name: "stty", native: undefined, i386: 31 },
  { name: "swapoff", native: 168, i386: 115 },
  { name: "swapon", native: 167, i386: 87 },
  { name: "sysfs", native: 139, i386: 135 },
  { name: "syslog", native: 103, i386: 103 },
  { name: "tuxcall", native: 184, i386: undefined },
  { name: "ulimit", native: undefined, i386: 58 },
  { name: "umount", native: undefined, i386: 22, why: NAMESPACES },
  { name: "umount2", native: 166, i386: 52, why: NAMESPACES },
  { name: "unshare", native: 272, i386: 310, why: NAMESPACES },
  { name: "uselib", native: 134, i386: 86 },
  { name: "userfaultfd", native: 323, i386: 374 },
  { name: "ustat", native: 136, i386: 62 },
  { name: "vhangup", native: 153, i386: 111 },
  { name: "vm86", native: undefined, i386: 166 },
  { name: "vm86old", native: undefined, i386: 113 },
  { name: "vserver", native: 236, i386: 273 },
];
