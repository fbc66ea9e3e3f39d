/** What settings take: the kinds of values of `config.toml`. */
import * as v from "valibot";
import { parseNetworkTarget } from "../network/network-target.ts";
import { targetFault } from "../network/target-fault.ts";
import { formatRange, rangeAround } from "../text/address.ts";
import { parseSize } from "../text/sizes.ts";

/** Absolute, and spelled as the kernel would: no "..", no "." and no "//" in it, none at its end. */
export const isPlainPath = (path: string): boolean =>
  /^(?:\/(?!\.{1,2}(?:\/|$))[^/\p{Cc}]+)+$/u.test(path);

export const line = v.pipe(
  v.string(),
  v.regex(/^[^\p{Cc}]{1,200}$/u, "must be 1 to 200 characters on one line"),
);
export const absolutePath = v.pipe(
  v.string(),
  v.transform((path) => path.replace(/(?<=.)\/+$/, "")),
  v.check(
    isPlainPath,
    'must be an absolute path without ".." and "//", such as "/var/lib/nspawn-runner"',
  ),
  v.title("absolute path"),
);
export const seconds = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1),
  v.maxValue(86_400),
  v.title("seconds"),
);
export const size = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const bytes = parseSize(dataset.value);
    if (bytes !== undefined) return bytes;
    addIssue({ message: 'must be a size, such as "2G" or "512M"' });
    return NEVER;
  }),
  v.title("size, such as 2G or 512M"),
);
/** Of memory, where none would mean "as much as there is" (tmpfs(5)), or a machine that cannot start. */
export const someMemory = v.pipe(
  size,
  v.check((bytes) => bytes > 0, 'must be more than 0, such as "2G"'),
);
export const networkKind = v.pipe(
  v.picklist(["host", "private", "none"]),
  v.title("host, private or none"),
);

export type NetworkKind = v.InferOutput<typeof networkKind>;

/** Each once: what stands there twice is more likely a slip than meant. */
export const once = <Item>(list: readonly Item[]): boolean =>
  new Set(list.map((item) => JSON.stringify(item))).size === list.length;
export const ONCE = "must hold each once";

const networkTarget = (list: "allow" | "deny" | "open") =>
  v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const target = parseNetworkTarget(dataset.value);
      const fault =
        target === undefined ? describeNoTarget(dataset.value) : targetFault(list, target);
      if (target !== undefined && fault === undefined) return target;
      addIssue({ message: fault ?? "" });
      return NEVER;
    }),
  );

function describeNoTarget(text: string): string {
  const [place = "", port] = text.split(":");
  const around = rangeAround(place);
  return around === undefined
    ? 'must be an IPv4 address, a range or a name, with a port or without, such as "192.0.2.0/24" or "registry.example.com:443"'
    : `has bits behind its prefix; did you mean "${formatRange(around)}${port === undefined ? "" : `:${port}`}"?`;
}

export const networkTargets = (list: "allow" | "deny" | "open") =>
  v.pipe(
    v.array(networkTarget(list)),
    v.check(once, ONCE),
    v.title("list of addresses, ranges and names, each with `:port` or without"),
  );

export const cpus = v.pipe(
  v.number(),
  v.minValue(0.1),
  v.maxValue(1024),
  v.title("number, such as 1.5"),
);
/** systemd.resource-control(5), CPUWeight= and IOWeight=. */
const weight = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1),
  v.maxValue(10_000),
  v.title("number, 1 to 10,000"),
);
/** A system that boots has some thirty; the kernel's own limit of ids is 2^22. */
const tasks = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(64),
  v.maxValue(2 ** 22),
  v.title("number"),
);
const MEMORY_MIN = 32 * 2 ** 20;
const memory = v.pipe(
  size,
  v.check((bytes) => bytes >= MEMORY_MIN, 'must be "32M" or more to boot anything'),
);
const disk = v.pipe(
  size,
  v.check((bytes) => bytes >= MEMORY_MIN, 'must be "32M" or more to work with'),
);

/** Of a job's machine: of all jobs with the prefix `job_`, of some in a `[[rule]]`. */
export const limitEntries = {
  memory: v.optional(
    v.pipe(memory, v.description("What a job's machine may take of the host's memory.")),
  ),
  memory_max: v.optional(
    v.pipe(memory, v.description("What a job may ask for instead, by `NSPAWN_MEMORY`.")),
  ),
  swap: v.optional(
    v.pipe(size, v.description("What a job's machine may take of the host's swap.")),
  ),
  cpus: v.optional(
    v.pipe(cpus, v.description("How many processors a job's machine may keep busy.")),
  ),
  cpus_max: v.optional(
    v.pipe(cpus, v.description("What a job may ask for instead, by `NSPAWN_CPUS`.")),
  ),
  cpu_weight: v.optional(
    v.pipe(weight, v.description("Its share of the processors beside other machines'.")),
  ),
  io_weight: v.optional(
    v.pipe(weight, v.description("Its share of the disks beside other machines'.")),
  ),
  tasks: v.optional(
    v.pipe(tasks, v.description("How many processes and threads a job's machine may have.")),
  ),
  disk: v.optional(
    v.pipe(
      disk,
      v.description(
        "What a job's machine may write into its clone. Jobs fail where it is set and the storage cannot keep it (docs/limits.md).",
      ),
    ),
  ),
  disk_max: v.optional(
    v.pipe(disk, v.description("What a job may ask for instead, by `NSPAWN_DISK`.")),
  ),
};
