import { expect, test } from "bun:test";
import { NESTING_DEVICES, NO_LOOSENING } from "./loosening.ts";
import { bindArguments, devicesOf, looseningArguments } from "./loosening-arguments.ts";

const nestingDevices = NESTING_DEVICES;

test("nothing loosened is no device and no capability", () => {
  const facts = { loosening: NO_LOOSENING, nestingDevices };
  expect(devicesOf(facts)).toEqual([]);
  expect(looseningArguments(facts)).toEqual([
    "--system-call-filter=~io_uring_setup io_uring_enter io_uring_register userfaultfd",
  ]);
  expect(bindArguments(NO_LOOSENING)).toEqual([]);
});

test("all loosened", () => {
  const loosening = {
    nesting: true,
    devices: ["/dev/kvm", "/dev/fuse"],
    capabilities: ["CAP_SYS_TIME", "CAP_BPF"],
    binds: [
      { source: "/srv/a:b", target: "/a", writable: false },
      { source: "/srv/c", target: "/c\\d", writable: true },
    ],
    systemCalls: ["bpf", "userfaultfd"],
  };
  expect(looseningArguments({ loosening, nestingDevices })).toEqual([
    "--system-call-filter=@keyring bpf userfaultfd",
    "--system-call-filter=~io_uring_setup io_uring_enter io_uring_register",
    "--capability=CAP_SYS_TIME,CAP_BPF",
    "--bind=/dev/kvm",
    "--bind=/dev/fuse",
    "--bind=/dev/net/tun",
  ]);
  expect(bindArguments(loosening)).toEqual([
    "--bind-ro=/srv/a\\:b:/a:idmap",
    "--bind=/srv/c:/c\\\\d:idmap",
  ]);
});
