/** A plan as text: what `prepare --dry-run` prints. Pure. */
import { idCount } from "../machine/id-range.ts";
import type { MachinePlan } from "../machine/machine-plan.ts";
import type { ClonePlan, InPlace, MountStep } from "../storage/storage.ts";
import { formatCommand } from "../text/format-command.ts";
import { unreachable } from "../text/unreachable.ts";
import type { JobFacts } from "./gather-job.ts";
import type { Need } from "./plan-job.ts";

const PROPERTY = "--property=";

export interface JobPlan {
  readonly facts: JobFacts;
  readonly needs: readonly Need[];
  /** Nothing while its image has to be made first. */
  readonly machine: MachinePlan | undefined;
}

/** What would be done, in order, down to the command that the machine is, ready to paste. */
export function formatJobPlan({ facts, needs, machine }: JobPlan): string {
  return [
    section("Made first:", needs.map(formatNeed)),
    machine === undefined
      ? "The machine can be planned once that is there.\n"
      : formatMachine(facts, machine),
  ].join("");
}

/** With an empty line behind it; nothing without lines. */
function section(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return "";
  return `${title}\n${lines.map((line) => `  ${line}\n`).join("")}\n`;
}

function formatNeed(need: Need): string {
  switch (need.kind) {
    case "image":
      return `image "${need.name}", which is declared, is built`;
    case "own-tree":
      return `the directory "${need.image.tree}" becomes a subvolume, once for all jobs`;
    case "packages": {
      const names = need.packages.join(", ");
      const copy = `a copy of image "${need.base.name}"`;
      return need.installed ? `${copy} has ${names} already` : `${copy} gets ${names}`;
    }
    default:
      return unreachable(need);
  }
}

function formatMachine({ store, image, grant }: JobFacts, plan: MachinePlan): string {
  const { facts } = plan;
  const rows: readonly (readonly [string, string])[] = [
    ["Machine", facts.name],
    ["Image", `${image?.image.name} (${sourceOf(facts.clone)})`],
    ["Storage", store.storage.kind],
    ["Clone", facts.clone.tree],
    [
      "User ids",
      `${facts.idShift} to ${facts.idShift + idCount(facts.loosening) - 1}, if still free then`,
    ],
    ["Runs", facts.payload.kind === "system" ? "the systemd of the image" : "the agent alone"],
    ["Unit", plan.unit],
    ["Slice", plan.slice],
  ];
  const properties = plan.start.filter((word) => word.startsWith(PROPERTY));
  return [
    ...rows.map(([key, value]) => `${key.padEnd(10)}${value}\n`),
    "\n",
    section("By the policy:", grant.lines),
    section("Directories:", plan.directories.map(formatPath)),
    section(
      "Files:",
      plan.files.map((file) => `${formatPath(file)}, ${Buffer.byteLength(file.text)} bytes`),
    ),
    section(
      "FIFOs:",
      plan.fifos.map((fifo) => `${formatPath(fifo)}, of user ${fifo.ownerId}`),
    ),
    section("Before nspawn starts, in the unit alone:", mountsOf(facts.clone).map(formatMount)),
    section(
      "Properties of the slice:",
      plan.limits.map(({ name, value }) => `${name}=${value}`),
    ),
    section(
      "Properties of the unit:",
      properties.map((word) => word.slice(PROPERTY.length)),
    ),
    "What runs in it:\n",
    `  ${formatCommand(plan.nspawn)}\n`,
  ].join("");
}

const formatPath = ({ path, mode }: { readonly path: string; readonly mode: number }): string =>
  `${mode.toString(8).padStart(4, "0")} ${path}`;

const sourceOf = (clone: ClonePlan | InPlace): string =>
  clone.kind === "in-place" ? clone.tree : clone.source;

const mountsOf = (clone: ClonePlan | InPlace): readonly MountStep[] =>
  clone.kind === "in-place" ? [] : clone.mounts;

function formatMount(step: MountStep): string {
  switch (step.kind) {
    case "tmpfs":
      return `a tmpfs of ${step.sizeBytes} bytes at ${step.target}`;
    case "directory":
      return `the directory ${formatPath(step)}, of the machine's root`;
    case "id-mapped":
      return `${step.source} with the machine's ids at ${step.target}`;
    case "overlay":
      return `an overlay of ${step.upper} over ${step.lower} at ${step.target}`;
    default:
      return unreachable(step);
  }
}
