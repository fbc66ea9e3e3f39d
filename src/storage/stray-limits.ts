/** What limits of clones have left on a file system, whatever the storage was that has set them. */
import type { StrayLimit } from "./disk-limiter.ts";
import { findStrayProjects } from "./project-quotas.ts";
import { findStrayGroups } from "./simple-quotas.ts";
import type { StorageHost } from "./storage.ts";

/** Looks only. Two calls of the kernel where a file system has no quotas. */
export const findStrayLimits = async (
  host: StorageHost,
  rootDirectory: string,
): Promise<StrayLimit[]> => [
  ...(await findStrayGroups(host, rootDirectory)),
  ...findStrayProjects(host, rootDirectory),
];
