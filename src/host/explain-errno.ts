/** What the host's disks refuse, as errors that an administrator can act on. Pure. */
import { RunnerError } from "../text/errors.ts";

/** errno(3), by the name that Node gives and the number that libc gives. */
const ERRNO: Readonly<Record<number, string>> = {
  1: "EPERM",
  5: "EIO",
  13: "EACCES",
  28: "ENOSPC",
  30: "EROFS",
  122: "EDQUOT",
};

const EXPLANATIONS: Readonly<
  Record<string, { readonly message: (path: string) => string; readonly hint: string }>
> = {
  EACCES: {
    message: (path) => `Access to "${path}" is denied.`,
    hint: "Run the command as root.",
  },
  EPERM: {
    message: (path) => `Access to "${path}" is denied.`,
    hint: "Run the command as root, on a host or in a container where root may do this.",
  },
  EIO: {
    message: (path) => `The disk under "${path}" has errors.`,
    hint: "See what the kernel says about it: journalctl -k",
  },
  ENOSPC: {
    message: (path) => `There is no space left for "${path}".`,
    hint: "Look at its file system with df and df -i; nspawn-runner gc removes what crashes left.",
  },
  EDQUOT: {
    message: (path) => `The quota leaves no space for "${path}".`,
    hint: "Raise the quota, or remove images that nobody needs.",
  },
  EROFS: {
    message: (path) => `Cannot change "${path}": its file system is read-only.`,
    hint: "Mount it writable, or set root_directory to a directory that is.",
  },
};

/**
 * A system error for what the administrator can mend; any other error as it came. `subject` is the
 * path in question where the error itself names none.
 */
export function explainErrno(error: unknown, subject: string): unknown {
  if (!(error instanceof Error)) return error;
  const explanation = EXPLANATIONS[codeOf(error)];
  if (explanation === undefined) return error;
  const path = "path" in error && typeof error.path === "string" ? error.path : subject;
  return new RunnerError({
    kind: "system",
    message: explanation.message(path),
    hints: [explanation.hint],
    cause: error,
  });
}

function codeOf(error: Error): string {
  if ("code" in error && typeof error.code === "string") return error.code;
  return "errno" in error && typeof error.errno === "number" ? (ERRNO[error.errno] ?? "") : "";
}
