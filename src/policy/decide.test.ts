/** Tables: which rules are for a job, and what follows. Properties are in decide.properties.test.ts. */
import { expect, test } from "bun:test";
import { parseConfig } from "../config/config.ts";
import { decide, type PolicyFacts } from "./decide.ts";
import { type DiskKeeper, grantJob } from "./grant.ts";
import type { Job, JobIdentity } from "./job-identity.ts";
import type { JobWishes } from "./job-wishes.ts";

const JOB: Job = {
  kind: "job",
  project: "group/sub/app",
  projectId: 17,
  user: 42,
  ref: { kind: "branch", name: "main" },
  protected: true,
};
const PERSON: JobIdentity = { kind: "person" };
const without = (...keys: (keyof Job)[]): Job => ({
  ...JOB,
  ...Object.fromEntries(keys.map((key) => [key, undefined])),
});

interface Case {
  readonly identity?: JobIdentity;
  readonly images?: readonly string[];
  readonly imageLimits?: PolicyFacts["imageLimits"];
  readonly wishes?: JobWishes;
  readonly keeper?: DiskKeeper;
}

async function grant(toml: string, { identity = JOB, images = ["debian"], ...more }: Case = {}) {
  const { imageLimits = {}, wishes = {}, keeper } = more;
  const hostLimits = { memoryBytes: 4 * 2 ** 30, tasks: 1000 };
  const config = await parseConfig(toml, "/c.toml");
  const { terms } = decide(config, { identity, images, hostLimits, imageLimits });
  return grantJob(terms, wishes, keeper);
}

const matches = async (condition: string, some: Case = {}): Promise<string> => {
  const { identity = JOB, images = ["debian"] } = some;
  const config = await parseConfig(`[[rule]]\n${condition}\ntasks = 100\n`, "/c.toml");
  const facts = { identity, images, hostLimits: {}, imageLimits: {} };
  return decide(config, facts).matches[0]?.match ?? "";
};

test.each([
  ["no condition at all", "", JOB, "yes"],
  ["a project by its path", 'projects = ["group/sub/app"]', JOB, "yes"],
  ["a project in whatever case", 'projects = ["GROUP/**"]', JOB, "yes"],
  ["a project one level too deep", 'projects = ["group/*"]', JOB, "no"],
  ["a project by its number", "projects = [17]", without("project"), "yes"],
  ["another number", "projects = [18]", without("project"), "no"],
  ["a path that is not known", 'projects = ["group/**"]', without("project"), "maybe"],
  ["a number beside a path", 'projects = ["x/y", 17]', without("project"), "yes"],
  ["a number that is not known", "projects = [17]", without("projectId"), "maybe"],
  ["one of two users", "users = [1, 42]", JOB, "yes"],
  ["another user", "users = [1]", JOB, "no"],
  ["a user that is not known", "users = [42]", without("user"), "maybe"],
  ["a branch", 'branches = ["main"]', JOB, "yes"],
  [
    "a branch, for a tag",
    'branches = ["**"]',
    { ...JOB, ref: { kind: "tag", name: "main" } },
    "no",
  ],
  ["a tag, for a branch", 'tags = ["**"]', JOB, "no"],
  ["a tag", 'tags = ["v*"]', { ...JOB, ref: { kind: "tag", name: "v1" } }, "yes"],
  ["a branch that is not known", 'branches = ["main"]', without("ref"), "maybe"],
  [
    "a merge request, which is not its branch",
    'branches = ["main", "*"]',
    { ...JOB, ref: { kind: "branch", name: "refs/merge-requests/7/head" } },
    "no",
  ],
  ["protected", "protected = true", JOB, "yes"],
  ["not protected", "protected = false", JOB, "no"],
  ["not known to be protected", "protected = false", without("protected"), "maybe"],
  ["nothing known at all", 'projects = ["x/y"]\nusers = [1]', { kind: "job" }, "maybe"],
  ["a fact that is known to be wrong", 'projects = ["x/y"]\nusers = [1]', without("user"), "no"],
  ["a person", 'projects = ["**"]', PERSON, "no"],
  ["a person, and only the image", 'images = ["deb*"]', PERSON, "yes"],
] as const)("%s", async (_title, condition, identity, expected) => {
  expect(await matches(condition, { identity })).toBe(expected);
});

test("an image goes by the name that is asked for and by its own", async () => {
  const images = ["stable", "trixie"];
  for (const name of images) expect(await matches(`images = ["${name}"]`, { images })).toBe("yes");
  expect(await matches('images = ["sid"]', { images })).toBe("no");
});

