/** `script/docs`: writes the pages of `docs/reference/`. */
import { writeFileSync } from "node:fs";
import { referencePages } from "./pages.ts";

for (const [name, text] of Object.entries(referencePages())) {
  writeFileSync(`${import.meta.dir}/../../docs/reference/${name}`, text);
}
