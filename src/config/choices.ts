/** What the configuration means for the rooms that do the work. Pure. */
import type { AddressRange } from "../text/address.ts";
import type { Config } from "./config.ts";
import type { NetworkKind } from "./settings.ts";

/** Where files that declare images are looked for, the first first. Pure. */
export const definitionDirectories = (config: Config): readonly string[] => [
  config.definitionsDirectory,
  config.rootDirectory,
];

/** A network that a machine may have, as `network/network-request.ts` has it. */
type ConfiguredNetwork = { readonly kind: "host" | "none" } | PrivateNetwork;

interface PrivateNetwork {
  readonly kind: "private";
  readonly range: AddressRange;
  readonly resolvers: readonly string[];
  /** Nothing of that can be configured yet. */
  readonly allow: readonly never[];
  readonly deny: readonly never[];
  readonly open: readonly never[];
}

/** What machines with a network of their own have. Pure. */
export const privateNetwork = (config: Config): PrivateNetwork => ({
  kind: "private",
  range: config.networkRange,
  resolvers: config.networkResolvers,
  allow: [],
  deny: [],
  open: [],
});

const configuredNetwork = (config: Config, kind: NetworkKind): ConfiguredNetwork =>
  kind === "private" ? privateNetwork(config) : { kind };

/** The network of jobs' machines. Pure. */
export const jobNetwork = (config: Config): ConfiguredNetwork =>
  configuredNetwork(config, config.network);

/** What machines of builds may take. Pure. */
export const buildLimits = (
  config: Config,
): {
  readonly bootTimeoutSeconds: number;
  readonly timeoutSeconds: number;
  readonly memoryBytes: number;
  readonly machine: Config["buildLimits"];
  readonly network: ConfiguredNetwork;
} => ({
  network: configuredNetwork(config, config.buildNetwork),
  bootTimeoutSeconds: config.bootTimeoutSeconds,
  timeoutSeconds: config.buildTimeoutSeconds,
  memoryBytes: config.tmpfsBytes,
  machine: config.buildLimits,
});
