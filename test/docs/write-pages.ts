/** `script/docs`: writes the pages of `docs/reference/`, and the table in `docs/reliability.md`. */
import { readFileSync, writeFileSync } from "node:fs";
import { referencePages } from "./pages.ts";
import { withWaitTable } from "./wait-table.ts";

for (const [name, text] of Object.entries(referencePages())) {
  writeFileSync(`${import.meta.dir}/../../docs/reference/${name}`, text);
}

const RELIABILITY = `${import.meta.dir}/../../docs/reliability.md`;
writeFileSync(RELIABILITY, withWaitTable(readFileSync(RELIABILITY, "utf8")));
