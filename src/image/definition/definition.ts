/** The one file that declares an image, understood: plain data, made by its parser alone. */
import type { ImageName } from "../../text/names.ts";
import type { CreateRequest } from "../creators/creators.ts";
import type { Finding } from "./finding.ts";

/** How often an image is brought up to date although nothing of its definition has changed. */
export type Refresh = "daily" | "weekly" | "never";

/** Limits of each machine of the image, as properties of its unit; absent ones are not set. */
export interface MachineLimits {
  readonly memoryBytes?: number;
  /** In units of one CPU: 1.5 is a CPU and a half. */
  readonly cpus?: number;
  readonly tasks?: number;
}

/** What of the definition reaches machines: `prepare` reads it from the generation's manifest. */
export interface MachineSettings {
  /** Who runs the job's scripts; root when absent. */
  readonly user?: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The target that must be reached before scripts run; `multi-user.target` when absent. */
  readonly readyTarget?: string;
  readonly limits: MachineLimits;
}

export interface Definition {
  readonly name: ImageName;
  /** The file itself, links followed. */
  readonly path: string;
  /** Where `path` lies: roles, files and relative paths begin here. */
  readonly directory: string;
  /** The file's text: part of the inputs hash. */
  readonly text: string;
  readonly create: CreateRequest;
  /** `nspawn_runner_maint_recreate`: maintenance begins from nothing instead of from `current`. */
  readonly recreate: boolean;
  readonly refresh: Refresh;
  /** Maintenance upgrades the distribution's packages before it runs the playbook. */
  readonly upgrade: boolean;
  readonly packages: readonly string[];
  readonly enabledUnits: readonly string[];
  readonly maskedUnits: readonly string[];
  readonly settings: MachineSettings;
  /** A script that a machine of the finished image must pass before it is published. */
  readonly test: string | undefined;
  /** Old generations that are kept: by number, and none that is older than the days. */
  readonly keep: { readonly count: number; readonly days: number };
  /** Whether Ansible has anything to do: tasks, roles, handlers or further plays. */
  readonly needsAnsible: boolean;
  /** What may not do what was meant: told to whoever builds it. */
  readonly warnings: readonly Finding[];
  /** `nspawn_runner_inputs`: files that count, and that nothing else names. */
  readonly inputs: readonly string[];
}
