/** `config.toml`, read and understood; see `settings.ts` for what may stand in it. */
import { parse, TomlError } from "smol-toml";
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import type { AddressRange } from "../text/address.ts";
import { RunnerError } from "../text/errors.ts";
import { nearestName } from "../text/nearest.ts";
import { entries, type NetworkKind } from "./settings.ts";

const CONFIG_PATH = "/etc/nspawn-runner/config.toml";

const schema = v.strictObject(entries);

export interface Config {
  readonly path: string;
  readonly rootDirectory: string;
  readonly definitionsDirectory: string;
  readonly defaultImage: string | undefined;
  readonly storage: "auto" | "btrfs" | "reflink" | "overlay" | "tmpfs";
  readonly tmpfsBytes: number;
  readonly network: NetworkKind;
  readonly buildNetwork: NetworkKind;
  readonly networkRange: AddressRange;
  readonly networkResolvers: readonly string[];
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
}

/**
 * The configuration: `$NSPAWN_RUNNER_CONFIG`, else the usual file, else only defaults.
 * Throws a system error with line and column (TOML) or the key (schema).
 */
export function readConfig(host: Pick<Host, "files" | "environment">): Config {
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
  return parseConfig(host.files.readText(path), path);
}

/** Pure part of `readConfig`. */
export function parseConfig(text: string, path: string): Config {
  const result = v.safeParse(schema, parseToml(text, path));
  if (!result.success) {
    throw new RunnerError({
      kind: "system",
      message: `The configuration "${path}" cannot be used: ${result.issues.map(describeIssue).join("; ")}.`,
      hints: [`Mend "${path}". Known settings: ${Object.keys(entries).join(", ")}.`],
    });
  }
  const settings = result.output;
  return {
    path,
    rootDirectory: settings.root_directory,
    definitionsDirectory: settings.definitions_directory,
    defaultImage: settings.default_image,
    storage: settings.storage,
    tmpfsBytes: settings.tmpfs_size,
    network: settings.network,
    buildNetwork: settings.build_network,
    networkRange: settings.network_range,
    networkResolvers: settings.network_resolvers,
    bootTimeoutSeconds: settings.boot_timeout,
    buildMissing: settings.build_missing,
    jobPackages: settings.job_packages
      ? { count: settings.job_packages_count, bytes: settings.job_packages_size }
      : undefined,
    buildTimeoutSeconds: settings.build_timeout,
    buildLimits: { memoryBytes: settings.build_memory, cpus: settings.build_cpus },
    gitlabRunner: settings.gitlab_runner,
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

function describeIssue(issue: v.BaseIssue<unknown>): string {
  const key = issue.path?.map((part) => String(part.key)).join(".") ?? "";
  if (issue.expected !== "never") return `"${key}" ${lowerFirst(issue.message)}`;
  const near = nearestName(key, Object.keys(entries));
  return `"${key}" is not a setting${near === undefined ? "" : `; did you mean "${near}"?`}`;
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
