/** Something to mend in a definition, or to think about, and where it is. */

export interface Finding {
  /** `error`: the definition cannot be used. `warning`: it can, but may not do what was meant. */
  readonly severity: "error" | "warning";
  readonly path: string;
  /** From 1, as editors count. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** `FILE:LINE:COLUMN: message`, the form that editors and CI systems jump to. */
export function formatFinding({ severity, path, line, column, message }: Finding): string {
  return `${path}:${line}:${column}: ${severity === "warning" ? "warning: " : ""}${message}`;
}
