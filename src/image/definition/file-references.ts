/**
 * What a text of Ansible's may name of files: every word, since what a module or a lookup takes for a
 * path is known to it alone. Words that name nothing are harmless. Pure.
 */

export interface Reference {
  /** With "*" where something is put in while it runs. Begins with "/" where it is absolute. */
  readonly path: string;
  /**
   * Whether it stands where files of the host are named, such as behind `src:`, or in a template. Most
   * absolute paths in a playbook are paths of the image.
   */
  readonly isRead: boolean;
}

export interface Places {
  /** Of the playbook. */
  readonly directory: string;
  /** Of the role that the text is from. */
  readonly role?: string;
  readonly home?: string;
}

/** Keys of modules, plays and lookups whose value is a file or directory beside Ansible. */
const KEYS: readonly string[] = [
  ...["src", "script", "file", "dir", "files", "paths", "path_file", "vault_password_file"],
  ...["include_tasks", "import_tasks", "include_vars", "import_playbook", "include", "vars_files"],
  ...["with_file", "with_fileglob", "with_first_found", "with_filetree", "with_lines", "loop"],
  ...["copy", "template", "unarchive", "assemble", "nspawn_runner_inputs", "library"],
];

const WORD = /[^\s"'`,;=()<>|&#{}[\]]+/g;
/** A key with what follows it in its line, as YAML or as `key=value` has it. */
const KEYED = /([\w.]{1,80})["']?\s{0,9}[:=]\s{0,99}((?:"[^"\n]*"|'[^'\n]*'|[^\s,{}[\]]+))/g;
/** A line that begins with a key, and what it has there; of a list, an item. */
const LINE_KEY = /^\s*(?:- +)?["']?([\w.]+)["']?\s*:(?:\s+(\S.*))?$/;
const LINE_ITEM = /^\s*- +([^:]+)$/;
const LITERAL = /"([^"\n]+)"|'([^'\n]+)'/g;

export function findReferences(text: string, places: Places): Reference[] {
  const found = new Map<string, boolean>();
  const add = (word: string, isRead: boolean): void => {
    const path = plainPath(word, places);
    if (path !== undefined) found.set(path, isRead || (found.get(path) ?? false));
  };
  const plain = text.replace(/\{[{%](.{0,1000}?)[}%]\}/gs, (_, expression: string) => {
    for (const literal of literalsOf(expression)) {
      add(literal, true);
      // As in "playbook_dir ~ '/files/key'".
      if (literal.startsWith("/")) add(`.${literal}`, true);
    }
    return placeOf(expression.trim(), places) ?? "*";
  });
  for (const word of plain.match(WORD) ?? []) {
    for (const part of [word, word.replace(/^[^:]*:+/, ""), word.replace(/[:.]+$/, "")]) {
      add(part, false);
    }
  }
  for (const literal of literalsOf(plain)) add(literal, false);
  for (const line of namedInLines(plain.split("\n"))) add(line.path, line.isRead);
  return [...found].map(([path, isRead]) => ({ path, isRead }));
}

/** What keys and lists of YAML, and `key=value`, have for a value. */
function* namedInLines(lines: readonly string[]): Generator<Reference> {
  let above = "";
  for (const line of lines.map((one) => one.trimEnd())) {
    for (const [, key = "", value = ""] of line.matchAll(KEYED)) {
      if (isKey(key)) yield* wordsOf(value).map((path) => ({ path, isRead: true }));
    }
    const [, key, value] = LINE_KEY.exec(line) ?? [];
    const [, item] = LINE_ITEM.exec(line) ?? [];
    if (key !== undefined && value === undefined) above = key;
    // A name with blanks in it needs no quotes.
    if (value !== undefined) yield { path: unquoted(value), isRead: false };
    if (value?.startsWith("[") && isKey(key ?? "")) {
      yield* wordsOf(value.replace(/[[\]]/g, " ")).map((path) => ({ path, isRead: true }));
    }
    if (item !== undefined && isKey(above)) yield { path: unquoted(item), isRead: true };
  }
}

const isKey = (key: string): boolean => KEYS.includes(key.slice(key.lastIndexOf(".") + 1));

const wordsOf = (value: string): string[] =>
  value.split(/[\s,]+/).map((word) => unquoted(word).replace(/^[\w.]+=/, ""));

const unquoted = (word: string): string => word.replace(/^["']|["']$/g, "");

const literalsOf = (text: string): string[] =>
  [...text.matchAll(LITERAL)].flatMap(([, double, single]) => double ?? single ?? []);

function placeOf(expression: string, { directory, role }: Places): string | undefined {
  if (expression === "playbook_dir") return directory;
  return expression === "role_path" ? role : undefined;
}

/** Nothing for what names no file: too short, too long, or nothing but what is put in. */
function plainPath(word: string, { home }: Places): string | undefined {
  if (word.length > 400 || /[\0\n]|:\/\//.test(word)) return undefined;
  const path = home !== undefined && word.startsWith("~/") ? home + word.slice(1) : word;
  const name = path.replace(/\/+$/, "");
  return /[A-Za-z0-9_]/.test(name) && !/^[-@]/.test(name) ? name : undefined;
}
