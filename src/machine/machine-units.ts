/** The names that systemd knows a machine by. Pure, and apart from its plan: each stage needs them. */
import {
  escapeUnitName,
  isMachineName,
  type MachineName,
  unescapeUnitName,
} from "../text/names.ts";

export interface MachineUnits {
  readonly unit: string;
  readonly slice: string;
  /** Of the unit, from systemd's root. There as long as the unit is not dead. */
  readonly cgroup: string;
  /** Of the slice: what counts all that the machine takes. */
  readonly sliceCgroup: string;
}

/** How the names of machines begin that images are built in; without its dash, their slice's. */
export const BUILD_PREFIX = "build-";
/** And of those that a person works in. */
export const LOGIN_PREFIX = "login-";

/** No dash in it: each one in a slice's name is a level (systemd.slice(5)). */
const SLICE = "nspawn_runner";
/** All machines are below it. */
export const MACHINES_SLICE = `${SLICE}.slice`;
/** Images are built in a slice of their own, which an administrator can give less weight. */
export const BUILD_SLICE = `${SLICE}-build.slice`;

export function machineUnits(name: MachineName): MachineUnits {
  const escaped = escapeUnitName(name);
  const unit = `nspawn-runner-${escaped}.service`;
  const builds = name.startsWith(BUILD_PREFIX);
  const slice = `${SLICE}-${builds ? "build-" : ""}${escaped}.slice`;
  const above = builds ? `${BUILD_SLICE}/` : "";
  const sliceCgroup = `${MACHINES_SLICE}/${above}${slice}`;
  return { unit, slice, cgroup: `${sliceCgroup}/${unit}`, sliceCgroup };
}

/**
 * The machine whose unit or slice that is; nothing when it is none's, as the slice of all builds, the
 * units of packaging/, and those that watch an owner or delete trees.
 */
export function machineOfUnit(unit: string): MachineName | undefined {
  const escaped = /^(?:nspawn-runner-|nspawn_runner-build-|nspawn_runner-)([^-]+)\./.exec(
    unit,
  )?.[1];
  const name = unescapeUnitName(escaped ?? "");
  if (!isMachineName(name)) return undefined;
  const units = machineUnits(name);
  return unit === units.unit || unit === units.slice ? name : undefined;
}
