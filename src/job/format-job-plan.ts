/** A plan as text: what `prepare --dry-run` prints. Pure. */
import type { ClonePlan, InPlace } from "../storage/storage.ts";
import { formatCommand } from "../text/format-command.ts";
import type { JobPlan } from "./prepare-job.ts";

const ID_COUNT = 65_536;
const PROPERTY = "--property=";

/** What would be done, and the command that the machine is, ready to paste. */
export function formatJobPlan({ image, storage, machine }: JobPlan): string {
  const facts: readonly (readonly [string, string])[] = [
    ["Machine", machine.name],
    ["Image", `${image} (${sourceOf(machine.clone)})`],
    ["Storage", storage],
    ["Clone", describeClone(machine.clone)],
    ["User ids", `${machine.idShift} to ${machine.idShift + ID_COUNT - 1}, if still free then`],
    ["Runs", machine.boots ? "the systemd of the image" : "the agent alone"],
    ["Unit", machine.unit],
    ["Slice", machine.slice],
  ];
  const properties = machine.start
    .filter((word) => word.startsWith(PROPERTY))
    .map((word) => `  ${word.slice(PROPERTY.length)}\n`);
  return [
    ...facts.map(([key, value]) => `${key.padEnd(10)}${value}\n`),
    "\nProperties of the unit:\n",
    ...properties,
    "\nWhat runs in it:\n",
    `  ${formatCommand(machine.nspawn)}\n`,
  ].join("");
}

const sourceOf = (clone: ClonePlan | InPlace): string =>
  clone.kind === "in-place" ? clone.tree : clone.source;

function describeClone(clone: ClonePlan | InPlace): string {
  if (clone.kind === "in-place") return "none: the machine changes the tree itself";
  if (clone.kind === "tree") return clone.tree;
  const limit = clone.memoryBytes === undefined ? "" : `, ${clone.memoryBytes} bytes in memory`;
  return `${clone.tree}, layers over the image${limit}`;
}
