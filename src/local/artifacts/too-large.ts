/** The limit of artifacts, told where it is reached: on their way, or in the files themselves. */
import { RunnerError } from "../../text/errors.ts";
import { formatSize } from "../../text/sizes.ts";

export function tooLarge(maxBytes: number): RunnerError {
  return new RunnerError({
    kind: "job",
    message: `The artifacts have more than ${formatSize(maxBytes)}.`,
    hints: ["Name fewer files in artifacts:paths, or allow more, as by --artifacts-size 4G."],
  });
}
