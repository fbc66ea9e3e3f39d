import { expect, test } from "bun:test";
import { parseConfiguration } from "./configuration.ts";

// Read the same by Python 3.13, which keeps the ends of lines in values:
// configparser.ConfigParser(inline_comment_prefixes=(";",)).
const TEXT = `# ours
[defaults]
roles_path = ../shared : ~/roles ; two of them
Stdout_Callback=yaml
vault_password_file: .vault
collections_path = a:
    b
  # between
    :c
empty =
url = http://example.org/?a=b
[privilege_escalation]
become_method = doas
  [not a section]
`;

test.each([
  ["defaults.roles_path", "../shared : ~/roles"],
  ["defaults.stdout_callback", "yaml"],
  ["defaults.vault_password_file", ".vault"],
  ["defaults.collections_path", "a:b:c"],
  ["defaults.empty", ""],
  ["defaults.url", "http://example.org/?a=b"],
  ["privilege_escalation.become_method", "doas[not a section]"],
  ["defaults.become_method", undefined],
  ["defaults.nosuch", undefined],
])("%s is %p", (key, value) => {
  expect(parseConfiguration(TEXT).get(key)).toBe(value as string);
});

test("the first of several keys wins", () => {
  expect(parseConfiguration(TEXT).get("defaults.nosuch", "defaults.empty")).toBe("");
});
