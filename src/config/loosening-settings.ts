/** What a `[[rule]]` may loosen: `nesting`, `devices`, `capabilities`, `binds`, `system_calls`. */
import * as v from "valibot";
import { CAPABILITIES } from "../machine/capabilities.ts";
import type { HostBind } from "../machine/loosening.ts";
import { CONTROL_INSIDE, RUNTIME_DIRECTORY } from "../machine/machine-paths.ts";
import { nearestName } from "../text/nearest.ts";
import { isPlainPath, ONCE, once } from "./values.ts";

/** Whether one of both is below the other, or both are the same. */
const isOneWith = (one: string, other: string): boolean =>
  `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`);

/**
 * In a machine: what nspawn and we have there ourselves. Anywhere in the kernel's own, or above or below
 * the control directory, a file of the host would take a protection's place, or ours.
 */
const TAKEN_INSIDE = ["/proc", "/sys", "/dev", CONTROL_INSIDE];
/** On the host: what all machines are made of. The root directory is looked at where it is known. */
const TAKEN_OUTSIDE = ["/proc", "/sys", "/dev", RUNTIME_DIRECTORY];

/** Whether a bind would show a machine what others are made of, such as the directory of all images. */
export const bindsOver = ({ source }: Pick<HostBind, "source">, directory: string): boolean =>
  isOneWith(source, directory);

/** What of the host no machine may see, as half a sentence; nothing for all else. */
export function sourceFault(source: string): string | undefined {
  const taken = TAKEN_OUTSIDE.find((path) => isOneWith(source, path));
  return taken === undefined ? undefined : `cannot be over "${taken}" of the host`;
}

/** Of "/srv/data", "/srv/data:/data" or "/srv/data:/data:rw"; what is wrong with it otherwise. */
export function parseBind(text: string): HostBind | string {
  const [source = "", target = source, mode = "ro", ...more] = text.split(":");
  if (more.length > 0 || !isPlainPath(source) || !isPlainPath(target)) {
    return 'must be absolute paths without ".." and ":", such as "/srv/data:/data"';
  }
  if (mode !== "ro" && mode !== "rw") return 'must end in ":ro" or ":rw", or in neither';
  const outside = sourceFault(source);
  if (outside !== undefined) return outside;
  const inside = TAKEN_INSIDE.find((path) => isOneWith(target, path));
  if (inside !== undefined) return `cannot be over "${inside}" of the machine`;
  return { source, target, writable: mode === "rw" };
}

const bind = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const parsed = parseBind(dataset.value);
    if (typeof parsed !== "string") return parsed;
    addIssue({ message: parsed });
    return NEVER;
  }),
);

const device = v.pipe(
  v.string(),
  v.check(
    (path) => isPlainPath(path) && path.startsWith("/dev/") && !/\s/.test(path),
    'must be the absolute path of a device, such as "/dev/kvm"',
  ),
);

const capability = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || CAPABILITIES.includes(dataset.value)) return;
    const name = dataset.value.toUpperCase().replace(/^(?!CAP_)/, "CAP_");
    const near = nearestName(name, CAPABILITIES);
    addIssue({
      message: `is no capability${near === undefined ? ', such as "CAP_SYS_PTRACE"' : `; did you mean "${near}"?`}`,
    });
  }),
);

/** Whether the kernel and systemd know it, they alone can say. */
const systemCall = v.pipe(
  v.string(),
  v.regex(/^@?[a-z][a-z0-9_-]{0,60}$/, 'must be a system call or a group, such as "@mount"'),
);

export const looseningEntries = {
  nesting: v.optional(
    v.pipe(
      v.boolean(),
      v.title("true or false"),
      v.description("Whether containers may run inside: rootless podman, buildah, nspawn."),
    ),
  ),
  devices: v.optional(
    v.pipe(
      v.array(device),
      v.check(once, ONCE),
      v.title("list of paths"),
      v.description("Devices of the host that the machine has."),
    ),
  ),
  capabilities: v.optional(
    v.pipe(
      v.array(capability),
      v.check(once, ONCE),
      v.title("list of names"),
      v.description("Capabilities that root in the machine has besides, such as `CAP_SYS_PTRACE`."),
    ),
  ),
  binds: v.optional(
    v.pipe(
      v.array(bind),
      v.check(
        (binds) => once(binds.map(({ target }) => target)),
        "must have each place in the machine once",
      ),
      v.title("list of `SOURCE`, `SOURCE:TARGET` or `SOURCE:TARGET:rw`"),
      v.description("Files of the host that the machine sees, read-only without `:rw`."),
    ),
  ),
  system_calls: v.optional(
    v.pipe(
      v.array(systemCall),
      v.check(once, ONCE),
      v.title("list of names and `@groups`"),
      v.description("System calls that are let through besides (systemd.exec(5))."),
    ),
  ),
};
