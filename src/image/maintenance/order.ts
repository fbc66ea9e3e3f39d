/** Images in the order of their building: what an image extends comes before it. Pure. */
import { RunnerError } from "../../text/errors.ts";

interface Node {
  readonly name: string;
  /** The image that it extends; nothing, or one that is not in the list, for most. */
  readonly parent: string | undefined;
}

/** Throws a system error when images extend each other in a circle. */
export function orderByParent<One extends Node>(images: readonly One[]): readonly One[] {
  const byName = new Map(images.map((image) => [image.name, image]));
  const ordered = new Set<One>();
  const place = (image: One, path: readonly string[]): void => {
    if (ordered.has(image)) return;
    if (path.includes(image.name)) {
      const circle = [...path.slice(path.indexOf(image.name)), image.name].join(" → ");
      throw new RunnerError({
        kind: "system",
        message: `Images extend each other in a circle: ${circle}.`,
        hints: ['Let one of them come from elsewhere than "from:".'],
      });
    }
    const parent = image.parent === undefined ? undefined : byName.get(image.parent);
    if (parent !== undefined) place(parent, [...path, image.name]);
    ordered.add(image);
  };
  for (const image of images) place(image, []);
  return [...ordered];
}
