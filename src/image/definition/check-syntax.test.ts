import { expect, test } from "bun:test";
import { parseSyntaxFault } from "./check-syntax.ts";
import { formatFinding } from "./finding.ts";

const file = { path: "/etc/nspawn-runner/a.yaml", realPath: "/srv/a.yaml" };

// As ansible-core 2.19 (Debian 13) and 2.14 (Debian 12) print them.
test.each([
  [
    "2.19",
    "[WARNING]: x\n[ERROR]: 'nonsense' is not a valid attribute for a Play\nOrigin: /srv/a.yaml:2:3\n\n1 - hosts: all\n",
    "/etc/nspawn-runner/a.yaml:2:3: Ansible says: 'nonsense' is not a valid attribute for a Play",
  ],
  [
    "2.14",
    "ERROR! 'nonsense' is not a valid attribute for a Play\n\nThe error appears to be in '/srv/a.yaml': line 1, column 3, but may\nbe elsewhere",
    "/etc/nspawn-runner/a.yaml:1:3: Ansible says: 'nonsense' is not a valid attribute for a Play",
  ],
  [
    "a fault in another file",
    "[ERROR]: no such thing\nOrigin: /srv/roles/x/tasks/main.yml:7\n",
    "/srv/roles/x/tasks/main.yml:7:1: Ansible says: no such thing",
  ],
  [
    "words without a place",
    "Traceback: oh\n",
    "/etc/nspawn-runner/a.yaml:1:1: Ansible says: Traceback: oh",
  ],
])("a fault of Ansible's: %s", (_title, stderr, finding) => {
  expect(formatFinding(parseSyntaxFault(stderr, file))).toBe(finding);
});
