/** The variables of ours in a playbook: found, and checked against their schema. */

import * as v from "valibot";
import { isMap } from "yaml";
import { escapeUntrusted } from "../../text/escape.ts";
import { nearestName } from "../../text/nearest.ts";
import { describeIssue } from "./describe-issue.ts";
import { findPlace, type Located, locateValue } from "./located-value.ts";
import type { Play, Playbook } from "./playbook.ts";
import { PREFIX, variableNames, variables } from "./variables.ts";
import { isEmptyNode, offsetOf, readEntries } from "./yaml-entries.ts";

/** What the variables say, defaults filled in. */
export type Values = v.InferOutput<typeof variables>;

interface Variables {
  /** Nothing when one of them is wrong: the faults are then in the playbook's. */
  readonly values: Values | undefined;
  readonly located: Located;
}

/** Adds what is wrong to `playbook.faults`. */
export function readVariables(playbook: Playbook, play: Play): Variables {
  const children = new Map<string | number, Located>();
  const unusable = new Set<unknown>();
  for (const [name, entry] of findVars(playbook, play)) {
    if (!name.startsWith(PREFIX)) continue;
    if (!variableNames.includes(name)) {
      playbook.faults.push({ offset: entry.keyOffset, message: describeUnknown(name) });
      continue;
    }
    const before = playbook.faults.length;
    children.set(name, locateValue(playbook, entry.node, { keyOffset: entry.keyOffset }));
    if (playbook.faults.length > before) unusable.add(name);
  }
  const value = Object.fromEntries([...children].map(([name, child]) => [name, child.value]));
  const located: Located = { value, offset: play.offset, keyOffset: play.offset, children };
  const result = v.safeParse(variables, value);
  if (result.success) return { values: unusable.size === 0 ? result.output : undefined, located };
  for (const issue of result.issues) {
    if (unusable.has(issue.path?.[0]?.key)) continue;
    for (const { path, at, message } of describeIssue(issue, variables)) {
      const place = findPlace(located, path);
      const offset = at === "key" ? place.keyOffset : place.offset;
      playbook.faults.push({ offset, message });
    }
  }
  return { values: undefined, located };
}

/** All of them, where valibot would tell the first only. */
function describeUnknown(name: string): string {
  const near = nearestName(
    name.slice(PREFIX.length),
    variableNames.map((known) => known.slice(PREFIX.length)),
  );
  const hint =
    near === undefined
      ? `known are ${variableNames.join(", ")}`
      : `did you mean "${PREFIX}${near}"?`;
  return `"${escapeUntrusted(name, 60)}" is not a variable of nspawn-runner; ${hint}`;
}

function findVars(playbook: Playbook, play: Play): ReturnType<typeof readEntries> {
  const vars = play.entries.get("vars");
  if (vars === undefined || isEmptyNode(vars.node)) return new Map();
  if (isMap(vars.node)) return readEntries(playbook, vars.node);
  const offset = offsetOf(vars.node) ?? vars.keyOffset;
  playbook.faults.push({ offset, message: '"vars" of a play is a map of names to values' });
  return new Map();
}
