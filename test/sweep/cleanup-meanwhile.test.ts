/** A machine is cleaned up while another driver is still preparing it. */
import { expect, test } from "bun:test";
import { prepareAction } from "../../src/cli/prepare.ts";
import type { Host } from "../../src/host/host.ts";
import { destroyMachine } from "../../src/machine/release.ts";
import { parseMachineName } from "../../src/text/names.ts";
import { cleanup, MACHINE, openPlace, prepare, run } from "./sweep.ts";

test("a unit that systemd did not know of when it was to stop it is stopped once it is there", async () => {
  const computer = openPlace({ kind: "overlay", image: "tree" });
  await run(computer, prepare);
  const { host } = computer.start();
  let stops = 0;
  const late: Host = {
    ...host,
    processes: {
      ...host.processes,
      run: async (argv, options) => {
        if (argv.slice(0, 2).join(" ") === "systemctl stop") stops += 1;
        return host.processes.run(argv, options);
      },
    },
    cgroups: { ...host.cgroups, hasProcesses: () => stops === 1 },
  };
  await destroyMachine(late, parseMachineName(MACHINE));
  expect(stops).toBe(2);
});

test("what prepare says then is no fault of ours", async () => {
  const computer = openPlace({ kind: "overlay", image: "tree" });
  const { host } = computer.start();
  const interrupted: Host = {
    ...host,
    files: {
      ...host.files,
      makeFifo: () => {
        computer.disk.remove(`/run/nspawn-runner/machines/${MACHINE}`);
        throw new Error("ENOENT: no such file or directory, mkfifo");
      },
    },
  };
  const preparing = prepareAction({ host: interrupted, version: "0" }, "debian", { id: MACHINE });
  await expect(preparing).rejects.toThrow(
    `Machine "${MACHINE}" is not wanted any more: it was cleaned up meanwhile.`,
  );
  await run(computer, cleanup);
  expect(computer.disk.describe("/run/nspawn-runner/machines").slice(1)).toEqual([]);
});
