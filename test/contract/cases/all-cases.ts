/** The one table of cases, and who carries out which on what storage. */
import type { Place } from "../../lab/harness.ts";
import { END_CASES } from "./end-cases.ts";
import { GIT_CASES } from "./git-cases.ts";
import { HOSTILE_CASES } from "./hostile-cases.ts";
import { IMAGE_CASES } from "./image-cases.ts";
import type { JobCase } from "./job-case.ts";
import { LOG_CASES } from "./log-cases.ts";
import { PREPARATION_CASES } from "./preparation-cases.ts";

const ALL: readonly JobCase[] = [
  ...END_CASES,
  ...PREPARATION_CASES,
  ...IMAGE_CASES,
  ...GIT_CASES,
  ...LOG_CASES,
  ...HOSTILE_CASES,
];

/** Every storage runs those to which storage matters; btrfs runs all. */
export function casesFor(place: Place, rig: "simulator" | "gitlab-runner"): readonly JobCase[] {
  return ALL.filter(
    ({ only, everyStorage }) =>
      (only === undefined || only === rig) && (everyStorage === true || place.kind === "btrfs"),
  );
}
