/**
 * What lies in a machine's runtime directory when it starts: its control directory, which the machine
 * sees read-only at /run/nspawn-runner, and what is for the host alone. Pure.
 */
import { formatCommand } from "../text/format-command.ts";
import agentText from "./agent.sh" with { type: "text" };
import { machinePaths } from "./machine-paths.ts";
import type { MachineFacts } from "./machine-plan.ts";
import { environmentFile, userFile } from "./machine-settings.ts";
import sessionText from "./session.sh" with { type: "text" };
import { starterScript } from "./starter.ts";
import { AGENT_UNIT, agentUnitText, NETWORK_UNIT, NETWORK_UNIT_TEXT } from "./units-inside.ts";

export interface PlannedDirectory {
  readonly path: string;
  readonly mode: number;
}

export interface PlannedFile extends PlannedDirectory {
  readonly text: string;
}

export interface PlannedFifo extends PlannedDirectory {
  /** Host id of its owner, who may open it. */
  readonly ownerId: number;
}

export interface ControlDirectory {
  readonly directories: readonly PlannedDirectory[];
  readonly files: readonly PlannedFile[];
  readonly fifos: readonly PlannedFifo[];
}

/** For a shell to read: it becomes the command. Nothing to become a shell. */
const commandFile = (command: readonly string[]): string =>
  command.length === 0 ? "" : `exec ${formatCommand(command)}\n`;

/** The FIFOs belong to the machine's root; all else is ours, and the machine may only read it. */
export function planControlDirectory(
  facts: Pick<
    MachineFacts,
    | "name"
    | "architecture"
    | "settings"
    | "loosening"
    | "payload"
    | "gitlabRunner"
    | "network"
    | "idShift"
  >,
): ControlDirectory {
  const { settings, loosening, payload, gitlabRunner, network, idShift } = facts;
  const paths = machinePaths(facts.name);
  const connects = network.kind === "private";
  const shown = (path: string, text: string): PlannedFile => ({ path, mode: 0o644, text });
  return {
    directories: [paths.control, paths.steps, paths.units, paths.bin].map((path) => ({
      path,
      mode: 0o755,
    })),
    files: [
      shown(`${paths.control}/agent`, agentText),
      ...(payload.kind === "session"
        ? [
            shown(`${paths.control}/session`, sessionText),
            shown(`${paths.control}/command`, commandFile(payload.command)),
          ]
        : []),
      shown(`${paths.units}/${AGENT_UNIT}`, agentUnitText(settings.readyTarget)),
      shown(`${paths.control}/starter`, starterScript(facts.architecture)),
      shown(`${paths.control}/environment`, environmentFile(settings)),
      ...(settings.user === undefined
        ? []
        : [shown(`${paths.control}/user`, userFile(settings.user))]),
      ...(loosening.nesting ? [shown(`${paths.control}/nesting`, "")] : []),
      // Something for the host's program to be bound over.
      ...(gitlabRunner === undefined
        ? []
        : [{ path: `${paths.bin}/gitlab-runner`, mode: 0o755, text: "" }]),
      ...(connects
        ? [
            shown(paths.resolvConf, network.resolvConf),
            shown(`${paths.units}/${NETWORK_UNIT}`, NETWORK_UNIT_TEXT),
          ]
        : []),
    ],
    fifos: [paths.request, paths.ready, ...(connects ? [paths.network] : [])].map((path) => ({
      path,
      mode: 0o600,
      ownerId: idShift,
    })),
  };
}
