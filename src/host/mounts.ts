/** Mounts in our own mount namespace, which a unit has for itself (`PrivateMounts=`). */
import { withIdMap } from "./id-map.ts";
import { mountFileSystem, mountIdMapped } from "./libc.ts";

export interface Mounts {
  /** `data` are the file system's own options. */
  fileSystem(type: string, target: string, data: string): void;
  /** A directory once more, at `target`, with ids 0 to 65,535 from `idShift` on. */
  idMapped(request: {
    readonly source: string;
    readonly target: string;
    readonly idShift: number;
  }): Promise<void>;
}

export function openMounts(): Mounts {
  return {
    fileSystem: (type, target, data) => mountFileSystem(type, type, target, data),
    idMapped: ({ source, target, idShift }) =>
      withIdMap(idShift, (usernsFd) => mountIdMapped(source, target, usernsFd)),
  };
}
