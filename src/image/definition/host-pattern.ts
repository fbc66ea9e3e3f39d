/**
 * Which hosts of a build's inventory a play is for, as Ansible matches them
 * (lib/ansible/inventory/manager.py of 2.14 to 2.19). Pure.
 */

/** The group that every image is in while it is built. */
export const IMAGE_GROUP = "nspawn_runner";

/** Names that Ansible makes a host of by itself: this one (`C.LOCALHOST`). */
export const LOCAL_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "::1"];

export interface MatchedHosts {
  readonly image: boolean;
  /** The host that the build runs on. */
  readonly local: boolean;
}

/** An image as the inventory calls it: a ":" would separate its name from a port. */
export const inventoryName = (image: string): string => image.replace(/[^A-Za-z0-9._-]/g, "-");

/** `patterns`: the text, or the items of the list, that `hosts:` of a play is. */
export function matchHosts(patterns: readonly string[], image: string): MatchedHosts {
  const words = patterns.flatMap(splitPattern).filter((word) => word !== "");
  const added = words.filter((word) => !/^[!&]/.test(word));
  const matched = (added.length === 0 && words.length > 0 ? ["all"] : added).map((word) =>
    matchOne(word, image),
  );
  const kept = [...matched.reduce(unite, new Set<Host>())].filter((host) =>
    words.every((word) => {
      if (word.startsWith("&")) return matchOne(word.slice(1), image).has(host);
      return !(word.startsWith("!") && matchOne(word.slice(1), image).has(host));
    }),
  );
  return { image: kept.includes("image"), local: kept.includes("local") };
}

type Host = "image" | "local";

const unite = (one: Set<Host>, other: ReadonlySet<Host>): Set<Host> => new Set([...one, ...other]);

/** By commas, else by colons, but for addresses of IPv6. */
function splitPattern(pattern: string): string[] {
  const text = pattern.trim();
  if (text.includes(",")) return text.split(",").flatMap(splitPattern);
  if (LOCAL_HOSTS.includes(text.replace(/^[!&]/, "")) || text.startsWith("~")) return [text];
  return text.split(/:(?![^[]*\])/).map((word) => word.trim());
}

function matchOne(pattern: string, image: string): ReadonlySet<Host> {
  const none = new Set<Host>();
  // "all[0]" and "all[0:2]" are the first of one host; "all[1]" is nobody.
  const [, name = pattern, from] = /^(.+)\[(-?\d+|\d*[:-]\d*)\]$/.exec(pattern) ?? [];
  if (from !== undefined && !/^(-?[01]|0?[:-]\d*)$/.test(from)) return none;
  if (from === "1") return none;
  const test = compile(name);
  const names = ["all", IMAGE_GROUP, inventoryName(image)];
  if (test === undefined || names.some((one) => test.test(one))) return new Set<Host>(["image"]);
  return LOCAL_HOSTS.includes(name) ? new Set<Host>(["local"]) : none;
}

/** Nothing for what only Python may understand: then nothing is said against it. */
function compile(pattern: string): RegExp | undefined {
  const source = pattern.startsWith("~") ? `^(?:${pattern.slice(1)})` : `^${translate(pattern)}$`;
  try {
    return new RegExp(source);
  } catch {
    return undefined; // told by Ansible, if at all
  }
}

/** Of a shell's pattern (fnmatch(7)). */
const translate = (pattern: string): string =>
  pattern.replace(/\[!?[^\]]+\]|[^A-Za-z0-9_]/g, (part) => {
    if (part === "*") return ".*";
    if (part === "?") return ".";
    if (part.length > 1) return part.replace(/^\[!/, "[^");
    return `\\${part}`;
  });
