/** A host that reboots under its jobs: what they leave goes by itself. Everything of ours under /run is gone. */
import { describe, test } from "bun:test";
import { expectNothingLeft, expectWorks, HOSTS, prepare, setUpHost } from "./host.ts";
import { inVm, restart } from "./vm.ts";

describe.each(HOSTS)("a host with $kind", (host) => {
  const { root } = host;
  setUpHost(host);

  test("that reboots in the middle of a job has nothing of it soon after", async () => {
    const name = await prepare(root);
    await inVm(`
      echo 'echo going; sleep 1000' >/run/script
      systemd-run --quiet --unit=step --property=StandardOutput=file:/run/output nspawn-runner run --id ${name} /run/script
      until grep -q going /run/output; do sleep 0.1; done`);
    await restart("reboot");
    // Its own timer, after its own boot.
    await inVm(`until [ "$(systemctl show -P ExecMainStatus nspawn-runner-gc.service)" = 0 ] &&
        [ "$(systemctl show -P ExecMainExitTimestampMonotonic nspawn-runner-gc.service)" != 0 ]
      do sleep 0.2; done`);
    await expectNothingLeft(root);
    await expectWorks(root);
  });
});
