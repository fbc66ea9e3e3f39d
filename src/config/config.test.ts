import { expect, test } from "bun:test";
import { parseConfig } from "./config.ts";

test("an empty file means the defaults", async () => {
  expect(await parseConfig("", "/c.toml")).toEqual({
    path: "/c.toml",
    rootDirectory: "/var/lib/nspawn-runner",
    definitionsDirectory: "/etc/nspawn-runner",
    defaultImage: undefined,
    storage: "auto",
    tmpfsBytes: 2 ** 31,
    network: "private",
    networkAllow: [],
    networkDeny: [],
    networkOpen: [],
    buildNetwork: "private",
    networkRange: { first: 0x0ad5_0000, prefix: 16 },
    networkResolvers: [],
    bootTimeoutSeconds: 120,
    buildMissing: true,
    jobPackages: { count: 20, bytes: 20 * 2 ** 30 },
    buildTimeoutSeconds: 7200,
    buildLimits: { memoryBytes: undefined, cpus: undefined },
    gitlabRunner: undefined,
    jobLimits: {},
    rules: [],
  });
});

test.each([
  ["broken TOML, with line and column", 'a = "x"\nb = = 1\n', '"/c.toml:2:5" is not valid TOML'],
  ["an unknown key, with the nearest", 'root_directry = "/x"', 'did you mean "root_directory"?'],
  ["a relative path", 'root_directory = "x"', '"root_directory" must be an absolute path'],
  ["an unknown storage", 'storage = "zfs"', '"storage" invalid type'],
  ["a size of nothing", 'tmpfs_size = "0"', '"tmpfs_size" must be more than 0'],
  ["a size that is none", 'tmpfs_size = "lots"', '"tmpfs_size" must be a size'],
  ["a network that is none", 'network = "bridge"', '"network" invalid type'],
  ["a range with bits behind it", 'network_range = "10.1.2.3/16"', 'such as "10.1.0.0/16"'],
  ["a range for one machine", 'network_range = "10.1.2.0/31"', "/8 to /29"],
  ["a resolver by name", 'network_resolvers = ["dns.test"]', "must be an IPv4 address"],
  ["a resolver on loopback", 'network_resolvers = ["127.0.0.53"]', "that machines can reach"],
  [
    "four resolvers",
    'network_resolvers = ["1.1.1.1","1.1.1.1","1.1.1.1","1.1.1.1"]',
    "3 addresses",
  ],
  ["a resolver of many", 'network_resolvers = ["224.0.0.251"]', "that machines can reach"],
  ["a resolver twice", 'network_resolvers = ["1.1.1.1", "1.1.1.1"]', "must hold each once"],
  ["an image that is none", 'default_image = "a/b"', "cannot be the name of an image"],
  ["a time that is none", "boot_timeout = 0", '"boot_timeout"'],
])("%s is refused", async (_title, text, message) => {
  await expect(parseConfig(text, "/c.toml")).rejects.toThrow(message);
});

test("a slash at the end of a path makes no difference", async () => {
  expect((await parseConfig('root_directory = "/x//"', "/c")).rootDirectory).toBe("/x");
});
