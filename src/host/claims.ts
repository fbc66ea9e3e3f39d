/**
 * Things of which each has one owner at a time among all processes of this host: ranges of user ids,
 * pairs of addresses. A claim is a symbolic link, named after the thing, whose target is the owner's
 * name: making one is atomic, needs no lock, and it is read whole or not at all.
 */
import type { Files } from "./files.ts";

export interface Claim {
  readonly thing: string;
  readonly owner: string;
}

export interface Claims {
  /** Takes the first of `things` that nobody has; nothing when all are taken. */
  take(directory: string, owner: string, things: Iterable<string>): string | undefined;
  /** The first that nobody has just now, without taking it. */
  find(directory: string, things: Iterable<string>): string | undefined;
  /** Lets go of all that the owner has in the directory. Idempotent. */
  release(directory: string, owner: string): void;
  /** Those there are. What another process lets go of meanwhile may be among them or not. */
  list(directory: string): readonly Claim[];
}

type ClaimFiles = Pick<
  Files,
  "ensureDirectory" | "probe" | "list" | "linkNew" | "readLink" | "remove"
>;

export function openClaims(files: ClaimFiles): Claims {
  const list = (directory: string): Claim[] => {
    if (files.probe(directory) === undefined) return [];
    return files.list(directory).flatMap((thing) => {
      const owner = files.readLink(`${directory}/${thing}`);
      return owner === undefined ? [] : [{ thing, owner }];
    });
  };
  return {
    take: (directory, owner, things) => {
      files.ensureDirectory(directory, 0o700);
      for (const thing of things) if (files.linkNew(owner, `${directory}/${thing}`)) return thing;
      return undefined;
    },
    find: (directory, things) => {
      for (const thing of things) {
        if (files.probe(`${directory}/${thing}`) === undefined) return thing;
      }
      return undefined;
    },
    release: (directory, owner) => {
      for (const claim of list(directory)) {
        if (claim.owner === owner) files.remove(`${directory}/${claim.thing}`);
      }
    },
    list,
  };
}
