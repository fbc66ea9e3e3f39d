/** For the unit tests of creators: a definition's value in, a plan or faults as text out. */
import * as v from "valibot";
import type { CreateContext } from "./creator.ts";
import { createSchema, creatorOf } from "./creators.ts";
import { formatSteps } from "./format-steps.ts";

const CONTEXT: CreateContext = {
  tree: "/tree",
  work: "/scratch",
  packages: [],
  directory: "/defs",
  name: "trixie",
};

/** The plan for a value of `nspawn_runner_create`, as text. */
export function planOf(create: unknown, context: Partial<CreateContext> = {}): string {
  const request = v.parse(createSchema, create);
  return formatSteps(creatorOf(request).plan(request.options, { ...CONTEXT, ...context }));
}

/** All that a creator says besides its plan. */
export function factsOf(create: unknown) {
  const request = v.parse(createSchema, create);
  const creator = creatorOf(request);
  return {
    tools: creator
      .tools(request.options)
      .map(({ command, debian = "-" }) => `${command}:${debian}`)
      .join(" "),
    rolling: creator.rolling(request.options),
    installsPackages: creator.installsPackages(request.options),
    inputs: creator.inputs(request.options, CONTEXT),
    parent: creator.parent(request.options),
  };
}

/** What is wrong with a value of `nspawn_runner_create`: a line each, behind its path. */
export function faultsOf(create: unknown): string {
  const { issues = [] } = v.safeParse(createSchema, create);
  return issues
    .map(({ path = [], message }) =>
      ["create", ...path.map(({ key }) => String(key))].join(".").concat(" ", message),
    )
    .join("\n");
}
