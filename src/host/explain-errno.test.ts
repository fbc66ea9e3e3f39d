import { expect, test } from "bun:test";
import { formatError } from "../text/format-error.ts";
import { explainErrno } from "./explain-errno.ts";

const failed = (facts: object) => Object.assign(new Error("no"), facts);

test.each([
  [{ code: "ENOSPC", path: "/x" }, 'ERROR: There is no space left for "/x".'],
  [{ code: "ENOSPC" }, 'ERROR: There is no space left for "/subject".'],
  [{ errno: 30 }, 'ERROR: Cannot change "/subject": its file system is read-only.'],
  [{ errno: -13, code: "EACCES", path: "/y" }, 'ERROR: Access to "/y" is denied.'],
  [
    { code: "EMFILE", path: "/x" },
    'ERROR: Cannot open "/x": we have as many files open as we may.',
  ],
  [{ code: "ENOENT", path: "/x" }, "ERROR: Fault in nspawn-runner itself: no"],
])("%p", (facts, text) => {
  const error = explainErrno(failed(facts), "/subject");
  expect(formatError(error, { debug: false }).split("\n")[0]).toBe(text);
});
