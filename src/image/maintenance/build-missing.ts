/** A job asks for an image that is declared and was not built yet: it is built, once, for all. */
import type { Host } from "../../host/host.ts";
import type { ImageName } from "../../text/names.ts";
import { parseImageName } from "../../text/names.ts";
import type { BuildLimits } from "../build/build-image.ts";
import type { Definition } from "../definition/definition.ts";
import { findDefinitions, readDefinition } from "../definition/find-definitions.ts";
import type { ImageStore } from "../draft.ts";
import { openMaintenance, parentOf } from "./maintain-images.ts";

/** Whether a file declares the image. */
export const isDeclared = (
  host: Pick<Host, "files">,
  name: ImageName,
  directories: readonly string[],
): boolean => findDefinitions(host, directories).definitions.some((file) => file.name === name);

/** Throws what keeps it from being built; nothing happens when nothing declares it. */
export async function buildMissingImage(
  host: Host,
  store: ImageStore,
  request: {
    readonly name: ImageName;
    readonly directories: readonly string[];
    readonly limits: BuildLimits;
  },
): Promise<void> {
  const { name, directories, limits } = request;
  const declared = new Set(findDefinitions(host, directories).definitions.map((file) => file.name));
  const definitions = withParents(host, store, name, { declared, directories });
  for (const task of openMaintenance(host, store, {
    definitions,
    wish: "missing",
    limits,
    whenLocked: "wait",
  })) {
    await task.run({
      phase: (text) => host.log.info(`Building image "${task.name}", once: ${text}.`),
      warn: (text) => host.log.warn(text),
    });
  }
}

/** An image and what it extends, as far as that is declared. */
function withParents(
  host: Host,
  store: ImageStore,
  name: ImageName,
  known: { readonly declared: ReadonlySet<string>; readonly directories: readonly string[] },
): Definition[] {
  const definitions = new Map<string, Definition>();
  let next: string | undefined = name;
  while (next !== undefined && known.declared.has(next) && !definitions.has(next)) {
    const definition: Definition = readDefinition(host, parseImageName(next), known.directories);
    definitions.set(next, definition);
    next = parentOf(host, store.rootDirectory, definition);
  }
  return [...definitions.values()];
}
