/**
 * What of a configuration this host makes wrong: where its links lead, and what its devices are. Looks
 * only, at what rules loosen.
 */
import type { Host } from "../host/host.ts";
import type { Config } from "./config.ts";
import type { ConfigFault } from "./config-faults.ts";
import { bindsOver, sourceFault } from "./loosening-settings.ts";

type FilesHost = Pick<Host, "files">;

export function findHostFaults(
  host: FilesHost,
  { rules, rootDirectory }: Pick<Config, "rules" | "rootDirectory">,
): ConfigFault[] {
  return rules.flatMap(({ number, consequences: { loosening } }, index) => {
    const told = (key: string, item: number, what: string | undefined): ConfigFault[] =>
      what === undefined
        ? []
        : [{ path: ["rule", index, key, item], message: `"${key}" of rule ${number} ${what}` }];
    return [
      ...(loosening.binds ?? []).flatMap(({ source }, item) =>
        told("binds", item, bindFault(host, source, rootDirectory)),
      ),
      ...(loosening.devices ?? []).flatMap((path, item) =>
        told("devices", item, deviceFault(host, path)),
      ),
    ];
  });
}

/** By where both are, whatever links lead there. */
function bindFault(host: FilesHost, source: string, rootDirectory: string): string | undefined {
  const real = realPath(host, source);
  const isOver = bindsOver({ source: real }, realPath(host, rootDirectory));
  const fault = isOver
    ? `cannot be over "${rootDirectory}": all images and machines are there`
    : sourceFault(real);
  return fault === undefined || real === source ? fault : `${fault} (it is "${real}")`;
}

/** One that is not there is told when a job is to have it: other hosts may have this file too. */
function deviceFault(host: FilesHost, path: string): string | undefined {
  const real = realPath(host, path);
  const kind = host.files.probe(real)?.kind;
  if (kind === undefined || kind === "device") return undefined;
  return `must be a device, and "${real}" is ${kind === "other" ? "a socket or a pipe" : `a ${kind}`}`;
}

/** Of what is not there, as far as it is. */
function realPath(host: FilesHost, path: string): string {
  try {
    return host.files.realPath(path);
  } catch {
    const slash = path.lastIndexOf("/");
    return slash < 1 ? path : `${realPath(host, path.slice(0, slash))}${path.slice(slash)}`;
  }
}
