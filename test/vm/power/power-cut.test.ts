/** A host that loses its power: the clones on its disks are still there, and gc takes them away. */
import { describe, expect, test } from "bun:test";
import { expectNothingLeft, expectWorks, HOSTS, newName, setUpHost } from "./host.ts";
import { inVm, restart } from "./vm.ts";

describe.each(HOSTS)("a host with $kind", (host) => {
  const { root } = host;
  setUpHost(host);

  test("that loses its power while a machine is prepared has nothing of it after gc", async () => {
    const name = newName();
    await inVm(`
      systemctl disable --quiet --now nspawn-runner-gc.timer
      systemd-run --quiet --unit=prepare nspawn-runner prepare --id ${name} trixie
      until [ -e ${root}/.machines/${name} ]; do sleep 0.1; done
      # What nobody flushed would be gone by itself.
      sync`);
    await restart("power-cut");
    expect(await inVm(`ls -A ${root}/.machines`)).toContain(name);
    await inVm("nspawn-runner gc");
    await expectNothingLeft(root);
    await expectWorks(root);
  });
});
