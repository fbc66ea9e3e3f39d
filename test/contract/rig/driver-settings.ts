/** The driver's own configuration for jobs on one storage. */
import { writeFileSync } from "node:fs";
import type { Place } from "../../lab/harness.ts";

export interface DriverSettings {
  /** What leads the driver to it. */
  readonly environment: { readonly NSPAWN_RUNNER_CONFIG: string };
  write(lines: string): void;
}

let counter = 0;

export function makeDriverSettings(directory: string, place: Place, lines = ""): DriverSettings {
  counter += 1;
  const path = `${directory}/driver-${counter}.toml`;
  const head = `root_directory = "${place.root}"\nstorage = "${place.kind}"\ndefault_image = "trixie"\n`;
  const write = (more: string): void => writeFileSync(path, head + more);
  write(lines);
  return { environment: { NSPAWN_RUNNER_CONFIG: path }, write };
}
