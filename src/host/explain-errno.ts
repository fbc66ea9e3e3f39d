/** What the host's disks and limits refuse, as errors that an administrator can act on. Pure. */
import { RunnerError } from "../text/errors.ts";

/** errno(3), by the name that Node gives and the number that libc gives. */
const ERRNO: Readonly<Record<number, string>> = {
  1: "EPERM",
  5: "EIO",
  13: "EACCES",
  21: "EISDIR",
  23: "ENFILE",
  24: "EMFILE",
  28: "ENOSPC",
  30: "EROFS",
  40: "ELOOP",
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
  EISDIR: {
    message: (path) => `"${path}" is a directory, not a file.`,
    hint: "Put a file there, or name another.",
  },
  ELOOP: {
    message: (path) => `"${path}" is a link that leads back to itself.`,
    hint: "Put a file there, or name another.",
  },
  ENOSPC: {
    message: (path) => `There is no space left for "${path}".`,
    hint: "Look at its file system with df and df -i; nspawn-runner gc removes what crashes left.",
  },
  EDQUOT: {
    message: (path) => `The quota leaves no space for "${path}".`,
    hint: "Raise the quota, or remove images that nobody needs.",
  },
  EMFILE: {
    message: (path) => `Cannot open "${path}": we have as many files open as we may.`,
    hint: "Raise the limit of who starts us (LimitNOFILE= of a unit, ulimit -n of a shell).",
  },
  ENFILE: {
    message: (path) => `Cannot open "${path}": the host has as many files open as it may.`,
    hint: "Raise it: sysctl fs.file-max",
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

/** As `doors`, whose functions take the path in question first: what one throws is explained. */
export function explained<Doors extends object>(doors: Doors): Doors {
  return new Proxy(doors, {
    get: (target, key) => {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== "function") return member;
      return (...values: unknown[]): unknown => {
        try {
          return Reflect.apply(member, target, values);
        } catch (error) {
          throw explainErrno(error, String(values[0]));
        }
      };
    },
  });
}

function codeOf(error: Error): string {
  if ("code" in error && typeof error.code === "string") return error.code;
  return "errno" in error && typeof error.errno === "number" ? (ERRNO[error.errno] ?? "") : "";
}
