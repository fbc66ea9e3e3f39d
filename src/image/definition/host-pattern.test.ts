import { expect, test } from "bun:test";
import { matchHosts } from "./host-pattern.ts";

// As ansible-core 2.19 has it: `ansible PATTERN --list-hosts`.
test.each([
  [["all"], "image"],
  [["*"], "image"],
  [["web"], "image"],
  [["nspawn_runner"], "image"],
  [["we?"], "image"],
  [["[vw]eb"], "image"],
  [["~(web|data)"], "image"],
  [["all[0]"], "image"],
  [["nspawn_*:!data"], "image"],
  [["all,!web"], ""],
  [["!web"], ""],
  [["!other"], "image"],
  [["all", "&nspawn_runner"], "image"],
  [["all:&databases"], ""],
  [["all[1]"], ""],
  [["web.example.org"], ""],
  [["webservers"], ""],
  [["ungrouped"], ""],
  [["localhost"], "local"],
  [["127.0.0.1"], "local"],
  [["::1"], "local"],
  [["all,localhost"], "image local"],
  [["web:localhost"], "image local"],
  [["all", "::1"], "image local"],
  [["localhost:!localhost"], ""],
  [["local*"], ""],
] as const)("%j is %s", (patterns, hosts) => {
  const { image, local } = matchHosts(patterns, "web");
  expect([...(image ? ["image"] : []), ...(local ? ["local"] : [])].join(" ")).toBe(hosts);
});

test("a name with a colon is one name", () => {
  expect(matchHosts(["python-3.13"], "python:3.13")).toEqual({ image: true, local: false });
});
