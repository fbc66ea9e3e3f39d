/** Which system calls a machine has, beyond what systemd-nspawn lets through by itself. Pure. */
import type { Loosening } from "./loosening.ts";

/**
 * What nspawn lets through (252 to 257) and we do not. Interfaces of the kernel that few programs need,
 * all of which do without, and that most ways out of containers have led through: Docker denies them by
 * default as well. A library that finds io_uring denied uses epoll.
 */
const DENIED: readonly string[] = [
  "io_uring_setup",
  "io_uring_enter",
  "io_uring_register",
  "userfaultfd",
];

/** Made of memory that a filter cannot look into: see `socket-filter.ts`, which denies it. */
const SOCKETCALL = "socketcall";

/** Options of nspawn. A call of ours is let through only by its own name, not by a group's. */
export function systemCallArguments({ systemCalls }: Pick<Loosening, "systemCalls">): string[] {
  const denied = DENIED.filter((call) => !systemCalls.includes(call));
  return [
    ...(systemCalls.length === 0 ? [] : [`--system-call-filter=${systemCalls.join(" ")}`]),
    ...(denied.length === 0 ? [] : [`--system-call-filter=~${denied.join(" ")}`]),
  ];
}

export const allowsSocketcall = ({ systemCalls }: Pick<Loosening, "systemCalls">): boolean =>
  systemCalls.includes(SOCKETCALL);
