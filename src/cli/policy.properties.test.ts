/** What `policy` says beforehand is what `prepare` would do, whatever the rules and the job. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { makeSystem } from "../../test/fakes/fake-commands.ts";
import { EXT4 } from "../../test/fakes/fake-disk.ts";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { RunnerError } from "../text/errors.ts";
import { policyAction } from "./policy.ts";
import { prepareAction } from "./prepare.ts";

const line = (key: string, ...values: string[]): fc.Arbitrary<string> =>
  fc.constantFrom("", ...values.map((value) => `${key} = ${value}\n`));
const lines = (...some: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...some).map((parts) => parts.join(""));

const conditions = lines(
  line("projects", '["group/**"]', '["other/app", 17]', "[18]"),
  line("users", "[42]", "[1]"),
  line("branches", '["main"]', '["release/*"]'),
  line("protected", "true", "false"),
  line("images", '["debian"]', '["other*"]'),
);
const limits = (prefix: string): fc.Arbitrary<string> =>
  lines(
    line(`${prefix}memory`, '"512M"', '"1G"'),
    line(`${prefix}memory_max`, '"1G"', '"2G"'),
    line(`${prefix}cpus`, "1", "2"),
    line(`${prefix}cpus_max`, "4"),
    line(`${prefix}tasks`, "500"),
  );
const filters = lines(
  line("network_allow", '["192.0.2.0/24"]', '["198.51.100.7:443"]', "[]"),
  line("network_deny", '["10.0.0.0/8"]'),
);
const rule = lines(
  fc.constant("[[rule]]\n"),
  conditions,
  line("refuse", '"not here"', "false"),
  filters,
  limits(""),
  line("nesting", "true", "false"),
  line("capabilities", '["CAP_SYS_PTRACE"]', "[]"),
  line("binds", '["/srv/data"]', '["/srv/data:/srv/data:rw"]'),
  fc.constant("io_weight = 50\n"),
);
const config = fc
  .tuple(filters, limits("job_"), fc.array(rule, { maxLength: 4 }))
  .map(([network, jobs, rules]) => `${network}${jobs}${rules.join("")}`);

const some = <Value>(...values: Value[]): fc.Arbitrary<Value | undefined> =>
  fc.constantFrom(undefined, ...values);
const job = fc.record({
  project: some("group/app", "other/app"),
  projectId: some(17, 18),
  user: some(42, 7),
  branch: some("main", "release/1"),
  protected: some(true, false),
  memory: some("256M", "1G", "3G", "lots"),
  cpus: some("1", "4", "8"),
  image: some("debian", "stable"),
});
type Job = typeof job extends fc.Arbitrary<infer Value> ? Value : never;

function open(toml: string, { memory, cpus, ...facts }: Job) {
  const { disk, start } = openComputer({ mounts: { "/images": EXT4 } });
  const file = (path: string, text: string): void => {
    disk.create("open", path, { kind: "file", mode: 0o600, text });
  };
  file("/config.toml", `root_directory = "/images"\ndefault_image = "debian"\n${toml}`);
  disk.ensureDirectory("/srv/data", 0o755);
  makeSystem(disk, "/images/debian");
  disk.create("symlink", "/images/stable", { kind: "link", target: "debian" });
  const variables = Object.entries({ NSPAWN_MEMORY: memory, NSPAWN_CPUS: cpus }).flatMap(
    ([key, value]) => (value === undefined ? [] : [{ key, value }]),
  );
  const response = {
    id: 1,
    job_info: {
      project_id: facts.projectId,
      project_full_path: facts.project,
      user_id: facts.user,
    },
    git_info: { ref: facts.branch, ref_type: "branch", protected: facts.protected },
    image: { name: facts.image },
    variables,
  };
  file("/job.json", JSON.stringify(response));
  const environment = {
    NSPAWN_RUNNER_CONFIG: "/config.toml",
    JOB_RESPONSE_FILE: "/job.json",
    ...Object.fromEntries(variables.map(({ key, value }) => [`CUSTOM_ENV_${key}`, value])),
  };
  return start({ environment });
}

/** The indented lines below a title. */
function below(title: RegExp, text: string): string[] {
  const all = text.split("\n");
  const rest = all.slice(all.findIndex((one) => title.test(one)) + 1);
  const end = rest.findIndex((one) => !one.startsWith("  "));
  return rest.slice(0, end < 0 ? rest.length : end).map((one) => one.trim());
}

async function prepareSays(toml: string, wanted: Job): Promise<string[]> {
  const { host, printed } = open(toml, wanted);
  try {
    await prepareAction({ host, version: "0" }, undefined, { dryRun: true });
    return ["gets", ...below(/^By the policy:$/, printed.join(""))];
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    return [error.kind, error.message, ...error.hints];
  }
}

async function policySays(toml: string, wanted: Job): Promise<string[]> {
  const { host, printed } = open(toml, wanted);
  await policyAction({ host, version: "0" }, { job: "/job.json" });
  const text = printed.join("");
  const kinds = [
    ["gets", /^Its machine gets:$/],
    ["job", /^It fails, for its author to mend:$/],
    ["system", /^It fails, for the administrator to mend:$/],
  ] as const;
  return kinds.flatMap(([kind, title]) =>
    text.split("\n").some((one) => title.test(one)) ? [kind, ...below(title, text)] : [],
  );
}

test("policy says of a kept job what prepare would do with it, and in its words", async () => {
  await fc.assert(
    fc.asyncProperty(config, job, async (toml, wanted) => {
      expect(await policySays(toml, wanted)).toEqual(await prepareSays(toml, wanted));
    }),
    { numRuns: 150 },
  );
});
