/** `config.toml`, read and understood; see `settings.ts` for what may stand in it. */
import { parse, TomlError } from "smol-toml";
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import type { NetworkTarget } from "../network/network-target.ts";
import type { AddressRange } from "../text/address.ts";
import { RunnerError } from "../text/errors.ts";
import { type ConfigFault, describeIssue, findContradictions } from "./config-faults.ts";
import { findHostFaults } from "./host-faults.ts";
import { chooseLimits, type LimitChoice } from "./limit-choice.ts";
import { type Rule, toRule } from "./rule-settings.ts";
import { type Settings, settingsSchema } from "./settings.ts";
import type { NetworkKind } from "./values.ts";

const CONFIG_PATH = "/etc/nspawn-runner/config.toml";

export interface Config {
  readonly path: string;
  readonly rootDirectory: string;
  readonly definitionsDirectory: string;
  readonly defaultImage: string | undefined;
  readonly storage: "auto" | "btrfs" | "reflink" | "overlay" | "tmpfs";
  readonly tmpfsBytes: number;
  readonly network: NetworkKind;
  readonly networkAllow: readonly NetworkTarget[];
  readonly networkDeny: readonly NetworkTarget[];
  readonly networkOpen: readonly NetworkTarget[];
  readonly buildNetwork: NetworkKind;
  readonly networkRange: AddressRange;
  readonly networkResolvers: readonly string[];
  readonly jobLimits: LimitChoice;
  readonly bootTimeoutSeconds: number;
  readonly buildMissing: boolean;
  /** Nothing when jobs may not add packages. */
  readonly jobPackages: { readonly count: number; readonly bytes: number } | undefined;
  readonly buildTimeoutSeconds: number;
  readonly buildLimits: {
    readonly memoryBytes?: number | undefined;
    readonly cpus?: number | undefined;
  };
  readonly gitlabRunner: string | undefined;
  readonly rules: readonly Rule[];
}

/**
 * The configuration: `$NSPAWN_RUNNER_CONFIG`, else the usual file, else only defaults.
 * Throws a system error with line and column: nothing is done by a file that is only half understood.
 */
export async function readConfig(host: Pick<Host, "files" | "environment">): Promise<Config> {
  const chosen = host.environment.NSPAWN_RUNNER_CONFIG;
  const path = chosen ?? CONFIG_PATH;
  if (host.files.probe(path) === undefined) {
    if (chosen === undefined) return parseConfig("", path);
    throw new RunnerError({
      kind: "system",
      message: `Cannot read the configuration "${path}": there is no such file.`,
      hints: ["Mend or unset the environment variable NSPAWN_RUNNER_CONFIG."],
    });
  }
  const text = host.files.readText(path);
  const config = await parseConfig(text, path);
  const faults = findHostFaults(host, config);
  if (faults.length > 0) throw await unusable({ text, path }, faults);
  return config;
}

/** Pure part of `readConfig`. */
export async function parseConfig(text: string, path: string): Promise<Config> {
  const result = v.safeParse(settingsSchema, parseToml(text, path));
  if (!result.success) throw await unusable({ text, path }, result.issues.map(describeIssue));
  const contradictions = findContradictions(result.output);
  if (contradictions.length > 0) throw await unusable({ text, path }, contradictions);
  return toConfig(result.output, path);
}

function toConfig(settings: Settings, path: string): Config {
  return {
    path,
    rootDirectory: settings.root_directory,
    definitionsDirectory: settings.definitions_directory,
    defaultImage: settings.default_image,
    storage: settings.storage,
    tmpfsBytes: settings.tmpfs_size,
    network: settings.network,
    networkAllow: settings.network_allow,
    networkDeny: settings.network_deny,
    networkOpen: settings.network_open,
    buildNetwork: settings.build_network,
    networkRange: settings.network_range,
    networkResolvers: settings.network_resolvers,
    jobLimits: chooseLimits("job_", settings),
    bootTimeoutSeconds: settings.boot_timeout,
    buildMissing: settings.build_missing,
    jobPackages: settings.job_packages
      ? { count: settings.job_packages_count, bytes: settings.job_packages_size }
      : undefined,
    buildTimeoutSeconds: settings.build_timeout,
    buildLimits: { memoryBytes: settings.build_memory, cpus: settings.build_cpus },
    gitlabRunner: settings.gitlab_runner,
    rules: settings.rule.map(toRule),
  };
}

function parseToml(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    const place = cause instanceof TomlError ? `:${cause.line}:${cause.column}` : "";
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new RunnerError({
      kind: "system",
      message: `The configuration "${path}${place}" is not valid TOML: ${reason}.`,
    });
  }
}

async function unusable(
  file: { readonly text: string; readonly path: string },
  faults: readonly ConfigFault[],
): Promise<RunnerError> {
  const { locateSetting } = await import("./locate-setting.ts");
  const lines = faults.map(({ path, message }) => {
    const place = locateSetting(file.text, path);
    const at = place === undefined ? "" : `:${place.line}:${place.column}`;
    return `"${file.path}${at}" ${message}`;
  });
  return new RunnerError({
    kind: "system",
    message: `The configuration cannot be used: ${lines.join("; ")}.`,
    hints: [`Mend "${file.path}": docs/reference/config.md says what may stand in it.`],
  });
}
