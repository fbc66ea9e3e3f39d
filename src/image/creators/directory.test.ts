import { expect, test } from "bun:test";
import { factsOf, faultsOf, planOf } from "./testing.ts";

test("a text is the path; relative ones begin at the definition's directory", () => {
  expect(planOf({ directory: "/srv/my root" })).toMatchInlineSnapshot(
    `"cp --archive --reflink=auto --one-file-system -- '/srv/my root/.' /tree"`,
  );
  expect(planOf({ directory: { path: "rootfs" } })).toContain("/defs/rootfs/.");
  expect(factsOf({ directory: "rootfs" })).toMatchInlineSnapshot(`
    {
      "inputs": [
        "/defs/rootfs",
      ],
      "installsPackages": false,
      "parent": undefined,
      "rolling": false,
      "tools": "cp:coreutils",
    }
  `);
});

test.each([
  [{}, "create.directory.path must be given"],
  [{ path: 3 }, 'create.directory.path must be a text, such as "/srv/rootfs" (in quotes)'],
  ["", 'create.directory must be one line that begins with neither a "-" nor a blank'],
])("%p is refused", (options, fault) => {
  expect(faultsOf({ directory: options })).toBe(fault);
});

test("by its name alone it lacks the path", () => {
  expect(faultsOf("directory")).toBe("create.path must be given");
});
