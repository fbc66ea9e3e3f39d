/** What an earlier machine, or somebody else, has left in the way: a machine comes up all the same. */
import { describe, expect, test } from "bun:test";
import { existsSync, rmSync, symlinkSync } from "node:fs";
import { machineUnits } from "../../src/machine/machine-units.ts";
import { parseMachineName } from "../../src/text/names.ts";
import {
  cleanUpAfterEach,
  command,
  expectNothingLeft,
  later,
  openRunner,
  PLACES,
  start,
  uniqueName,
} from "./harness.ts";

cleanUpAfterEach();

const [place = { kind: "btrfs", root: "/fs/btrfs/root" } as const] = PLACES;
const runner = openRunner(place, 'network = "private"\n');

/** Whole life of a machine of that name. */
async function useMachine(name: string, image = "nosystemd"): Promise<void> {
  const prepared = await runner.call("prepare", "--id", name, image);
  expect({ code: prepared.code, stderr: prepared.code === 0 ? "" : prepared.stderr }).toEqual({
    code: 0,
    stderr: "",
  });
  const script = Bun.spawnSync(["mktemp"]).stdout.toString().trim();
  later(() => rmSync(script));
  await Bun.write(script, "echo lives");
  expect((await runner.call("run", "--id", name, script)).stdout).toBe("lives\n");
  expect(await runner.call("cleanup", "--id", name)).toMatchObject({ code: 0, stderr: "" });
  expectNothingLeft(place, name);
}

describe("a machine comes up over", () => {
  // In a shell: $0 is the name, $1 the unit, $2 the slice, $3 the root directory.
  test.each([
    ["a cgroup of its name", "mkdir -p /sys/fs/cgroup/nspawn_runner.slice/$2/$1"],
    ["a slice of its name", 'systemctl start "$2"'],
    [
      "a mount that a killed nspawn has left",
      `mkdir -p /run/nspawn-runner/machines/$0 /run/systemd/nspawn/unix-export/$0
       mount -t tmpfs tmpfs /run/systemd/nspawn/unix-export/$0`,
    ],
    ["a directory that a killed nspawn has left", "mkdir -p /run/systemd/nspawn/propagate/$0"],
    ["nspawn's lock on its tree", "mkdir -p $3/.machines/$0 && touch $3/.machines/$0/.#root.lck"],
    ["the clone of one before a reset of the host", "mkdir -p $3/.machines/$0/root"],
    [
      "a file for its state",
      "mkdir -p /run/nspawn-runner/machines; echo x >/run/nspawn-runner/machines/$0",
    ],
    ["an empty directory for its state", "mkdir -p /run/nspawn-runner/machines/$0"],
    [
      "a state that is a link",
      "mkdir -p /run/nspawn-runner/machines/$0; ln -s /etc/passwd /run/nspawn-runner/machines/$0/state.json",
    ],
    [
      "a table of the firewall that is not ours",
      "nft add table inet nspawn_runner_$0; nft add table inet x",
    ],
  ])("%s", async (_title, plant) => {
    const name = uniqueName();
    const { unit, slice } = machineUnits(parseMachineName(name));
    later(() => command("nft", "delete", "table", "inet", "x"));
    later(() => command("nft", "delete", "table", "inet", `nspawn_runner_${name}`));
    later(() => runner.call("cleanup", "--id", name));
    const planted = await command("bash", "-uc", plant, name, unit, slice, place.root);
    expect(planted.code).toBe(0);
    await useMachine(name);
  });

  test("itself: one name, ten times", async () => {
    const name = uniqueName();
    for (let time = 0; time < 10; time += 1)
      await useMachine(name, time % 2 ? "trixie" : "nosystemd");
  });
});

describe("gc takes away", () => {
  // In a shell: $0 is the name, $1 the unit, $2 the slice; `there` succeeds as long as it is there.
  test.each([
    [
      "an interface that no claim speaks of",
      {
        plant: "ip link add nsr-stray type veth peer name stray-peer",
        there: "ip link show nsr-stray",
      },
    ],
    [
      "a range of ids whose machine's directory is gone",
      {
        plant: "mkdir -p /run/nspawn-runner/id-ranges; ln -s $0 /run/nspawn-runner/id-ranges/1",
        there: "test -L /run/nspawn-runner/id-ranges/1",
      },
    ],
    [
      "a pair of addresses whose machine's directory is gone",
      {
        plant:
          "mkdir -p /run/nspawn-runner/address-pairs; ln -s $0 /run/nspawn-runner/address-pairs/1",
        there: "test -L /run/nspawn-runner/address-pairs/1",
      },
    ],
    [
      "a slice without a machine",
      { plant: 'systemctl start "$2"', there: 'systemctl is-active "$2"' },
    ],
    [
      "cgroups that systemd knows nothing of",
      {
        plant: `mkdir -p "/sys/fs/cgroup/nspawn_runner.slice/$2/$1/payload"`,
        there: `test -d "/sys/fs/cgroup/nspawn_runner.slice/$2"`,
      },
    ],
  ])("%s", async (_title, { plant, there }) => {
    const name = uniqueName();
    const { unit, slice } = machineUnits(parseMachineName(name));
    const shell = (text: string) => command("bash", "-uc", text, name, unit, slice);
    later(() => runner.call("cleanup", "--id", name));
    later(() => command("ip", "link", "delete", "nsr-stray"));
    expect(await shell(plant)).toMatchObject({ code: 0, stderr: "" });
    expect(await shell(there)).toMatchObject({ code: 0 });
    expect(await runner.call("gc")).toMatchObject({ code: 0 });
    expect((await shell(there)).code).not.toBe(0);
    expectNothingLeft(place, name);
  });
});

describe("what is used up is told, and nothing is left", () => {
  test("descriptors", async () => {
    // From too few to start at all to enough: every number is another place where they end.
    for (let limit = 8; limit <= 40; limit += 2) {
      const name = uniqueName();
      later(() => runner.call("cleanup", "--id", name));
      const argv = [
        "prlimit",
        `--nofile=${limit}`,
        "nspawn-runner",
        "prepare",
        "--id",
        name,
        "nosystemd",
      ];
      const { code, stderr } = await start(argv, runner.environment).ended;
      if (code === 0) break;
      expect({ limit, code, stderr }).not.toMatchObject({ code: 1 });
      await runner.call("cleanup", "--id", name);
      expectNothingLeft(place, name);
    }
  });

  test("user ids", async () => {
    const ranges = "/run/nspawn-runner/id-ranges";
    later(() => command("find", ranges, "-lname", "used-up", "-delete"));
    // Every range there could be, by its first id (src/machine/id-range.ts).
    for (let shift = 0x7000_0000; shift < 0x7ffe_0000; shift += 65_536) {
      if (!existsSync(`${ranges}/${shift}`)) symlinkSync("used-up", `${ranges}/${shift}`);
    }
    const name = uniqueName();
    const ended = await runner.call("prepare", "--id", name, "nosystemd");
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain("Cannot find a free range of user ids");
    expectNothingLeft(place, name);
  });

  test("addresses", async () => {
    const small = openRunner(place, 'network = "private"\nnetwork_range = "10.211.0.0/29"\n');
    const machines = await Promise.all([1, 2, 3, 4].map(() => small.machine("nosystemd")));
    const name = uniqueName();
    const ended = await small.call("prepare", "--id", name, "nosystemd");
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain("Cannot find two free addresses in 10.211.0.0/29");
    expectNothingLeft(place, name);
    for (const machine of machines) expect((await machine.run("true")).code).toBe(0);
  });
});
