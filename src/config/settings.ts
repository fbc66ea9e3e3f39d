/**
 * What may stand in `config.toml`: schema, defaults and descriptions. Every default of the project's
 * settings is here.
 */
import * as v from "valibot";
import { formatRange, isLoopback, parseAddress, parseRange, rangeAround } from "../text/address.ts";
import { isImageName } from "../text/names.ts";
import { ruleSchema } from "./rule-settings.ts";
import {
  absolutePath,
  cpus,
  limitEntries,
  networkKind,
  networkTargets,
  ONCE,
  once,
  seconds,
  size,
  someMemory,
} from "./values.ts";

const storageKind = v.pipe(
  v.picklist(["auto", "btrfs", "reflink", "overlay", "tmpfs"]),
  v.title("auto, btrfs, reflink, overlay or tmpfs"),
);

/** 2 addresses a machine, so /24 is 128 machines. */
const NETWORK_PREFIX_MIN = 8;
const NETWORK_PREFIX_MAX = 29;

const addressRange = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const range = parseRange(dataset.value);
    if (
      range !== undefined &&
      range.prefix >= NETWORK_PREFIX_MIN &&
      range.prefix <= NETWORK_PREFIX_MAX
    ) {
      return range;
    }
    const around = rangeAround(dataset.value);
    addIssue({
      message: `must be a range of private IPv4 addresses, /${NETWORK_PREFIX_MIN} to /${NETWORK_PREFIX_MAX}, such as "${around === undefined ? "10.213.0.0/16" : formatRange(around)}"`,
    });
    return NEVER;
  }),
  v.title("range of private addresses"),
);
/** From 224.0.0.0 on there are groups and what is reserved. */
const isServer = (address: number | undefined): boolean =>
  address !== undefined && address >>> 24 > 0 && address >>> 24 < 224 && !isLoopback(address);

const resolvers = v.pipe(
  v.array(
    v.pipe(
      v.string(),
      v.check(
        (text) => isServer(parseAddress(text)),
        'must be an IPv4 address that machines can reach, such as "192.0.2.53"',
      ),
    ),
  ),
  v.check(once, ONCE),
  v.maxLength(3, "can hold 3 addresses: more are ignored by the C library"),
  v.title("list of addresses"),
);
/** Titles and descriptions are the reference of the settings (`script/docs`). */
export const entries = {
  root_directory: v.optional(
    v.pipe(absolutePath, v.description("Images, and the clones of machines.")),
    "/var/lib/nspawn-runner",
  ),
  definitions_directory: v.optional(
    v.pipe(
      absolutePath,
      v.description(
        "Files that declare images, `NAME.yaml`; then the root directory is looked at.",
      ),
    ),
    "/etc/nspawn-runner",
  ),
  default_image: v.optional(
    v.pipe(
      v.string(),
      v.check(isImageName, "cannot be the name of an image"),
      v.title("name"),
      v.description("The image of jobs that name none."),
    ),
  ),
  storage: v.optional(
    v.pipe(
      storageKind,
      v.description(
        "How images are cloned. `auto` goes by the file system of `root_directory`; `tmpfs` is only used when asked for.",
      ),
    ),
    "auto",
  ),
  tmpfs_size: v.optional(
    v.pipe(someMemory, v.description("What a machine may write when its storage is `tmpfs`.")),
    "2G",
  ),
  network: v.optional(
    v.pipe(
      networkKind,
      v.description(
        "What machines of jobs have for a network: the host's, one of their own that reaches the outside alone, or only loopback.",
      ),
    ),
    "private",
  ),
  build_network: v.optional(
    v.pipe(networkKind, v.description("The same for the machines that images are built in.")),
    "private",
  ),
  network_range: v.optional(
    v.pipe(
      addressRange,
      v.description("Where the addresses of machines with a network of their own come from."),
    ),
    "10.213.0.0/16",
  ),
  network_resolvers: v.optional(
    v.pipe(resolvers, v.description("Name servers of such machines; the host's own when empty.")),
    [],
  ),
  network_allow: v.optional(
    v.pipe(
      networkTargets("allow"),
      v.description(
        "All that jobs' machines with a network of their own reach; everything outside when empty.",
      ),
    ),
    [],
  ),
  network_deny: v.optional(
    v.pipe(
      networkTargets("deny"),
      v.description("What they never reach. A rule adds to it and takes nothing away."),
    ),
    [],
  ),
  network_open: v.optional(
    v.pipe(
      networkTargets("open"),
      v.description(
        "What jobs' machines reach also on this host itself, such as a registry there, and whatever is denied; GitLab, where it is on this host, is reached anyway.",
      ),
    ),
    [],
  ),
  job_memory: limitEntries.memory,
  job_memory_max: limitEntries.memory_max,
  job_swap: limitEntries.swap,
  job_cpus: limitEntries.cpus,
  job_cpus_max: limitEntries.cpus_max,
  job_cpu_weight: limitEntries.cpu_weight,
  job_io_weight: limitEntries.io_weight,
  job_tasks: limitEntries.tasks,
  job_disk: limitEntries.disk,
  job_disk_max: limitEntries.disk_max,
  boot_timeout: v.optional(
    v.pipe(
      seconds,
      v.description("How long a machine may take until it is ready for the first script."),
    ),
    120,
  ),
  build_missing: v.optional(
    v.pipe(
      v.boolean(),
      v.title("true or false"),
      v.description("Whether a declared image that is missing is built when a job asks for it."),
    ),
    true,
  ),
  build_timeout: v.optional(
    v.pipe(
      seconds,
      v.description(
        "How long a machine that an image is built in may live, and all of the creation of its root file system may take.",
      ),
    ),
    7200,
  ),
  build_memory: v.optional(
    v.pipe(
      someMemory,
      v.description(
        "What such a machine, or such a creation, may take of the host's memory; all when absent.",
      ),
    ),
  ),
  build_cpus: v.optional(
    v.pipe(cpus, v.description("How many processors it may keep busy; all when absent.")),
  ),
  job_packages: v.optional(
    v.pipe(
      v.boolean(),
      v.title("true or false"),
      v.description("Whether jobs may add packages to their image (`NSPAWN_PACKAGES`)."),
    ),
    true,
  ),
  job_packages_count: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.title("number"),
      v.description(
        "How many images with such packages are kept; the least recently used go first.",
      ),
    ),
    20,
  ),
  job_packages_size: v.optional(
    v.pipe(size, v.description("What those images may take in all, besides their bases.")),
    "20G",
  ),
  gitlab_runner: v.optional(
    v.pipe(
      absolutePath,
      v.description(
        "The `gitlab-runner` that machines find in their `PATH`, for cache and artifacts. Looked for in the driver's own `PATH` when absent.",
      ),
    ),
  ),
  rule: v.optional(
    v.pipe(
      v.array(ruleSchema),
      v.title("tables, `[[rule]]`"),
      v.description("What some jobs get otherwise than all others: see below, and docs/policy.md."),
    ),
    [],
  ),
};

export const settingsSchema = v.strictObject(entries);

export type Settings = v.InferOutput<typeof settingsSchema>;
