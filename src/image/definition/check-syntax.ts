/** `ansible-playbook --syntax-check`: what only Ansible knows of a definition. */
import type { Host } from "../../host/host.ts";
import { escapeUntrusted } from "../../text/escape.ts";
import type { DefinitionFile } from "./check-definition.ts";
import type { Finding } from "./finding.ts";

const TOOL = "ansible-playbook";

/** Whether Ansible is installed where commands are looked for. */
export function hasAnsible(host: Pick<Host, "files" | "environment">): boolean {
  const directories = (host.environment.PATH ?? "").split(":").filter((path) => path !== "");
  return directories.some((directory) => host.files.probe(`${directory}/${TOOL}`) !== undefined);
}

/** Ansible stops at its first fault. Takes about a second. */
export async function checkSyntax(
  host: { readonly processes: Pick<Host["processes"], "run"> },
  file: DefinitionFile,
  environment: Readonly<Record<string, string>> = {},
): Promise<Finding | undefined> {
  // An inventory of its own: the host's may be large, and its absence is warned of.
  const argv = [TOOL, "--syntax-check", "--inventory=localhost,", file.realPath];
  const result = await host.processes.run(argv, {
    // Of its own it has but this in the home of whoever lints.
    environment: { ANSIBLE_NOCOLOR: "1", ANSIBLE_LOCAL_TEMP: "/tmp", ...environment },
    workingDirectory: file.directory,
    onCancel: "kill",
  });
  return result.exitCode === 0 ? undefined : parseSyntaxFault(result.stderr, file);
}

/** Whether it may be about a role or a module that is not installed yet. */
export const isAbsence = ({ message }: Finding): boolean =>
  /role '.*' was not found|couldn't resolve module|unable to find|not found in/i.test(message);

/** Before 2.19 "ERROR! …" and "appears to be in 'FILE': line 3, column 5"; since, "Origin: FILE:3:5". */
export function parseSyntaxFault(
  stderr: string,
  file: Pick<DefinitionFile, "path" | "realPath">,
): Finding {
  const message = /^(?:\[ERROR\]:|ERROR!) *(.+)$/m.exec(stderr)?.[1] ?? stderr.trim();
  const origin =
    /^Origin: (.+?):(\d+)(?::(\d+))?$/m.exec(stderr) ??
    /appears to be in '(.+?)': line (\d+), column (\d+)/.exec(stderr);
  const path = origin?.[1] ?? file.path;
  return {
    severity: "error",
    path: path === file.realPath ? file.path : path,
    line: Number(origin?.[2] ?? 1),
    column: Number(origin?.[3] ?? 1),
    message: `Ansible says: ${escapeUntrusted(message, 500)}`,
  };
}
