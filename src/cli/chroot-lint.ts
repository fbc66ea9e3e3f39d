/** `chroot-lint [--json] [NAME…]`. */
import { definitionDirectories } from "../config/choices.ts";
import { readConfig } from "../config/config.ts";
import { formatFinding } from "../image/definition/finding.ts";
import { lintDefinitions } from "../image/definition/lint-definitions.ts";
import { formatJson } from "../text/escape.ts";
import type { Action } from "./context.ts";

/** 1 as of other linters, so that a faulty file is told from a lint that could not run. */
const FAULTS_CODE = 1;

export const chrootLintAction: Action<[string[], { json?: boolean }]> = async (
  { host },
  words,
  options,
) => {
  const config = await readConfig(host);
  const { rootDirectory } = config;
  const directories = definitionDirectories(config);
  const { count, findings } = await lintDefinitions(host, { directories, rootDirectory, words });
  if (options.json) host.print(formatJson(findings));
  else for (const finding of findings) host.print(`${formatFinding(finding)}\n`);
  const faulty = findings.some(({ severity }) => severity === "error");
  const definitions = `${count} definition${count === 1 ? "" : "s"}`;
  if (!faulty) host.log.info(`${definitions} without faults.`);
  return faulty ? { kind: "code", code: FAULTS_CODE } : "success";
};
