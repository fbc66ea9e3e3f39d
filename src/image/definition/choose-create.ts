/** How an image is created, where there are two variables to say so and a name to fall back on. */
import * as v from "valibot";
import type { ImageName } from "../../text/names.ts";
import { type CreateRequest, createSchema } from "../creators/creators.ts";
import { suite } from "../creators/debian.ts";

export interface CreateVariables {
  readonly nspawn_runner_create?: CreateRequest;
  readonly nspawn_runner_chroot_suite?: string;
}

export type CreateChoice =
  | { readonly kind: "create"; readonly create: CreateRequest }
  | { readonly kind: "fault"; readonly variable: keyof CreateVariables; readonly message: string };

const withSuite = v.looseObject({ suite: v.optional(v.string()) });

/** Adds the suite of the old variable. Its faults are about one of the two variables. */
export function chooseCreate(variables: CreateVariables, name: ImageName): CreateChoice {
  const wanted = variables.nspawn_runner_chroot_suite;
  const create = variables.nspawn_runner_create ?? v.parse(createSchema, "mmdebstrap");
  if (wanted !== undefined && create.kind !== "mmdebstrap") {
    return suiteFault(`is about mmdebstrap, but "nspawn_runner_create" names ${create.kind}`);
  }
  if (create.kind !== "mmdebstrap" && create.kind !== "debootstrap") {
    return { kind: "create", create };
  }
  const options = v.parse(withSuite, create.options);
  if (wanted !== undefined && options.suite !== undefined && options.suite !== wanted) {
    return suiteFault(`says "${wanted}", but "nspawn_runner_create" says "${options.suite}"`);
  }
  if (wanted !== undefined) {
    return { kind: "create", create: { ...create, options: { ...options, suite: wanted } } };
  }
  if (options.suite === undefined && !v.is(suite, name)) {
    const message = `no suite is given, and the image's name "${name}" is not that of one`;
    return { kind: "fault", variable: "nspawn_runner_create", message };
  }
  return { kind: "create", create };
}

function suiteFault(what: string): CreateChoice {
  const variable = "nspawn_runner_chroot_suite";
  return { kind: "fault", variable, message: `"${variable}" ${what}: keep one of them` };
}
