/** `chroot-create NAME --suite S`: a new Debian image that no file declares. */
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import type { ImageName } from "../text/names.ts";
import { type BuildLimits, type BuildObserver, buildImage } from "./build/build-image.ts";
import { gatherInputs } from "./build/inputs.ts";
import { requireChangeLock } from "./change-lock.ts";
import { createSchema } from "./creators/creators.ts";
import type { Definition } from "./definition/definition.ts";
import type { ImageStore } from "./draft.ts";
import { probeImage } from "./find-image.ts";
import { KEEP_DEFAULT } from "./generations/keep.ts";

/**
 * Creates an image; atomic: a failed or interrupted one leaves nothing. Throws when the name is
 * taken.
 */
export async function createImage(
  host: Host,
  store: ImageStore,
  request: {
    readonly name: ImageName;
    readonly suite: string;
    readonly limits: BuildLimits;
    readonly observer: BuildObserver;
  },
): Promise<void> {
  const { name, suite, limits, observer } = request;
  requireSuite(suite);
  using _lock = requireChangeLock(host, store.rootDirectory, name);
  requireNewName(host, store, name);
  const definition = undeclared(name, suite);
  const inputs = gatherInputs(host, definition, "");
  await buildImage(host, store, {
    ...{ definition, inputs, base: undefined, limits, observer },
    words: [],
  });
}

/** Throws a usage error when there is an image of that name. */
export function requireNewName(host: Host, store: ImageStore, name: ImageName): void {
  if (probeImage(host, store.rootDirectory, name) === undefined) return;
  throw new RunnerError({
    kind: "usage",
    message: `Cannot create the image "${name}": there is one of that name.`,
    hints: [`Change it with "nspawn-runner chroot-login ${name}", or choose another name.`],
  });
}

/** What a definition without a word in it would say. */
function undeclared(name: ImageName, suite: string): Definition {
  return {
    name,
    path: "",
    directory: "/",
    text: "",
    create: v.parse(createSchema, { mmdebstrap: { suite } }),
    recreate: false,
    refresh: "daily",
    upgrade: true,
    packages: [],
    enabledUnits: [],
    maskedUnits: [],
    settings: { environment: {}, limits: {} },
    test: undefined,
    keep: KEEP_DEFAULT,
    needsAnsible: false,
    warnings: [],
    inputs: [],
  };
}

function requireSuite(suite: string): void {
  if (/^[a-z][a-z0-9-]{0,40}$/.test(suite)) return;
  throw new RunnerError({
    kind: "usage",
    message: `"${suite.slice(0, 60)}" cannot be the name of a Debian suite.`,
    hints: ["Give one with --suite, such as trixie, bookworm, sid."],
  });
}
