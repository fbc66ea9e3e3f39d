/** What is wrong with a configuration, in words and by its path. Pure. */
import type * as v from "valibot";
import { nearestName } from "../text/nearest.ts";
import { bindsOver } from "./loosening-settings.ts";
import { ruleEntries } from "./rule-settings.ts";
import { entries, type Settings } from "./settings.ts";

export interface ConfigFault {
  readonly path: readonly (string | number)[];
  /** Behind the file's name and place. */
  readonly message: string;
}

/** Of valibot's issue, which may be in the midst of an own sentence of ours. */
export function describeIssue(issue: v.BaseIssue<unknown>): ConfigFault {
  const path = (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
  const message =
    issue.expected === "never"
      ? describeUnknown(path)
      : `${nameOf(path)} ${lowerFirst(issue.message)}`;
  return { path, message };
}

function describeUnknown(path: ConfigFault["path"]): string {
  const key = String(path.at(-1));
  const [table, place] =
    path[0] === "rule" ? [ruleEntries, ` of rule ${Number(path[1]) + 1}`] : [entries, ""];
  const near = nearestName(key, Object.keys(table));
  const hint =
    near === undefined
      ? `; known are ${Object.keys(table).join(", ")}`
      : `; did you mean "${near}"?`;
  return `"${key}"${place} is not a setting${hint}`;
}

/** `"network"`, `"projects" of rule 2`, `rule 2`. */
function nameOf([first = "", index, key]: ConfigFault["path"]): string {
  if (first !== "rule" || index === undefined) return `"${first}"`;
  const rule = `rule ${Number(index) + 1}`;
  return key === undefined ? rule : `"${key}" of ${rule}`;
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

/** What is well said by itself, and not beside the rest of the file. */
export function findContradictions(settings: Settings): ConfigFault[] {
  const faults: ConfigFault[] = [...findIdleNetwork(settings), ...findIdleMaxima([], settings)];
  const numbers = new Map<string, number>();
  for (const [index, rule] of settings.rule.entries()) {
    const { name, binds = [] } = rule;
    faults.push(...findIdleMaxima(["rule", index], rule));
    const earlier = name === undefined ? undefined : numbers.get(name);
    if (earlier !== undefined) {
      const message = `"name" of rule ${index + 1} is that of rule ${earlier}`;
      faults.push({ path: ["rule", index, "name"], message });
    }
    if (name !== undefined) numbers.set(name, index + 1);
    for (const [item, bind] of binds.entries()) {
      if (!bindsOver(bind, settings.root_directory)) continue;
      const message = `"binds" of rule ${index + 1} cannot be over "${settings.root_directory}": all images and machines are there`;
      faults.push({ path: ["rule", index, "binds", item], message });
    }
  }
  return faults;
}

/** Filters and openings where no job has a network that they could be of. */
function findIdleNetwork(settings: Settings): ConfigFault[] {
  const { network, rule } = settings;
  const isPrivate =
    network === "private" ||
    rule.some(
      ({ network: own, network_allow = [], network_deny = [] }) =>
        own === "private" || (network === "host" && [...network_allow, ...network_deny].length > 0),
    );
  if (isPrivate) return [];
  const does = {
    network_allow: "filters",
    network_deny: "filters",
    network_open: "opens",
  } as const;
  return (["network_allow", "network_deny", "network_open"] as const)
    .filter((key) => settings[key].length > 0)
    .map((key) => ({
      path: [key],
      message: `"${key}" ${does[key]} nothing with network = "${network}": it needs "private"`,
    }));
}

/** What a job may ask for at most, where it has more unasked. */
function findIdleMaxima(
  path: ConfigFault["path"],
  said: { readonly [key: string]: unknown },
): ConfigFault[] {
  const prefix = path.length === 0 ? "job_" : "";
  return ["memory", "cpus", "disk"].flatMap((name) => {
    const [usual, max] = [said[prefix + name], said[`${prefix}${name}_max`]];
    if (typeof usual !== "number" || typeof max !== "number" || max >= usual) return [];
    const key = `${prefix}${name}_max`;
    const message = `${nameOf([...path, key])} is less than ${prefix}${name}, which jobs have unasked`;
    return [{ path: [...path, key], message }];
  });
}
