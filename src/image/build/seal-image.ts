/**
 * The end of every change to a tree: it says what is in it, and what two machines must not share is
 * taken out. In a machine that is not booted: links of the image lead nowhere on the host. It has
 * nothing to ask of a network.
 */
import type { Host } from "../../host/host.ts";
import type { MachineLimits } from "../../machine/machine-limits.ts";
import { PLAIN_SETTINGS } from "../../machine/machine-settings.ts";
import type { ImageStore } from "../draft.ts";
import { type BuildMachineRequest, withBuildMachine } from "./build-machine.ts";
import { type Description, parseDescription } from "./description.ts";

export async function sealImage(
  host: Host,
  store: ImageStore,
  request: Omit<BuildMachineRequest, "root" | "boots" | "settings"> & {
    /** The image's user, to be looked up in it. */
    readonly user: string | undefined;
    readonly machine: MachineLimits;
  },
): Promise<Description> {
  const settings = { ...PLAIN_SETTINGS, limits: request.machine };
  const machine = {
    ...request,
    root: "tree",
    boots: false,
    settings,
    network: { kind: "none" },
  } as const;
  return withBuildMachine(host, store, machine, async (running) => {
    const words = request.user === undefined ? [] : [request.user];
    const answer = await running.ask("Describing the image", ["describe", ...words]);
    await running.call("Sealing the image", ["seal"]);
    return parseDescription(answer);
  });
}
