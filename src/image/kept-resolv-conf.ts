/**
 * An image's own /etc/resolv.conf, while a machine works in its tree: nspawn puts the machine's in its
 * place (`--resolv-conf=replace-host`), a file that programs can also change or replace, as they could
 * not with a mount.
 */
import type { Host } from "../host/host.ts";
import type { NetworkPlan } from "../network/network-plan.ts";
import type { Draft } from "./draft.ts";

const HOST_RESOLV_CONF = "/etc/resolv.conf";

export interface KeptResolvConf {
  /**
   * Puts the image's own back, unless somebody has put yet another there. Only for a tree that
   * `checkTree` has looked at since the machine ended: its `etc` is a directory.
   */
  restore(network: NetworkPlan): void;
}

export function keepResolvConf(
  host: Pick<Host, "files">,
  draft: Pick<Draft, "tree" | "work">,
): KeptResolvConf {
  const { files } = host;
  // Now: it may be another by the time that the session ends.
  const hosts = hostResolvConf(host);
  const path = `${draft.tree}/etc/resolv.conf`;
  const own = files.probe(path);
  const aside = `${draft.work}/resolv.conf`;
  const target = own?.kind === "link" ? files.readLink(path) : undefined;
  if (own?.kind === "file") files.copy(path, aside, own.mode);
  return {
    restore: (network) => {
      const text =
        network.kind === "private"
          ? network.resolvConf
          : network.kind === "host"
            ? hosts
            : undefined;
      const found = files.probe(path);
      if (text === undefined || found?.kind !== "file") return;
      if (found.sizeBytes !== Buffer.byteLength(text) || files.readText(path) !== text) return;
      files.remove(path);
      if (own?.kind === "file") files.copy(aside, path, own.mode);
      if (target !== undefined) files.link(target, path);
    },
  };
}

/** What nspawn gives a machine on the host's network; nothing where the host has none. */
function hostResolvConf({ files }: Pick<Host, "files">): string | undefined {
  try {
    return files.readText(HOST_RESOLV_CONF);
  } catch {
    // Not there, or a link that leads nowhere.
    return undefined;
  }
}
