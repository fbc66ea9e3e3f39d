import { expect, test } from "bun:test";
import fc from "fast-check";
import { BY_HAND, parseJobIdentity } from "./job-identity.ts";
import { parseJobWishes } from "./job-wishes.ts";

/** As GitLab Runner 19 writes it. */
const RESPONSE = {
  job_info: { project_id: 17, project_full_path: "group/app", user_id: 42 },
  git_info: { ref: "main", ref_type: "branch", protected: true },
};

test("what GitLab states", () => {
  expect(parseJobIdentity(RESPONSE)).toEqual({
    kind: "job",
    project: "group/app",
    projectId: 17,
    user: 42,
    ref: { kind: "branch", name: "main" },
    protected: true,
  });
});

test("variables change nothing of it, whatever they are called", () => {
  const keys = ["CI_PROJECT_PATH", "CI_PROJECT_ID", "GITLAB_USER_ID", "CI_COMMIT_REF_NAME"];
  const key = fc.oneof(fc.constantFrom(...keys, "CI_COMMIT_REF_PROTECTED"), fc.string());
  const variables = fc.array(fc.record({ key, value: fc.string(), public: fc.boolean() }));
  fc.assert(
    fc.property(variables, (list) => {
      expect(parseJobIdentity({ ...RESPONSE, variables: list })).toEqual(
        parseJobIdentity(RESPONSE),
      );
    }),
  );
});

test.each([
  [
    "GitLab Runner 17, which hands on less",
    {
      job_info: { project_id: 17, project_full_path: "", user_id: 0 },
      git_info: { ref: "main", ref_type: "branch", protected: null },
    },
    { projectId: 17, ref: { kind: "branch", name: "main" } },
  ],
  ["a ref of a kind that is not known", { git_info: { ref: "main", ref_type: "commit" } }, {}],
  ["a path that no project has", { job_info: { project_full_path: "a".repeat(2000) } }, {}],
  [
    "other types",
    {
      job_info: { project_id: "17", user_id: 1.5, project_full_path: ["x"] },
      git_info: { protected: "true" },
    },
    {},
  ],
  [
    "one fact that is broken beside another",
    { job_info: { user_id: "x", project_id: 3 } },
    { projectId: 3 },
  ],
  ["nothing", {}, {}],
  ["no object", [1], {}],
])("of %s only what is sure is known", (_title, job, expected) => {
  const known = Object.entries(parseJobIdentity(job)).filter(([, value]) => value !== undefined);
  expect(Object.fromEntries(known)).toEqual({ kind: "job", ...expected });
});

test("what exec writes is a person's", () => {
  expect(parseJobIdentity({ [BY_HAND]: true, ...RESPONSE })).toEqual({ kind: "person" });
  expect(parseJobIdentity({ [BY_HAND]: "true" })).toMatchObject({ kind: "job" });
});

test("whatever JSON comes, it is an identity", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
      expect(parseJobIdentity(one).kind).toBe("job");
      expect(parseJobIdentity({ job_info: one, git_info: other }).kind).toBe("job");
    }),
  );
});

const wishes = (values: Readonly<Record<string, string>>) => parseJobWishes((name) => values[name]);

test("a job's wishes", () => {
  expect(wishes({ NSPAWN_MEMORY: "512M", NSPAWN_CPUS: "1.5", NSPAWN_DISK: "10G" })).toEqual({
    memory: 2 ** 29,
    cpus: 1.5,
    disk: 10 * 2 ** 30,
  });
  expect(wishes({ NSPAWN_MEMORY: "" })).toEqual({});
});

test.each([
  [
    "NSPAWN_MEMORY",
    ["-1", "1e30", "∞", "infinity", "0", "1M", "4g", " 4G", "4G\n", "99999999999999T", "4G;x"],
  ],
  ["NSPAWN_CPUS", ["-1", "0", "0.01", "1e3", "Infinity", "NaN", "1025", "0x10", "1,5", "1.5555"]],
  ["NSPAWN_DISK", ["-1", "80%", "\u001b[31m"]],
])("%s takes an amount and nothing else", (name, texts) => {
  for (const text of texts) {
    expect(() => wishes({ [name]: text })).toThrow(`in ${name} is not a`);
  }
});

test("whatever a job asks for, it is an amount in bounds or a job error", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      try {
        const { memory = 2 ** 30 } = wishes({ NSPAWN_MEMORY: text });
        expect(memory).toBeGreaterThanOrEqual(2 ** 25);
        expect(Number.isSafeInteger(memory)).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ kind: "job" });
      }
    }),
  );
});
