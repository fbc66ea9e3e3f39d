/** What the configuration means for the rooms that do the work. Pure. */
import type { NetworkRequest } from "../network/network-request.ts";
import type { NetworkTarget } from "../network/network-target.ts";
import type { Config } from "./config.ts";
import type { NetworkKind } from "./values.ts";

/** Where files that declare images are looked for, the first first. Pure. */
export const definitionDirectories = (config: Config): readonly string[] => [
  config.definitionsDirectory,
  config.rootDirectory,
];

type PrivateNetwork = Extract<NetworkRequest, { kind: "private" }>;

/** What machines with a network of their own have, as long as nothing else is said. Pure. */
const privateNetwork = (config: Config): PrivateNetwork => ({
  kind: "private",
  range: config.networkRange,
  resolvers: config.networkResolvers,
  allow: "everything",
  deny: [],
  open: [],
});

const configuredNetwork = (config: Config, kind: NetworkKind): NetworkRequest =>
  kind === "private" ? privateNetwork(config) : { kind };

/** The network of a job's machine, as it was granted. Pure. */
export const jobNetwork = (
  config: Config,
  granted: Pick<PrivateNetwork, "allow" | "deny"> & { readonly kind: NetworkKind },
  /** GitLab, as far as it is known. */
  gitlab: readonly NetworkTarget[],
): NetworkRequest => {
  const { kind, allow, deny } = granted;
  const open = [...gitlab, ...config.networkOpen];
  return kind === "private" ? { ...privateNetwork(config), allow, deny, open } : { kind };
};

/** What machines of builds may take. Pure. */
export const buildLimits = (
  config: Config,
): {
  readonly bootTimeoutSeconds: number;
  readonly timeoutSeconds: number;
  readonly memoryBytes: number;
  readonly machine: Config["buildLimits"];
  readonly network: NetworkRequest;
} => ({
  network: configuredNetwork(config, config.buildNetwork),
  bootTimeoutSeconds: config.bootTimeoutSeconds,
  timeoutSeconds: config.buildTimeoutSeconds,
  memoryBytes: config.tmpfsBytes,
  machine: config.buildLimits,
});
