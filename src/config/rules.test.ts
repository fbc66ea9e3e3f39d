/** `[[rule]]`: what is read, and what is refused, with line and column. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { RunnerError } from "../text/errors.ts";
import { type Config, parseConfig, readConfig } from "./config.ts";
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
    rule('projects = ["a/b", "a/b"]'),
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
    '[[rule]]\nprojects = ["a/b"]',
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
  ...(
    [
      ["projects", "/group/app", "begins and ends with no slash"],
      ["projects", "group/", "begins and ends with no slash"],
      ["projects", "https://gitlab.test/group/app", "is a URL: give the path alone"],
      ["projects", "git@gitlab.test:group/app", "is a URL"],
      ["projects", "group/app.git", "ends as no project's path does"],
      ["projects", "app", "is no full path: every project is in a group or a user's space"],
      ["projects", "*", "is no full path"],
      ["projects", "group app/x", "holds a character that no path of a project has"],
      ["branches", "refs/heads/main", 'is a name without "refs/heads/"'],
      ["branches", "/main", "is no name that git takes"],
      ["branches", "release-[0-9]", 'holds "[", which no name has'],
      ["branches", "^main$", 'holds "^"'],
      ["tags", "refs/tags/v1", 'is a name without "refs/tags/"'],
      ["images", "registry.test/debian", 'holds a "/"'],
      ["images", "debian ", "is no name of an image"],
    ] as const
  ).map(([key, pattern, message]): [string, string, string] => [
    `the pattern ${pattern} of ${key}`,
    rule(`${key} = ["${pattern}"]`),
    `4:${key.length + 5}" "${key}" of rule 1 ${message}`,
  ]),
  [
    "a network with bits behind its prefix",
    rule('network_deny = ["10.1.2.3/8:443"]'),
    'has bits behind its prefix; did you mean "10.0.0.0/8:443"?',
  ],
  ["an address that may be octal", rule('network_deny = ["010.0.0.1"]'), "must be an IPv4 address"],
  ["loopback, which machines have", rule('network_allow = ["127.0.0.1:80"]'), "is loopback"],
  ["loopback by name", 'network_open = ["localhost:80"]', '1:17" "network_open" is loopback'],
  [
    "to allow what is never reached",
    rule('network_allow = ["169.254.169.254"]'),
    "is refused to all machines, unless network_open opens it",
  ],
  [
    "what is opened of the host in the host's network",
    'network = "host"\nnetwork_open = ["192.0.2.1"]',
    '2:1" "network_open" opens nothing with network = "host": it needs "private"',
  ],
  [
    "a maximum below what jobs have unasked",
    'job_memory = "2G"\njob_memory_max = "1G"',
    '2:1" "job_memory_max" is less than job_memory, which jobs have unasked',
  ],
  [
    "such a maximum in a rule",
    rule("cpus = 4\ncpus_max = 2"),
    '5:1" "cpus_max" of rule 1 is less than cpus',
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

test("a pattern that can match something is one", async () => {
  const { rules } = await parse(`
network = "none"
network_open = ["0.0.0.0/0", "169.254.169.254"]
[[rule]]
projects = ["Group/sub_x/app-1.2", "**", "group/*", "**/app", 7]
branches = ["refs/merge-requests/**", "feature/*", "ünï|code"]
images = ["Debian*", "*-2", "a:b@c+d", "?"]
network = "private"
devices = ["/dev/disk/by-path/pci-0000:00:1f.2-ata-1"]
`);
  expect(rules).toHaveLength(1);
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

test("a directory is meant by any way to write it", async () => {
  const text = (root: string): string =>
    `root_directory = "${root}"\n[[rule]]\nbinds = ["/srv/images/debian"]\n`;
  await expect(parse(text("/srv/images//"))).rejects.toThrow('cannot be over "/srv/images"');
  for (const odd of ["/srv/../srv/images", "/srv//images", "/srv/./images", "/", "/srv/a\\u0001"]) {
    await expect(parse(text(odd))).rejects.toThrow('"root_directory" must be an absolute path');
  }
});

describe("on a host", () => {
  /** Has links, and what is under /dev is what it says. */
  const read = (rule: string): Promise<Config> => {
    const { disk, start } = openComputer();
    for (const path of ["/srv/data", "/store/images", "/dev/shm"])
      disk.ensureDirectory(path, 0o755);
    disk.create("symlink", "/images", { kind: "link", target: "/store/images" });
    disk.create("symlink", "/srv/all", { kind: "link", target: "/store" });
    disk.create("symlink", "/srv/kernel", { kind: "link", target: "/dev" });
    const text = `root_directory = "/images"\n[[rule]]\n${rule}\n`;
    disk.create("open", "/c.toml", { kind: "file", mode: 0o644, text });
    return readConfig(start({ environment: { NSPAWN_RUNNER_CONFIG: "/c.toml" } }).host);
  };

  test.each([
    [
      "binds",
      "/store/images/debian",
      'cannot be over "/images": all images and machines are there',
    ],
    [
      "binds",
      "/srv/all",
      'cannot be over "/images": all images and machines are there (it is "/store")',
    ],
    ["binds", "/srv/all/images/new", 'cannot be over "/images"'],
    ["binds", "/srv/kernel/shm", 'cannot be over "/dev" of the host (it is "/dev/shm")'],
    ["devices", "/dev/shm", 'must be a device, and "/dev/shm" is a directory'],
  ])("%s of %s are refused, whatever links lead there", async (key, path, message) => {
    await expect(read(`${key} = ["${path}"]`)).rejects.toThrow(
      `"/c.toml:3:${key.length + 5}" "${key}" of rule 1 ${message}`,
    );
  });

  test("what is not there yet may come", async () => {
    const { rules } = await read('binds = ["/srv/data", "/srv/later"]\ndevices = ["/dev/kvm"]');
    expect(rules).toHaveLength(1);
  });
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
