/** Whether the images that definitions extend are there, and none extends itself. Pure. */
import type { ImageName } from "../../text/names.ts";
import type { Finding } from "./finding.ts";

export interface Child {
  readonly name: ImageName;
  /** The image that it extends. */
  readonly parent: string | undefined;
  /** Where it says so. */
  readonly place: Pick<Finding, "path" | "line" | "column">;
}

/** `isImage` tells whether there is an image of that name without a definition. */
export function checkParents(
  children: readonly Child[],
  isImage: (name: string) => boolean,
): Finding[] {
  const parents = new Map<string, string | undefined>(
    children.map(({ name, parent }) => [name, parent]),
  );
  return children.flatMap(({ name, parent, place }): Finding[] => {
    if (parent === undefined) return [];
    if (!parents.has(parent)) {
      const message = `it extends "${parent}", which neither is an image nor has a valid definition`;
      return isImage(parent) ? [] : [{ severity: "warning", ...place, message }];
    }
    const way = findCircle(parents, name);
    const message = `it extends itself: ${way.map((step) => `"${step}"`).join(" from ")}`;
    return way.length === 0 ? [] : [{ severity: "error", ...place, message }];
  });
}

/** The way from an image back to itself, or nothing. */
function findCircle(parents: ReadonlyMap<string, string | undefined>, name: string): string[] {
  const way = [name];
  let next = parents.get(name);
  while (next !== undefined && !way.includes(next)) {
    way.push(next);
    next = parents.get(next);
  }
  return next === name ? [...way, name] : [];
}
