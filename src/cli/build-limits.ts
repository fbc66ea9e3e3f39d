/** What machines of builds may take, from the configuration. */
import type { Config } from "../config/config.ts";
import type { BuildLimits } from "../image/build/build-image.ts";

export function buildLimits(config: Config): BuildLimits {
  return {
    bootTimeoutSeconds: config.bootTimeoutSeconds,
    timeoutSeconds: config.buildTimeoutSeconds,
    memoryBytes: config.tmpfsBytes,
  };
}
