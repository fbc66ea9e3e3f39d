import { formatCommand, quoteArgument } from "../../text/format-command.ts";
import type { CreateStep } from "./creator.ts";

/** Steps as text for people: what will happen to the host, one step after another. */
export function formatSteps(steps: readonly CreateStep[]): string {
  return steps.map(formatStep).join("\n");
}

function formatStep(step: CreateStep): string {
  if (step.kind === "copy-image") return `copy the image ${step.image}`;
  if (step.kind === "write") {
    return `write ${quoteArgument(step.path)} (mode ${step.mode.toString(8)}):\n${indent(step.text)}`;
  }
  if (step.kind === "unpack") return `unpack: ${formatCommand(step.argv)}`;
  const devices = step.devices === true ? "with devices: " : "";
  const place = step.workingDirectory === undefined ? "" : `in ${step.workingDirectory}: `;
  const variables = Object.entries(step.environment ?? {}).map(
    ([name, value]) => `${name}=${quoteArgument(value)} `,
  );
  const input = step.input === undefined ? "" : `\n${indent(step.input)}`;
  return `${devices}${place}${variables.join("")}${formatCommand(step.argv)}${input}`;
}

const indent = (text: string): string => text.trimEnd().replace(/^(?=.)/gm, "  | ");
