/** Mounts in our mount namespace, which most units of ours have for themselves. */
import { withIdMap } from "./id-map.ts";
import { mountFileSystem, mountIdMapped } from "./libc.ts";
import { detachBelow } from "./mount-table.ts";

export interface Mounts {
  tmpfs(request: { readonly target: string; readonly sizeBytes: number }): void;
  /** A directory once more, at `target`, with `idCount` ids from 0 on as those from `idShift` on. */
  idMapped(request: {
    readonly source: string;
    readonly target: string;
    readonly idShift: number;
    readonly idCount: number;
  }): Promise<void>;
  overlay(request: {
    readonly target: string;
    readonly lower: string;
    readonly upper: string;
    readonly work: string;
  }): void;
  /**
   * Unmounts what is mounted at or below a directory, whoever uses it. Returns what is mounted there
   * all the same; nothing there is fine.
   */
  detachBelow(directory: string): string[];
}

export function openMounts(): Mounts {
  return {
    tmpfs: ({ target, sizeBytes }) =>
      mountFileSystem("tmpfs", "tmpfs", target, `mode=0700,size=${sizeBytes}`),
    idMapped: ({ source, target, idShift: shift, idCount: count }) =>
      withIdMap({ shift, count }, (usernsFd) => mountIdMapped(source, target, usernsFd)),
    overlay: ({ target, lower, upper, work }) => {
      const places = { lowerdir: lower, upperdir: upper, workdir: work };
      const options = Object.entries(places).map(([key, path]) => `${key}=${escapeLayer(path)}`);
      mountFileSystem("overlay", "overlay", target, options.join(","));
    },
    detachBelow,
  };
}

/**
 * A comma ends an option and a colon a layer, unless a backslash is before it
 * (ovl_next_opt() and ovl_unescape() of Linux; Documentation/filesystems/overlayfs.rst).
 */
function escapeLayer(path: string): string {
  return path.replace(/[\\:,]/g, "\\$&");
}
