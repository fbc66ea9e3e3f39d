/** What `config` printed, as GitLab Runner takes it. Pure. */
import type { DriverConfig } from "./build.ts";

/** Empty output is allowed; anything else that is not JSON fails the preparation. */
export function parseConfig(text: string): DriverConfig {
  return text === "" ? {} : JSON.parse(text);
}

export function greeting(config: DriverConfig): string {
  const { name, version } = config.driver ?? {};
  if (name === undefined) return "Using Custom executor...";
  return `Using Custom executor with driver ${[name, version].filter(Boolean).join(" ")}...`;
}
