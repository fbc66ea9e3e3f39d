import { expect, test } from "bun:test";
import { staysInside } from "../artifacts/link-target.ts";
import { explainGit } from "./explain-git.ts";
import { parseSudoIds } from "./invoker.ts";
import { parseRemoteUrl } from "./remote-url.ts";

test.each([
  ["as sudo sets it", 0, { SUDO_UID: "1000", SUDO_GID: "100" }, { userId: 1000, groupId: 100 }],
  ["root by root", 0, { SUDO_UID: "0", SUDO_GID: "0" }, undefined],
  ["not root", 1000, { SUDO_UID: "1", SUDO_GID: "1" }, undefined],
  ["half", 0, { SUDO_UID: "1000" }, undefined],
  ["no number", 0, { SUDO_UID: "1e3", SUDO_GID: "1" }, undefined],
  ["none", 0, {}, undefined],
])("who called: %s", (_title, userId, environment, ids) => {
  expect(parseSudoIds({ userId, environment })).toEqual(ids);
});

test.each([
  ["file", 0, true],
  ["./a/./b", 0, true],
  ["../file", 1, true],
  ["../../file", 1, false],
  ["..", 0, false],
  ["/etc/passwd", 5, false],
  // "link" may lead one directory down: two up from there is one above all.
  ["link/../../file", 2, false],
  ["../a/../b", 3, false],
  ["..file/..", 1, false],
])("a link to %p, %i directories deep, stays inside: %p", (target, depth, stays) => {
  expect(staysInside(target, depth)).toBe(stays);
});

test.each([
  ["fatal: detected dubious ownership in repository at '/p'", "belongs to somebody else"],
  [
    "fatal: not a git repository (or any of the parent directories): .git",
    "is not in a git work tree",
  ],
  ["fatal: Needed a single revision", "has no commit yet"],
  ["fatal: bad object HEAD", "has no commit that git can tell"],
])("git's %p is told as itself", (said, what) => {
  const error = explainGit("/p", said);
  expect(error.message).toContain(what);
  expect((error.cause as Error).message).toBe(`git says: ${said}`);
});

test.each([
  ["https://gitlab.example.org/group/app.git", "https", "gitlab.example.org", "443", "group/app"],
  ["https://me:secret@example.org:8443/a/b/c/", "https", "example.org", "8443", "a/b/c"],
  ["http://example.org/a/b", "http", "example.org", "80", "a/b"],
  ["git@example.org:a/b.git", "https", "example.org", "443", "a/b"],
  ["ssh://git@example.org:2222/a/b.git", "https", "example.org", "443", "a/b"],
])("the origin %s is a project", (url, protocol, host, port, path) => {
  expect(parseRemoteUrl(url)).toEqual({ protocol, host, port, path } as never);
});

test.each(["/srv/git/app.git", "../other", "https://example.org/", "https://e/a/../b", "x", ""])(
  "the origin %p is none of a server",
  (url) => {
    expect(parseRemoteUrl(url)).toBeUndefined();
  },
);
