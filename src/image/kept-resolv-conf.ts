/**
 * An image's own /etc/resolv.conf, while a machine works in its tree: nspawn puts the machine's in its
 * place (`--resolv-conf=replace-host`), a file that programs can also change or replace, as they could
 * not with a mount.
 */
import type { Host } from "../host/host.ts";
import type { NetworkPlan } from "../network/network-plan.ts";
import type { Draft } from "./draft.ts";

const HOST_RESOLV_CONF = "/etc/resolv.conf";
const PATH = "etc/resolv.conf";
/** A page of comments, and more. */
const OWN_MAX_BYTES = 1024 * 1024;

export interface KeptResolvConf {
  /**
   * Puts the image's own back, unless somebody has put yet another there. Only for a tree that
   * `checkTree` has looked at since the machine ended: its `etc` is a directory.
   */
  restore(network: NetworkPlan): void;
}

export function keepResolvConf(
  host: Pick<Host, "files" | "trees">,
  draft: Pick<Draft, "tree">,
): KeptResolvConf {
  // Now: it may be another by the time that the session ends.
  const hosts = hostResolvConf(host);
  const own = readOwn(host, draft.tree);
  return {
    restore: (network) => {
      const text =
        network.kind === "private"
          ? network.resolvConf
          : network.kind === "host"
            ? hosts
            : undefined;
      using tree = host.trees.open(draft.tree);
      const found = tree.probe(PATH);
      if (text === undefined || found?.kind !== "file") return;
      const given = Buffer.from(text);
      if (found.sizeBytes !== given.length) return;
      if (!given.equals(tree.readBytes(PATH, given.length))) return;
      tree.remove(PATH);
      if (own?.kind === "file") tree.createFile(PATH, own.bytes, own.mode);
      if (own?.kind === "link") tree.link(own.target, PATH);
    },
  };
}

type Own =
  | { readonly kind: "file"; readonly bytes: Uint8Array; readonly mode: number }
  | { readonly kind: "link"; readonly target: string };

/** Nothing for what nspawn removes for good, such as a FIFO; it leaves a directory alone. */
function readOwn(host: Pick<Host, "trees">, root: string): Own | undefined {
  using tree = host.trees.open(root);
  const own = tree.probe(PATH);
  if (own?.kind === "file") {
    return { kind: "file", bytes: tree.readBytes(PATH, OWN_MAX_BYTES), mode: own.mode };
  }
  const target = tree.readLink(PATH);
  return target === undefined ? undefined : { kind: "link", target };
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
