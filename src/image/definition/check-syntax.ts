/** `ansible-playbook --syntax-check`: what only Ansible knows of a definition. */
import type { Host } from "../../host/host.ts";
import { escapeUntrusted } from "../../text/escape.ts";
import { checkInSandbox, type SandboxHost } from "../ansible/check-in-sandbox.ts";
import { readConfiguration } from "../ansible/configuration.ts";
import { searchPaths } from "./ansible-places.ts";
import type { DefinitionFile } from "./check-definition.ts";
import type { Finding } from "./finding.ts";

const TOOL = "ansible-playbook";

/** Whether Ansible is installed where commands are looked for. */
export function hasAnsible(host: Pick<Host, "files" | "environment">): boolean {
  const directories = (host.environment.PATH ?? "").split(":").filter((path) => path !== "");
  return directories.some((directory) => host.files.probe(`${directory}/${TOOL}`) !== undefined);
}

export type SyntaxHost = SandboxHost & Pick<Host, "userId">;

/** sd_booted(3). */
const BOOTED = "/run/systemd/system";

/**
 * Ansible stops at its first fault. Takes about a second. To read a playbook is to run code of it (a
 * lookup in the name of what it imports, plugins beside it): as root it is in the sandbox that a build
 * has for it. Anybody else is its own user here, with no more than their rights.
 */
export async function checkSyntax(
  host: SyntaxHost,
  file: DefinitionFile,
  /** Where requirements are installed that it has. */
  installed: string | undefined,
): Promise<Finding | undefined> {
  const sandboxed = host.userId === 0 && host.files.probe(BOOTED) !== undefined;
  const result = sandboxed
    ? await checkInSandbox(host, { ...file, playbook: file.realPath, installed })
    : await checkAsOurselves(host, file, installed);
  return result.exitCode === 0 ? undefined : parseSyntaxFault(result.stderr, file);
}

function checkAsOurselves(
  host: SyntaxHost,
  { realPath, directory }: DefinitionFile,
  installed: string | undefined,
): ReturnType<Host["processes"]["run"]> {
  const paths =
    installed === undefined
      ? {}
      : searchPaths(directory, readConfiguration(host, directory), installed);
  // An inventory of its own: the host's may be large, and its absence is warned of.
  return host.processes.run([TOOL, "--syntax-check", "--inventory=localhost,", realPath], {
    // Of its own it has but this in the home of whoever lints.
    environment: { ANSIBLE_NOCOLOR: "1", ANSIBLE_LOCAL_TEMP: "/tmp", ...paths },
    workingDirectory: directory,
    onCancel: "kill",
  });
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
