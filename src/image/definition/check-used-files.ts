/** What of the files that a definition uses would leave the image while they run. Looks only. */
import type { Definition } from "./definition.ts";
import { findForeignHosts, findLocalConnections } from "./find-local-plays.ts";
import type { Finding } from "./finding.ts";
import { isPlaybook, parseNodes, parsePlaybook } from "./playbook.ts";
import { findUsedFiles, type UsedHost } from "./used-files.ts";

/** Nothing of a file that is no YAML: Ansible tells of those that it reads. */
export function checkUsedFiles(host: UsedHost, definition: Definition): Finding[] {
  return findUsedFiles(host, definition).yaml.flatMap(({ path, text }) => {
    const nodes = parseNodes(text);
    if (nodes.faults.length > 0) return [];
    const plays = isPlaybook(text) ? parsePlaybook(text).plays : [];
    const found = [findForeignHosts(nodes, plays, definition.name), findLocalConnections(nodes)];
    const at = (severity: Finding["severity"]) => (fault: { offset: number; message: string }) => ({
      ...{ severity, path, message: fault.message },
      ...nodes.place(fault.offset),
    });
    return found.flatMap(({ faults, warnings }) => [
      ...faults.map(at("error")),
      ...warnings.map(at("warning")),
    ]);
  });
}
