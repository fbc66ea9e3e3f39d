/** What tests of definitions share: a text, and what is made of it. */
import { parseImageName } from "../../text/names.ts";
import { checkDefinition } from "./check-definition.ts";
import { formatFinding } from "./finding.ts";

const file = (name: string) => {
  return {
    name: parseImageName(name),
    path: `${name}.yaml`,
    realPath: `/srv/images/${name}.yaml`,
    directory: "/srv/images",
  };
};

export function check(text: string, name = "trixie"): ReturnType<typeof checkDefinition> {
  return checkDefinition(text, file(name));
}

/** What the person sees: faults, or warnings. */
export function findings(text: string, name?: string): string[] {
  const checked = check(text, name);
  return (checked.kind === "valid" ? checked.definition.warnings : checked.faults).map(
    formatFinding,
  );
}

export function valid(text: string, name?: string) {
  const checked = check(text, name);
  if (checked.kind === "valid") return checked.definition;
  throw new Error(checked.faults.map(formatFinding).join("\n"));
}

/** A first play whose vars are these lines. */
export const play = (...lines: string[]): string =>
  `- hosts: all\n  vars:\n${lines.map((line) => `    ${line}\n`).join("")}`;
