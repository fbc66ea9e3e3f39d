/** `[[rule]]`: what is read, and what is refused, with line and column. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { RunnerError } from "../text/errors.ts";
import { type Config, parseConfig } from "./config.ts";
import { locateSetting } from "./locate-setting.ts";
import { parseBind } from "./loosening-settings.ts";

const parse = (text: string): Promise<Config> => parseConfig(text, "/c.toml");

test("a rule, whole", async () => {
  const { rules } = await parse(`
[[rule]]
name = "kernel"
projects = ["group/**", 17]
users = [42]
branches = ["main"]
protected = true
images = ["debian*"]
network = "private"
network_allow = ["registry.test:443"]
memory = "4G"
memory_max = "8G"
cpus = 1.5
nesting = true
devices = ["/dev/kvm"]
capabilities = ["CAP_SYS_PTRACE"]
binds = ["/srv/data:/data", "/srv/out:/out:rw"]
system_calls = ["@mount", "bpf"]
[[rule]]
refuse = false
`);
  expect(rules).toMatchSnapshot();
});

const rule = (line: string, more = 'refuse = "x"'): string => `# one\n[[rule]]\n${more}\n${line}\n`;

test.each([
  [
    "an unknown key, with the nearest",
    rule('project = ["a"]'),
    '4:1" "project" of rule 1 is not a setting; did you mean "projects"?',
  ],
  [
    "the second rule's",
    `${rule("nesting = true")}[[rule]]\n  nesting = 1`,
    '6:3" "nesting" of rule 2 invalid type',
  ],
  ["an unknown table", "[[rules]]\nx = 1", '1:1" "rules" is not a setting; did you mean "rule"?'],
  ["one table instead of many", "[rule]\nnesting = true", '1:1" "rule" invalid type'],
  [
    "in the midst of a list",
    rule('devices = ["/dev/kvm",\n "kvm"]'),
    '5:2" "devices" of rule 1 must be the absolute path',
  ],
  [
    "a device with ..",
    rule('devices = ["/dev/../etc"]'),
    '4:12" "devices" of rule 1 must be the absolute path',
  ],
  ["a device elsewhere", rule('devices = ["/etc/passwd"]'), "4:12"],
  [
    "a capability that is misspelt",
    rule('capabilities = ["CAP_SYS_PTRAC"]'),
    'is no capability; did you mean "CAP_SYS_PTRACE"?',
  ],
  [
    "a capability without its prefix",
    rule('capabilities = ["SYS_ADMIN"]'),
    'did you mean "CAP_SYS_ADMIN"?',
  ],
  ["a system call", rule('system_calls = ["Mount"]'), "must be a system call or a group"],
  [
    "a list that says a thing twice",
    rule('projects = ["a", "a"]'),
    '4:1" "projects" of rule 1 must hold each once',
  ],
  [
    "a place that is bound twice",
    rule('binds = ["/a:/x", "/b:/x"]'),
    "must have each place in the machine once",
  ],
  ["a target twice", rule('network_deny = ["a.test", "A.test"]'), "must hold each once"],
  [
    "a name that another rule has",
    `${rule('name = "a"')}[[rule]]\nrefuse = "y"\nname = "a"`,
    '7:1" "name" of rule 2 is that of rule 1',
  ],
  [
    "a rule without a consequence",
    '[[rule]]\nprojects = ["a"]',
    '1:1" rule 1 says nothing of what follows',
  ],
  ["a condition that names nothing", rule("projects = []"), "must hold at least one"],
  ["users by name", rule('users = ["root"]'), '4:10" "users" of rule 1 invalid type'],
  ["branches and tags", rule('branches = ["a"]\ntags = ["b"]'), '2:1" rule 1 is for no job'],
  [
    "filters in a network that has none",
    rule('network = "host"\nnetwork_allow = ["a.test"]'),
    "filters nothing",
  ],
  [
    "filters of all jobs in such a network",
    'network = "none"\nnetwork_deny = ["a.test"]',
    '2:1" "network_deny" filters nothing with network = "none"',
  ],
  ["a target that is none", rule('network_allow = ["https://a.test/"]'), "4:18"],
  ["a refusal without a reason", rule("", "refuse = true"), "must be the reason, a text, or false"],
  [
    "a refusal of two lines",
    rule("", 'refuse = "a\\nb"'),
    "must be 1 to 200 characters on one line",
  ],
  ["too little memory", rule('memory = "1M"'), 'must be "32M" or more'],
  [
    "a bind of all images",
    rule('binds = ["/var/lib/nspawn-runner/debian"]'),
    '4:10" "binds" of rule 1 cannot be over "/var/lib/nspawn-runner"',
  ],
  [
    "a bind above them",
    `root_directory = "/srv/images"\n${rule('binds = ["/srv"]')}`,
    '5:10" "binds" of rule 1 cannot be over "/srv/images"',
  ],
])("%s is refused", async (_title, text, message) => {
  const failed = parse(text);
  await expect(failed).rejects.toMatchObject({ kind: "system" });
  await expect(failed).rejects.toThrow(message);
  await expect(failed).rejects.toThrow('"/c.toml:');
});

test("all faults are told at once", async () => {
  await expect(parse("netwrk = 1\nstorage = 2\n")).rejects.toThrow(
    /"\/c\.toml:\d:1" .*; "\/c\.toml:\d:1" .*/,
  );
});

