/**
 * Tests on a real GitLab Runner: $NSPAWN_RUNNER_TEST_GITLAB_RUNNER names its program, as seen in the
 * lab (`script/test` sees to that). Without it they are reported as skipped.
 */
import { afterAll, test } from "bun:test";
import type { Place } from "../../lab/harness.ts";
import { openRealRig, type RealRig } from "./real-rig.ts";

const program = process.env.NSPAWN_RUNNER_TEST_GITLAB_RUNNER;

export const realTest = test.skipIf(program === undefined);

/** Only for bodies of `realTest`. */
export function realRunner(): string {
  if (program === undefined) throw new Error("This test was to be skipped.");
  return program;
}

/** Opened by the first test that asks for it: by none, when all are skipped. */
export function shareRealRig(
  place: Place,
  options: { readonly tls?: boolean } = {},
): () => RealRig {
  let rig: RealRig | undefined;
  afterAll(async () => rig?.[Symbol.asyncDispose]());
  return () => {
    rig ??= openRealRig(place, { program: realRunner(), ...options });
    return rig;
  };
}
