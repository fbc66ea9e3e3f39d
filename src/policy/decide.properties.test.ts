/** What holds for every set of rules and every job. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Rule } from "../config/rule-settings.ts";
import { parseNetworkTarget } from "../network/network-target.ts";
import { decide, type PolicyConfig, type Terms } from "./decide.ts";
import type { Job } from "./job-identity.ts";
import { TERMS, type TermName } from "./terms.ts";

const some = <Value>(values: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(values, { nil: undefined });
const few = <Value>(...values: Value[]): fc.Arbitrary<Value[]> => fc.subarray(values);
const targets = few("a.test", "b.test:443", "10.0.0.0/8", "192.0.2.1").map((texts) =>
  texts.flatMap((text) => parseNetworkTarget(text) ?? []),
);
const amount = some(fc.integer({ min: 1, max: 4 }));
const network = fc.constantFrom("host" as const, "private" as const, "none" as const);
const limits = fc.record({
  memoryBytes: amount,
  memoryMaxBytes: amount,
  cpus: amount,
  cpusMax: amount,
  cpuWeight: some(fc.constantFrom(1, 100, 10_000)),
  ioWeight: some(fc.constantFrom(1, 100, 10_000)),
  tasks: amount,
  diskBytes: amount,
  diskMaxBytes: amount,
});
const bind = (writable: boolean) => ({ source: "/srv", target: "/srv", writable });
const consequences = fc.record({
  refuse: some(fc.constantFrom<string | false>("no", "never", false)),
  network: some(network),
  allow: some(targets),
  deny: some(targets),
  limits,
  loosening: fc.record({
    nesting: some(fc.boolean()),
    devices: some(few("/dev/kvm", "/dev/fuse")),
    capabilities: some(few("CAP_SYS_PTRACE")),
    binds: some(fc.constantFrom([], [bind(true)], [bind(false)])),
    systemCalls: some(few("@mount", "bpf")),
  }),
});
const someOf = <Value>(...values: Value[]): fc.Arbitrary<Value[] | undefined> =>
  some(fc.subarray(values, { minLength: 1 }));
const conditions = fc
  .record({
    projects: someOf<string | number>("group/**", "group/app", 1, 2),
    users: someOf(1, 2),
    ref: fc.constantFrom("branches" as const, "tags" as const),
    names: someOf("main", "v*", "**"),
    protected: some(fc.boolean()),
    images: someOf("debian", "a*"),
  })
  .map(({ ref, names, ...rest }) => ({ ...rest, [ref]: names }));
const rules = fc
  .array(fc.record({ conditions, consequences }), { maxLength: 6 })
  .map((list): Rule[] =>
    list.map((rule, index) => ({ number: index + 1, name: undefined, ...rule })),
  );
const config: fc.Arbitrary<PolicyConfig> = fc.record({
  network,
  networkAllow: targets,
  networkDeny: targets,
  jobLimits: limits,
  rules,
});
const facts = {
  project: fc.constantFrom("group/app", "group/b/c", "other/app"),
  projectId: fc.constantFrom(1, 2, 3),
  user: fc.constantFrom(1, 2, 3),
  ref: fc.record({
    kind: fc.constantFrom("branch" as const, "tag" as const),
    name: fc.constantFrom("main", "v1", "x"),
  }),
  protected: fc.boolean(),
};
const knownJob: fc.Arbitrary<Job> = fc
  .record(facts)
  .map((known): Job => ({ kind: "job", ...known }));
const forgotten = fc.subarray(["project", "projectId", "user", "ref", "protected"] as const);

const decideFor = (
  policy: PolicyConfig,
  identity: Parameters<typeof decide>[1]["identity"],
): Terms =>
  decide(policy, { identity, images: ["debian"], hostLimits: { memoryBytes: 3 }, imageLimits: {} })
    .terms;

const NAMES = Object.keys(TERMS).filter((name): name is TermName => name in TERMS);
const NETWORKS = ["none", "private", "host"];

/** Whether a machine with the one can do nothing that it could not with the other. */
function isAtMost(name: TermName, one: Terms, other: Terms): boolean {
  const [small, large]: [unknown, unknown] = [one[name].value, other[name].value];
  switch (name) {
    case "refuse":
      return small !== undefined || large === undefined;
    case "network":
      return NETWORKS.indexOf(String(small)) <= NETWORKS.indexOf(String(large));
    case "deny":
      return isPart(listOf(large), listOf(small));
    case "allow":
      return (
        large === "everything" || (small !== "everything" && isPart(listOf(small), listOf(large)))
      );
    case "nesting":
      return small === false || large === true;
    case "binds":
      return one.binds.value.every(({ target, writable }) =>
        other.binds.value.some((bind) => bind.target === target && (bind.writable || !writable)),
      );
    // Without a maximum a job may ask for no more than it has unasked.
    case "memoryMaxBytes":
    case "cpusMax":
    case "diskMaxBytes":
      return Number(small ?? 0) <= Number(large ?? 0);
    case "cpuWeight":
    case "ioWeight":
      return Number(small ?? 100) <= Number(large ?? 100);
    default:
      if (Array.isArray(small)) return isPart(listOf(small), listOf(large));
      return Number(small ?? Number.POSITIVE_INFINITY) <= Number(large ?? Number.POSITIVE_INFINITY);
  }
}

const isPart = (small: readonly string[], large: readonly string[]): boolean =>
  small.every((item) => large.includes(item));
const listOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.map((item) => JSON.stringify(item)) : [];
test("what is not known of a job never gets it more than any truth would", () => {
  fc.assert(
    fc.property(config, knownJob, forgotten, (policy, job, keys) => {
      const half: Job = { ...job, ...Object.fromEntries(keys.map((key) => [key, undefined])) };
      const [unknown, known] = [decideFor(policy, half), decideFor(policy, job)];
      for (const name of NAMES)
        expect([name, isAtMost(name, unknown, known)]).toEqual([name, true]);
    }),
    { numRuns: 5000 },
  );
});

test("a rule that is not for the job changes nothing, wherever it stands", () => {
  fc.assert(
    fc.property(config, knownJob, fc.nat(6), consequences, (policy, job, place, then) => {
      const stranger: Rule = {
        number: 99,
        name: undefined,
        conditions: { users: [7] },
        consequences: then,
      };
      const more = { ...policy, rules: policy.rules.toSpliced(place, 0, stranger) };
      expect(decideFor(more, job)).toEqual(decideFor(policy, job));
    }),
  );
});

test("what is denied at any place stays denied", () => {
  fc.assert(
    fc.property(config, knownJob, (policy, job) => {
      const facts = { identity: job, images: ["debian"], hostLimits: {}, imageLimits: {} };
      const { terms, matches } = decide(policy, facts);
      const denied = matches.flatMap(({ rule, match }) =>
        match === "no" ? [] : (rule.consequences.deny ?? []),
      );
      expect(listOf(terms.deny.value)).toEqual(
        expect.arrayContaining(listOf([...policy.networkDeny, ...denied])),
      );
    }),
  );
});

test("a person is in no rule that asks for a job", () => {
  fc.assert(
    fc.property(config, (policy) => {
      const only = policy.rules.filter(({ conditions: { images: _, ...rest } }) =>
        Object.values(rest).every((value) => value === undefined),
      );
      expect(decideFor(policy, { kind: "person" })).toEqual(
        decideFor({ ...policy, rules: only }, { kind: "person" }),
      );
    }),
  );
});