test.each([
  ["/srv/data", { source: "/srv/data", target: "/srv/data", writable: false }],
  ["/srv/data:/data", { source: "/srv/data", target: "/data", writable: false }],
  ["/srv/data:/data:rw", { source: "/srv/data", target: "/data", writable: true }],
  ["/srv/..data:/d.:ro", { source: "/srv/..data", target: "/d.", writable: false }],
])("the bind %s", (text, expected) => {
  expect(parseBind(text)).toEqual(expected);
});

test.each([
  "",
  "/",
  "data",
  "/srv/",
  "/srv//a",
  "/srv/../etc",
  "/srv/.",
  "/srv:data",
  "/srv:/",
  "/srv:/a:rw:x",
  "/srv:/a:no",
  "/proc",
  "/srv:/proc",
  "/srv:/proc/sys",
  "/sys/fs",
  "/dev/sda",
  "/run",
  "/srv:/run",
  "/run/nspawn-runner/machines",
  "/srv:/run/nspawn-runner",
  "/srv:/run/nspawn-runner/steps",
  "/srv\0",
])("the bind %p is refused", (text) => {
  expect(typeof parseBind(text)).toBe("string");
});

test.each([
  ["a plain key", "a = 1\n b = 2", ["b"], 2, 2],
  ["in quotes", '"a" = 1', ["a"], 1, 1],
  ["with dots", "x.'y' = 1", ["x", "y"], 1, 1],
  ["behind a text that looks like it", 's = """\n[[rule]]\nb = 1\n"""\nb = 2', ["b"], 5, 1],
  ["in an inline table", "rule = [{ a = 1 },\n { b = 2 }]", ["rule", 1, "b"], 2, 4],
  ["what is missing is where it would be", "[[rule]]\na = 1", ["rule", 0, "b"], 1, 1],
  ["behind characters of two units, as editors count", 'a = ["😀", 1]', ["a", 1], 1, 12],
] as const)("the place of %s", (_title, text, path, line, column) => {
  expect(locateSetting(text, path)).toEqual({ line, column });
});

test("whatever the file, it is a configuration or a plain error", async () => {
  const words = fc.constantFrom(
    ...[
      "[[rule]]",
      "[rule]",
      "\n",
      "=",
      " ",
      "refuse",
      '"x"',
      "[",
      "]",
      "{",
      "}",
      ",",
      "network_deny",
    ],
    ...["binds", "1", "true", "#", "'''", ".", "users", '"/srv:/x"', "__proto__", "constructor"],
  );
  const text = fc.array(words, { maxLength: 20 }).map((parts) => parts.join(""));
  await fc.assert(
    fc.asyncProperty(fc.oneof(text, fc.string({ unit: "binary" })), async (some) => {
      const end = await parse(some).catch((error: unknown) => error);
      if (end instanceof Error) expect(end).toBeInstanceOf(RunnerError);
    }),
    { numRuns: 3000 },
  );
});