test("later rules win, term by term; what is denied once stays so", async () => {
  const { network, limits, loosening, lines } = await grant(`
    network = "private"
    network_deny = ["192.0.2.1"]
    job_memory = "1G"
    [[rule]]
    memory = "2G"
    cpus = 2
    network_allow = ["registry.test:443"]
    devices = ["/dev/kvm"]
    [[rule]]
    name = "the app"
    projects = ["group/**"]
    memory = "3G"
    network_deny = ["10.0.0.0/8"]
    devices = ["/dev/fuse"]
    nesting = true
    [[rule]]
    projects = ["other/**"]
    memory = "8G"
  `);
  expect(limits).toMatchObject({ memoryBytes: 3 * 2 ** 30, cpus: 2, tasks: 1000 });
  expect(network.deny).toHaveLength(2);
  expect(loosening).toMatchObject({ nesting: true, devices: ["/dev/fuse"] });
  expect(lines).toEqual([
    'Limits: memory 3G (rule 2 "the app"), cpus 2 (rule 1), tasks 1000 (this host\'s default).',
    'Network: private (setting network), allowed registry.test:443 (rule 1), denied 192.0.2.1, 10.0.0.0/8 (rule 2 "the app").',
    'Loosened: nesting (rule 2 "the app"), devices /dev/fuse (rule 2 "the app").',
  ]);
});

test("an image's own limits come before rules and behind the settings", async () => {
  const imageLimits = { memoryBytes: 2 ** 30, cpus: 1 };
  const toml = 'job_memory = "2G"\njob_tasks = 500\n[[rule]]\ncpus = 3\n';
  const { limits } = await grant(toml, { imageLimits });
  expect(limits).toMatchObject({ memoryBytes: 2 ** 30, cpus: 3, tasks: 500 });
});

const RULE = (then: string): string => `network = "host"\n[[rule]]\nusers = [42]\n${then}\n`;

test("of a rule that may be for the job only what takes away holds", async () => {
  const identity = without("user");
  const given = async (then: string, before = "") => grant(`${before}${RULE(then)}`, { identity });
  expect((await given('memory = "8G"')).limits.memoryBytes).toBe(4 * 2 ** 30);
  expect((await given('memory = "1G"')).limits.memoryBytes).toBe(2 ** 30);
  expect((await given("nesting = true")).loosening.nesting).toBe(false);
  expect((await given('network = "none"')).network.kind).toBe("none");
  expect((await given('network_deny = ["192.0.2.1"]')).network.kind).toBe("private");
  const refused = given('refuse = "not you"');
  await expect(refused).rejects.toMatchObject({ kind: "system" });
  await expect(refused).rejects.toThrow(
    "This host refuses the job: not you (rule 1, which may be for this job).",
  );
});

test("a rule that surely refuses is the author's to heed, and a later one takes it back", async () => {
  await expect(grant(RULE('refuse = "not you"'))).rejects.toMatchObject({ kind: "job" });
  const taken = RULE('refuse = "not you"\n[[rule]]\nprotected = true\nrefuse = false');
  await grant(taken);
  await expect(grant(taken, { identity: without("protected") })).rejects.toThrow("not you");
  await expect(grant(RULE('refuse = "a"\n[[rule]]\nrefuse = "b"'))).rejects.toThrow("b (rule 2)");
});

test("two lists of which nobody knows whether both hold leave nothing to reach", async () => {
  const toml = `network = "private"\nnetwork_allow = ["a.test"]\n[[rule]]\nusers = [1]\nnetwork_allow = ["b.test"]\n`;
  // Without a network not even the job's sources would be reached, which always are.
  const unsure = await grant(toml, { identity: without("user") });
  expect(unsure.network).toEqual({ kind: "private", allow: [], deny: [] });
  expect(unsure.lines).toContain(
    "Network: private (setting network), allowed nothing but GitLab, name servers and what network_open opens (rule 1, which may be for this job).",
  );
  expect((await grant(toml)).network.allow).toHaveLength(1);
});

test("filters do not hold in the host's network, and the log says so", async () => {
  const { lines } = await grant(
    'network = "private"\nnetwork_deny = ["a.test"]\n[[rule]]\nnetwork = "host"\n',
  );
  expect(lines).toContain(
    "Network: host (rule 1), where network_allow and network_deny do not hold.",
  );
});

test("a maximum or a weight that nobody else has set is not had by a rule that may be for the job", async () => {
  const toml = 'job_memory = "2G"\n[[rule]]\nusers = [1]\nmemory_max = "64G"\ncpu_weight = 10000\n';
  const identity = without("user");
  expect((await grant(toml, { identity })).limits.cpuWeight).toBeUndefined();
  await expect(grant(toml, { identity, wishes: { memory: 2 ** 36 } })).rejects.toThrow(
    "2G at most",
  );
});

