/** What a valid definition says that may not do what was meant. */
import { creatorOf } from "../creators/creators.ts";
import type { Definition } from "./definition.ts";
import { findPlace, type Located } from "./located-value.ts";
import type { Playbook } from "./playbook.ts";
import { variableNames } from "./variables.ts";
import type { Fault } from "./yaml-entries.ts";

export function findWarnings(
  definition: Definition,
  playbook: Playbook,
  variables: Located,
): Fault[] {
  const at = (...path: (string | number)[]): number => findPlace(variables, path).offset;
  const warnings: Fault[] = [];
  const { create, packages, recreate } = definition;
  if (recreate && !creatorOf(create).rolling(create.options)) {
    const message = `creating by ${create.kind} gives the same each time: "nspawn_runner_maint_recreate" only takes longer`;
    warnings.push({ offset: at("nspawn_runner_maint_recreate"), message });
  }
  for (const [index, name] of packages.entries()) {
    if (packages.indexOf(name) === index) continue;
    const offset = at("nspawn_runner_packages", index);
    warnings.push({ offset, message: `the package "${name}" is listed twice` });
  }
  return [...warnings, ...strayVariables(playbook, variables)];
}

/** Variables of ours that only Ansible sees, such as in a later play or in the vars of a task. */
function strayVariables({ keys }: Playbook, variables: Located): Fault[] {
  const read = new Set([...variables.children.values()].map(({ keyOffset }) => keyOffset));
  return keys.flatMap(({ name, offset }) => {
    if (!variableNames.includes(name) || read.has(offset)) return [];
    const message = `"${name}" has an effect only in the "vars" of the first play`;
    return [{ offset, message }];
  });
}
