/** A host in a VM that is set up as docs/images.md has it, and what it has to be after a restart. */
import { afterAll, beforeAll, expect } from "bun:test";
import { chosen } from "../whole.ts";
import { inVm } from "./vm.ts";

/** All with --vm, else one. */
export const HOSTS = chosen([
  { kind: "btrfs", root: "/fs/btrfs/root" },
  { kind: "reflink", root: "/fs/xfs/root" },
  { kind: "overlay", root: "/fs/ext4/root" },
] as const);

const CONFIG = "/etc/nspawn-runner/config.toml";
const UNITS = "/etc/systemd/system";

/** To be called in a describe; on its disk before anything is cut. */
export function setUpHost({ kind, root }: (typeof HOSTS)[number]): void {
  beforeAll(async () => {
    await inVm(`
      mkdir -p ${CONFIG.replace(/\/[^/]*$/, "")}
      printf 'root_directory = "%s"\\nstorage = "%s"\\n' ${root} ${kind} >${CONFIG}
      cp /src/packaging/nspawn-runner-gc.* ${UNITS}
      systemctl daemon-reload
      systemctl enable --quiet nspawn-runner-gc.timer
      sync`);
  });
  afterAll(async () => {
    await inVm(`
      systemctl disable --quiet --now nspawn-runner-gc.timer
      rm -rf ${UNITS}/nspawn-runner-gc.* ${CONFIG}
      systemctl daemon-reload`);
  });
}

let names = 0;
export function newName(): string {
  names += 1;
  return `job-${names}-power0`;
}

export async function prepare(root: string): Promise<string> {
  const name = newName();
  await inVm(`nspawn-runner prepare --id ${name} trixie; ls ${root}/.machines/${name}; sync`);
  return name;
}

/**
 * All that is thrown away is deleted; no clone, no state, no ids, no unit of a machine, no interface. What
 * watches firewall and disk is for all machines, and ends by itself a minute after the last at most.
 */
export async function expectNothingLeft(root: string): Promise<void> {
  const left = await inVm(`
    until [ -z "$(ls -A ${root}/.trash)" ] && [ -z "$(systemctl list-units --all --plain --no-legend 'nspawn-runner-trash-*')" ]
      do sleep 0.1; done
    for place in ${root}/.machines ${root}/.drafts /run/nspawn-runner/{machines,id-ranges,address-pairs}; do
      [ ! -d "$place" ] || find "$place" -mindepth 1 -maxdepth 1
    done
    systemctl list-units --all --plain --no-legend 'nspawn-runner-*' 'nspawn_runner-*' | grep -vE 'nspawn-runner-(gc|watch-firewall|disk-.*)\\.' || true
    systemctl --failed --plain --no-legend
    ip -o link show type veth`);
  expect(left).toBe("");
}

/** The images are whole, and the next job has nothing of the last. */
export async function expectWorks(root: string): Promise<void> {
  const name = await prepare(root);
  const said = await inVm(`
    echo 'systemctl is-system-running --wait' >/run/script
    nspawn-runner run --id ${name} /run/script
    nspawn-runner cleanup --id ${name}`);
  expect(said).toBe("running\n");
  await expectNothingLeft(root);
}