test("a refusal that what is not known might have lifted is no fault of the author's", async () => {
  const toml = '[[rule]]\nrefuse = "not here"\n[[rule]]\nusers = [1]\nrefuse = false\n';
  await expect(grant(toml, { identity: without("user") })).rejects.toMatchObject({
    kind: "system",
    message: expect.stringContaining("not here (rule 1)"),
  });
});

test("a little less is less, though it reads the same", async () => {
  const toml = 'job_memory = "15000M"\n[[rule]]\nusers = [1]\nmemory = "14990M"\n';
  const { limits } = await grant(toml, { identity: without("user") });
  expect(limits.memoryBytes).toBe(14_990 * 2 ** 20);
});

const UNFIT: DiskKeeper = {
  storage: "btrfs",
  fit: { kind: "unfit", reason: "it has no simple quotas", hint: "Turn them on." },
};

test.each([
  ["system", 'job_disk = "1G"\n', {}, "1G (setting job_disk)", "Turn them on."],
  ["job", "", { disk: 2 ** 29 }, "512M (NSPAWN_DISK)", "Leave NSPAWN_DISK out, or ask"],
] as const)(
  "a limit that nobody keeps is no promise: a %s error",
  async (kind, toml, wishes, ...said) => {
    await expect(grant(toml, { wishes, keeper: UNFIT })).rejects.toMatchObject({
      kind,
      message: `Cannot hold what the job writes to ${said[0]} with storage "btrfs": it has no simple quotas.`,
      hints: [expect.stringContaining(said[1])],
    });
  },
);

test("a limit that the storage keeps holds, and without one no keeper is needed", async () => {
  const keeper: DiskKeeper = { storage: "btrfs", fit: { kind: "fits" } };
  const { limits } = await grant('job_disk = "1G"\n', { wishes: { disk: 2 ** 29 }, keeper });
  expect(limits.diskBytes).toBe(2 ** 29);
  expect((await grant("", { keeper: UNFIT })).limits.diskBytes).toBeUndefined();
});

test("in memory the limit is the size of what a clone is in, where nobody says otherwise", async () => {
  for (const [toml, value, by] of [
    ["", 2 ** 31, "setting tmpfs_size"],
    ['job_disk = "1G"\n', 2 ** 30, "setting job_disk"],
  ] as const) {
    const facts = { identity: JOB, images: ["debian"], hostLimits: {}, imageLimits: {} };
    const { terms } = decide(await parseConfig(toml, "/c.toml"), { ...facts, tmpfsBytes: 2 ** 31 });
    expect(terms.diskBytes).toEqual({ value, by });
  }
});

test("a hint can be followed", async () => {
  const refused = grant('job_memory = "12083M"\n', { wishes: { memory: 2 ** 40 } });
  await expect(refused).rejects.toMatchObject({
    hints: [expect.stringContaining("Set NSPAWN_MEMORY to 12083M or less")],
  });
});

const ASK = 'job_memory = "1G"\njob_memory_max = "2G"\n';

test.each([
  ["less", ASK, { memory: 2 ** 29 }, { memoryBytes: 2 ** 29 }],
  ["the maximum", ASK, { memory: 2 ** 31 }, { memoryBytes: 2 ** 31 }],
  ["any number of processors where none is set", "", { cpus: 64 }, { cpus: 64 }],
  [
    "a maximum below the usual means nothing",
    "job_cpus_max = 1\n[[rule]]\ncpus = 2\n",
    { cpus: 2 },
    { cpus: 2 },
  ],
])("a job asks for %s", async (_title, toml, wishes, expected) => {
  expect((await grant(toml, { wishes })).limits).toMatchObject(expected);
});

test.each([
  [
    "more than a maximum",
    ASK,
    { memory: 2 ** 32 },
    "asks for 4G by NSPAWN_MEMORY; it may have 2G at most, by setting job_memory_max",
  ],
  [
    "more, without a maximum",
    "[[rule]]\ncpus = 1.5\n",
    { cpus: 2 },
    "asks for 2 by NSPAWN_CPUS; it may have 1.5 at most, by rule 1",
  ],
  ["more than the host's default", "", { memory: 2 ** 40 }, "4G at most, by this host's default"],
])("a job that asks for %s is refused", async (_title, toml, wishes, message) => {
  const refused = grant(toml, { wishes });
  await expect(refused).rejects.toMatchObject({ kind: "job" });
  await expect(refused).rejects.toThrow(message);
});
