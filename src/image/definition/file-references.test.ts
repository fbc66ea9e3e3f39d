import { expect, test } from "bun:test";
import fc from "fast-check";
import { findReferences } from "./file-references.ts";

const places = { directory: "/d", role: "/d/roles/r", home: "/h" };
/** Those that stand where files are named. */
const read = (text: string): string[] =>
  findReferences(text, places).flatMap(({ path, isRead }) => (isRead ? [path] : []));
const all = (text: string): string[] => findReferences(text, places).map(({ path }) => path);

test.each([
  ["copy: {src: /a/b, dest: /etc/b}", ["/a/b"]],
  ["copy: src=/a/b dest=/etc/b", ["/a/b"]],
  ["ansible.builtin.script: /a/b --fast", ["/a/b"]],
  ['src: "/a/b"', ["/a/b"]],
  ["vars_files: [/a/b, /c/d]", ["/a/b", "/c/d"]],
  ["vars_files:\n  - /a/b\n  - '/c/d'", ["/a/b", "/c/d"]],
  ["src: '{{ playbook_dir }}/x'", ["/d/x"]],
  ["src: '{{ role_path }}/x'", ["/d/roles/r/x"]],
  ["src: '{{ a }}/x/{{ b }}.j2'", ["*/x/*.j2"]],
  ["src: ~/x", ["/h/x"]],
  ["msg: \"{{ lookup('file', '/a/b') }}\"", ["file", "/a/b", "./a/b"]],
  ["{% include 'part.j2' %}", ["part.j2"]],
  ["file: {path: /a/b, state: directory}", []],
  ["command: cat /a/b", []],
])("%s names %j", (text, paths) => {
  expect(read(text)).toEqual(paths);
});

test.each([
  ["command: ./build.sh --fast", "./build.sh"],
  ["roles: [site, {role: other}]", "other"],
  ["src: my key", "my key"],
  ["- 'with blanks'", "with blanks"],
])("%s has the word %s", (text, word) => {
  expect(all(text)).toContain(word);
});

test("no text takes long, or more than it is worth", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 2000 }), (text) => {
      for (const path of all(text)) expect(path.length).toBeLessThan(400 + places.directory.length);
    }),
  );
  const startedAt = performance.now();
  for (const part of ["{{", "a: ", "'", "- ", "[", "x=", "../", "{% "]) all(part.repeat(10_000));
  expect(performance.now() - startedAt).toBeLessThan(4000);
});
