/**
 * What an `ansible.cfg` says: enough of Python's configparser, as Ansible sets it up
 * (lib/ansible/config/manager.py), to know which settings are the administrator's.
 */
import type { Host } from "../../host/host.ts";

export interface Configuration {
  /** The value of the first of these keys (`section.key`) that is there. */
  get(...keys: readonly string[]): string | undefined;
}

export function parseConfiguration(text: string): Configuration {
  const values = new Map<string, string>();
  let section = "";
  let key: string | undefined;
  for (const raw of text.split(/\r?\n/)) {
    if (/^\s*[#;]/.test(raw)) continue;
    const line = raw.replace(/\s;.*$/, "");
    const header = /^\[([^\]]+)\]/.exec(line);
    const entry = /^([^\s=:[][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line);
    if (header !== null) [section, key] = [header[1] ?? "", undefined];
    else if (/^\s+\S/.test(line)) {
      // A value goes on in lines that are indented.
      if (key !== undefined) values.set(key, `${values.get(key) ?? ""}${line.trim()}`);
    } else if (entry !== null) {
      key = `${section}.${(entry[1] ?? "").toLowerCase()}`;
      values.set(key, entry[2] ?? "");
    }
  }
  return {
    get: (...keys) => keys.map((name) => values.get(name)).find((value) => value !== undefined),
  };
}

/** That beside a definition; nothing where there is none, or a link that leads nowhere. */
export function readConfiguration(
  host: Pick<Host, "files">,
  directory: string,
): Configuration | undefined {
  const path = `${directory}/ansible.cfg`;
  if (host.files.probe(path) === undefined) return undefined;
  try {
    return parseConfiguration(host.files.readText(path));
  } catch {
    return undefined; // Ansible finds none either
  }
}
