/** From facts to what has to be made first, and to the job's machine. Pure. */

import type { Image } from "../image/find-image.ts";
import type { PackageRequest } from "../image/packages/package-request.ts";
import type { MachineRequest } from "../machine/create-machine.ts";
import type { FoundImage, JobFacts } from "./gather-job.ts";

/** What must be there before the machine can be planned, or had better be. */
export type Need =
  /** A declared image that was not built yet. */
  | { readonly kind: "image"; readonly name: string }
  /** A directory that came by hand is to become clonable at once, for this job and all others. */
  | { readonly kind: "own-tree"; readonly image: Image }
  | {
      readonly kind: "packages";
      readonly base: Image;
      readonly packages: PackageRequest;
      /** An earlier job has installed them: nothing but a hold on that image is needed. */
      readonly installed: boolean;
    };

/** In the order in which they are to be met; what the first one makes, the others build on. */
export function planNeeds(facts: JobFacts): readonly Need[] {
  const { image, packages, imageName } = facts;
  if (image === undefined) return [{ kind: "image", name: imageName }];
  const needs: Need[] = [];
  if (image.wantsOwnTree) needs.push({ kind: "own-tree", image: image.image });
  if (packages !== undefined) {
    const installed = packages.extended !== undefined;
    needs.push({ kind: "packages", base: image.image, packages: packages.names, installed });
  }
  return needs;
}

/** The machine, once its image is there; nothing while that has to be made first. */
export function planRequest(facts: JobFacts): MachineRequest | undefined {
  const source = sourceOf(facts);
  if (source === undefined) return undefined;
  const { request, store, grant } = facts;
  return {
    name: request.name,
    rootDirectory: store.rootDirectory,
    storage: store.storage,
    image: source.image.name,
    source: source.image.tree,
    root: "clone",
    payload: { kind: source.boots ? "system" : "agent" },
    settings: { ...source.settings, limits: grant.limits },
    loosening: grant.loosening,
    network: facts.network,
    jobId: request.jobId,
    bootTimeoutSeconds: facts.bootTimeoutSeconds,
    jobTimeoutSeconds: request.timeoutSeconds,
    memoryBytes: facts.memoryBytes,
    gitlabRunner: facts.gitlabRunner,
    owner: facts.owner,
  };
}

function sourceOf({ image, packages }: JobFacts): FoundImage | undefined {
  return packages === undefined ? image : packages.extended;
}
