/** The table of all waits in `docs/reliability.md`, which is written by hand otherwise. */
import { WAITS } from "../../src/host/waits.ts";

const BEGIN = "<!-- The next table is written by script/docs from src/host/waits.ts. -->\n";
const END = "<!-- Here it ends. -->\n";

/** The page with its table as the code has it. */
export function withWaitTable(page: string): string {
  const [before, rest = ""] = page.split(BEGIN);
  const [, after] = rest.split(END);
  if (after === undefined) throw new Error("The page has no place for the table of waits.");
  return `${before}${BEGIN}\n${waitTable()}\n${END}${after}`;
}

function waitTable(): string {
  const rows = Object.values(WAITS)
    .toSorted((one, other) => one.ms - other.ms)
    .map(({ ms, what, late }) => `| ${formatSpan(ms)} | ${what} | ${late} |\n`);
  return [
    "| at most | what is waited for | when it does not come |\n|---|---|---|\n",
    ...rows,
  ].join("");
}

const UNITS = [
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
] as const;

function formatSpan(ms: number): string {
  const unit = UNITS.find(([, length]) => ms % length === 0);
  return unit === undefined ? `${ms} ms` : `${ms / unit[1]} ${unit[0]}`;
}
