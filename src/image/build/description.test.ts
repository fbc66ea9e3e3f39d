import { expect, test } from "bun:test";
import fc from "fast-check";
import { explainMissing, parseDescription } from "./description.ts";

test("packages, the user and what is missing are read; all else is passed over", () => {
  const text = [
    "package bash 5.2.37-2+b5",
    "package libc6 2.41-12",
    "W: some warning of a tool",
    "user ci 1000 1001 /home/ci",
    "missing git-lfs",
    "package with too many words",
    "user forged -1 0 /",
    "",
  ].join("\n");
  expect(parseDescription(text)).toEqual({
    packages: { bash: "5.2.37-2+b5", libc6: "2.41-12" },
    user: { name: "ci", uid: 1000, gid: 1001, home: "/home/ci" },
    missing: ["git-lfs"],
  });
});

test("whatever an image prints, ids are small numbers", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string(), (text, id) => {
      const { user } = parseDescription(`${text}\nuser x ${id} 1 /`);
      if (user !== undefined) expect(user.uid).toBeWithin(0, 100_000);
    }),
  );
});

test("what jobs will miss is told; an unknown word is not", () => {
  expect(explainMissing(["git", "unknown"])).toEqual([
    "It has no git: jobs cannot fetch their sources.",
  ]);
});
