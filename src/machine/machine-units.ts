/** The names that systemd knows a machine by. Pure, and apart from its plan: each stage needs them. */
import { escapeUnitName, type MachineName } from "../text/names.ts";

export interface MachineUnits {
  readonly unit: string;
  readonly slice: string;
  /** Of the unit, from systemd's root. There as long as the unit is not dead. */
  readonly cgroup: string;
}

/** How the names of machines begin that images are built in. */
export const BUILD_PREFIX = "build-";
/** And of those that a person works in. */
export const LOGIN_PREFIX = "login-";

/** No dash in it: each one in a slice's name is a level (systemd.slice(5)). */
const SLICE = "nspawn_runner";
/** All machines are below it. */
export const MACHINES_SLICE = `${SLICE}.slice`;

export function machineUnits(name: MachineName): MachineUnits {
  const escaped = escapeUnitName(name);
  const unit = `nspawn-runner-${escaped}.service`;
  // Images are built in a slice of their own, which an administrator can give less weight.
  const group = name.startsWith(BUILD_PREFIX) ? `${SLICE}-build` : SLICE;
  const slice = `${group}-${escaped}.slice`;
  const above = group === SLICE ? "" : `${group}.slice/`;
  return { unit, slice, cgroup: `${MACHINES_SLICE}/${above}${slice}/${unit}` };
}
