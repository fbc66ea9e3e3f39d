/** Whether this host can hold a machine to a limit of what it writes: a fact for the policy. */
import type { DiskKeeper } from "../policy/grant.ts";
import type { Storage, StorageHost } from "../storage/storage.ts";

/** Looks only: two system calls. */
export const probeDisk = (
  host: StorageHost,
  place: {
    readonly rootDirectory: string;
    readonly storage: Pick<Storage, "kind" | "limiter">;
  },
): DiskKeeper => ({
  storage: place.storage.kind,
  fit: place.storage.limiter.probe(host, place.rootDirectory),
});
