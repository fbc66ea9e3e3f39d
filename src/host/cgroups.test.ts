import { expect, test } from "bun:test";
import { rootDirectory } from "./cgroups.ts";

test.each([
  ["a host, or a container with a cgroup namespace", "0::/init.scope\n", "/sys/fs/cgroup"],
  ["a container without one", "0::/lxc/ci/init.scope\n", "/sys/fs/cgroup/lxc/ci"],
  ["beside controllers of version 1", "4:cpu:/\n0::/init.scope\n", "/sys/fs/cgroup"],
  ["a root that holds PID 1 itself", "0::/\n", "/sys/fs/cgroup"],
])("systemd's cgroups in %s", (_title, cgroupOfPid1, directory) => {
  expect(rootDirectory(cgroupOfPid1)).toBe(directory);
});
