import { expect, test } from "bun:test";
import { limitProperties, type MachineLimits } from "./machine-limits.ts";
import { sliceCommand } from "./machine-slice.ts";

const ALL: MachineLimits = {
  memoryBytes: 2 ** 30,
  memoryHighBytes: 2 ** 29,
  swapBytes: 0,
  cpus: 1.5,
  cpuWeight: 50,
  ioWeight: 20,
  tasks: 300,
  diskBytes: 2 ** 34,
};

test("all limits but the disk's are the slice's, in the bus's own units", () => {
  const show = (limits: MachineLimits): string[] =>
    limitProperties(limits).map(({ name, value }) => `${name}=${value}`);
  expect(show(ALL)).toEqual([
    "MemoryMax=1073741824",
    "MemoryHigh=536870912",
    "MemorySwapMax=0",
    "TasksMax=300",
    "CPUQuotaPerSecUSec=1500000",
    "CPUWeight=50",
    "IOWeight=20",
  ]);
  expect(show({})).toEqual(["TasksMax=16384"]);
});

test("the slice is started by one call", () => {
  expect(sliceCommand("nspawn_runner-a.slice", limitProperties({ cpus: 2, tasks: 9 }))).toEqual([
    "busctl",
    "call",
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
    "StartTransientUnit",
    "ssa(sv)a(sa(sv))",
    "nspawn_runner-a.slice",
    "fail",
    ...["2", "TasksMax", "t", "9", "CPUQuotaPerSecUSec", "t", "2000000"],
    "0",
  ]);
});
