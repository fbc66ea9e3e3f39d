/** The parser of definitions, for all who need a definition or nothing. */
import { basename } from "node:path";
import { RunnerError } from "../../text/errors.ts";
import { checkDefinition, type DefinitionFile } from "./check-definition.ts";
import type { Definition } from "./definition.ts";
import { formatFinding } from "./finding.ts";

/** Throws one system error with every fault, each with its place. */
export function parseDefinition(text: string, file: DefinitionFile): Definition {
  const checked = checkDefinition(text, file);
  if (checked.kind === "valid") return checked.definition;
  const faults = checked.faults.map((fault) =>
    formatFinding({ ...fault, path: basename(fault.path) }),
  );
  throw new RunnerError({
    kind: "system",
    message: `The definition "${file.path}" cannot be used:\n  ${faults.join("\n  ")}`,
    hints: [`Mend it, then check it with "nspawn-runner chroot-lint ${file.name}".`],
  });
}
