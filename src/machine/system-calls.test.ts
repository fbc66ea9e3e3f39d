import { expect, test } from "bun:test";
import { allowsSocketcall, systemCallArguments } from "./system-calls.ts";

const DENIED = "io_uring_setup io_uring_enter io_uring_register userfaultfd";

test.each<[string, readonly string[], readonly string[]]>([
  ["nothing loosened", [], [`--system-call-filter=~${DENIED}`]],
  [
    "a group",
    ["@keyring", "bpf"],
    ["--system-call-filter=@keyring bpf", `--system-call-filter=~${DENIED}`],
  ],
  [
    "one of ours",
    ["userfaultfd"],
    [
      "--system-call-filter=userfaultfd",
      "--system-call-filter=~io_uring_setup io_uring_enter io_uring_register",
    ],
  ],
  ["all of ours", DENIED.split(" "), [`--system-call-filter=${DENIED}`]],
])("%s", (_title, systemCalls, options) => {
  expect(systemCallArguments({ systemCalls })).toEqual([...options]);
});

test("sockets of 32-bit programs are let through by their name alone", () => {
  expect(allowsSocketcall({ systemCalls: ["socketcall"] })).toBe(true);
  expect(allowsSocketcall({ systemCalls: ["@network-io"] })).toBe(false);
});
