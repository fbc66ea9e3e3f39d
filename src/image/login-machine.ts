/** The machine that a person works in: as those of builds are, with their terminal or their pipes. */

import type { Host } from "../host/host.ts";
import type { MachineRequest } from "../machine/create-machine.ts";
import { NO_LOOSENING } from "../machine/loosening.ts";
import { PLAIN_SETTINGS } from "../machine/machine-settings.ts";
import { LOGIN_PREFIX } from "../machine/machine-units.ts";
import { ownProcess } from "../machine/owner.ts";
import type { Session } from "../machine/payload.ts";
import { type MachineName, parseMachineName } from "../text/names.ts";
import type { BuildLimits } from "./build/build-image.ts";
import type { ImageStore } from "./draft.ts";

export interface LoginMachine {
  readonly name: MachineName;
  readonly image: string;
  readonly source: string;
  readonly root: "clone" | "tree";
  /** None for a shell. */
  readonly command: readonly string[];
  readonly readOnly: boolean;
  readonly limits: BuildLimits;
}

export const newLoginName = (host: Pick<Host, "randomName">): MachineName =>
  parseMachineName(`${LOGIN_PREFIX}${host.randomName(12)}`);

export function loginMachine(
  host: Host,
  store: ImageStore,
  login: LoginMachine,
): MachineRequest & { readonly payload: Session } {
  const { name, image, source, root, command, readOnly, limits } = login;
  return {
    name,
    rootDirectory: store.rootDirectory,
    storage: store.storage,
    image,
    source,
    root,
    payload: {
      kind: "session",
      command,
      terminal: host.terminal,
      readOnly,
      environment: passOn(host.environment),
      hostName: isHostName(image) ? image : name,
    },
    settings: { ...PLAIN_SETTINGS, limits: limits.machine },
    loosening: NO_LOOSENING,
    network: limits.network,
    jobId: "0",
    bootTimeoutSeconds: limits.bootTimeoutSeconds,
    jobTimeoutSeconds: undefined,
    memoryBytes: limits.memoryBytes,
    gitlabRunner: undefined,
    owner: ownProcess(host),
  };
}

/** What describes the person's terminal and language, and nothing else of their environment. */
function passOn(environment: Readonly<Record<string, string>>): Record<string, string> {
  const { TERM, COLORTERM, LC_ALL, LANG } = environment;
  const known = { TERM, COLORTERM, LANG: LC_ALL || LANG };
  return Object.fromEntries(
    Object.entries(known).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && PLAIN.test(entry[1]),
    ),
  );
}

const PLAIN = /^[A-Za-z0-9_.@+-]{1,64}$/;

const isHostName = (text: string): boolean => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
