/**
 * The variables of a definition: what each takes, its default, and what it is for. The one list:
 * the parser, the JSON Schema and the reference in the docs are made from it.
 */
import * as v from "valibot";
import { parseSize } from "../../text/sizes.ts";
import { createSchema } from "../creators/creators.ts";
import { suite } from "../creators/debian.ts";
import { environmentSchema } from "./environment.ts";

/**
 * Letters, digits and what Debian, Fedora, Arch and Alpine use besides, with an architecture
 * (`libc6:i386`). A "-" at the end would make apt remove the package.
 */
const packageName = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9._+:@-]{0,126}[A-Za-z0-9._+])?$/,
    'must be the name of a package, such as "g++" or "python3.13"',
  ),
);

const UNIT_KINDS = "service|socket|target|timer|path|mount|automount|swap|slice";
const UNIT_NAME = "[A-Za-z0-9_][A-Za-z0-9:_.\\\\@-]{0,200}";

/** As systemctl(1) does, ".service" is added to a name without a kind. */
const unitName = v.pipe(
  v.string(),
  v.regex(new RegExp(`^${UNIT_NAME}$`), 'must be the name of a unit, such as "nginx.service"'),
  v.transform((name) =>
    new RegExp(`\\.(?:${UNIT_KINDS})$`).test(name) ? name : `${name}.service`,
  ),
);

const MEMORY_MIN = 32 * 2 ** 20;
const SIZE = 'must be a size, such as "4G" or "512M"';
const memory = v.pipe(
  v.string(SIZE),
  v.regex(/^[0-9]{1,12}[KMGT]$/, SIZE),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const bytes = parseSize(dataset.value);
    if (bytes !== undefined && bytes >= MEMORY_MIN) return bytes;
    addIssue({ message: bytes === undefined ? SIZE : 'must be "32M" or more to boot anything' });
    return NEVER;
  }),
);

const limits = v.strictObject({
  memory: v.exactOptional(memory),
  cpus: v.exactOptional(v.pipe(v.number(), v.minValue(0.01), v.maxValue(4096))),
  tasks: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(16), v.maxValue(4_194_304))),
});

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1000));
const days = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(36_500));
const KEEP = { count: 3, days: 30 } as const;
const keep = v.union([
  v.pipe(
    count,
    v.transform((number) => ({ ...KEEP, count: number })),
  ),
  v.strictObject({ count: v.optional(count, KEEP.count), days: v.optional(days, KEEP.days) }),
]);

export const variables = v.strictObject({
  nspawn_runner_create: v.exactOptional(
    v.pipe(
      createSchema,
      v.title("a creator, or `{creator: options}`"),
      v.description(
        "How the root file system comes to be. When absent: `mmdebstrap`, with the suite that has the image's name.",
      ),
    ),
  ),
  nspawn_runner_chroot_suite: v.exactOptional(
    v.pipe(
      suite,
      v.title("a suite of Debian or Ubuntu"),
      v.description("Short for `nspawn_runner_create: {mmdebstrap: {suite: …}}`."),
    ),
  ),
  nspawn_runner_packages: v.optional(
    v.pipe(
      v.array(packageName),
      v.title("a list of package names"),
      v.description("Packages of the distribution that are installed besides."),
    ),
    [],
  ),
  nspawn_runner_user: v.exactOptional(
    v.pipe(
      v.string(),
      v.regex(/^[a-z_][a-z0-9_-]{0,30}$/, 'must be the name of a user, such as "ci"'),
      v.title("a user's name"),
      v.description(
        "Who runs the scripts of jobs; the image must have the user. When absent: `root`.",
      ),
    ),
  ),
  nspawn_runner_environment: v.optional(
    v.pipe(
      environmentSchema,
      v.title("a map of names to texts"),
      v.description("Environment variables of the scripts of jobs."),
    ),
    {},
  ),
  nspawn_runner_enable: v.optional(
    v.pipe(
      v.array(unitName),
      v.title("a list of unit names"),
      v.description("Units that start when a machine boots; `.service` may be left out."),
    ),
    [],
  ),
  nspawn_runner_mask: v.optional(
    v.pipe(
      v.array(unitName),
      v.title("a list of unit names"),
      v.description("Units that never start in a machine."),
    ),
    [],
  ),
  nspawn_runner_ready: v.exactOptional(
    v.pipe(
      v.string(),
      v.regex(
        new RegExp(`^${UNIT_NAME}\\.(?:${UNIT_KINDS})$`),
        'must be the full name of a unit, such as "multi-user.target"',
      ),
      v.title("the full name of a unit"),
      v.description(
        "What a machine must have started before scripts run. When absent: `multi-user.target`.",
      ),
    ),
  ),
  nspawn_runner_limits: v.optional(
    v.pipe(
      limits,
      v.title("`{memory: 4G, cpus: 2, tasks: 4096}`, each optional"),
      v.description(
        "What one machine may use: bytes of memory, CPUs (1.5 is one and a half), processes and threads.",
      ),
    ),
    {},
  ),
  nspawn_runner_test: v.exactOptional(
    v.pipe(
      v.string(),
      v.regex(/\S/, "must be a script; it is empty"),
      v.title("a script"),
      v.description(
        "Run in a machine of the finished image; when it fails, the image is not published.",
      ),
    ),
  ),
  nspawn_runner_refresh: v.exactOptional(
    v.pipe(
      v.picklist(["daily", "weekly", "never"]),
      v.title("`daily`, `weekly` or `never`"),
      v.description(
        "How often the image is brought up to date although its definition is the same. When absent: `daily` for creators whose result changes by itself, else `never`.",
      ),
    ),
  ),
  nspawn_runner_inputs: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.regex(/^[^\0\n]+$/, "must be a path, or a pattern of paths"))),
      v.title("a list of paths"),
      v.description(
        "Files and directories of the host that count for the image, and that no task names: when one changes, there is something to do. Relative to the definition; `*` and `?` may be used.",
      ),
    ),
    [],
  ),
  nspawn_runner_upgrade: v.optional(
    v.pipe(
      v.boolean(),
      v.title("`yes` or `no`"),
      v.description("Maintenance upgrades the distribution's packages before the playbook runs."),
    ),
    true,
  ),
  nspawn_runner_maint_recreate: v.optional(
    v.pipe(
      v.boolean(),
      v.title("`yes` or `no`"),
      v.description("Maintenance begins from nothing instead of from the current generation."),
    ),
    false,
  ),
  nspawn_runner_keep: v.optional(
    v.pipe(
      keep,
      v.title("`{count: 3, days: 30}`, or the count alone"),
      v.description(
        "Old generations that are kept: this many, and none that is older than the days.",
      ),
    ),
    KEEP,
  ),
});

export const PREFIX = "nspawn_runner_";

export const variableNames: readonly string[] = Object.keys(variables.entries);
