/**
 * What a limit of the disk promises (`job_disk`), on whatever keeps it. Which kernels have which quotas
 * differs: the tests that call this say where they run.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { command, type Machine, openRunner, type Place } from "./harness.ts";

export interface LimitedPlace extends Place {
  /** Of its images, one that has what the scripts need. */
  readonly image: string;
  /** What limits of machines its file system has, as text. */
  listLimits(): readonly string[] | Promise<readonly string[]>;
}

/** How much a job writes, and a script that does. */
type Way = readonly [title: string, script: string];

const LIMIT = "200M";
const REFUSED = /Disk quota exceeded|No space left on device/;
const TOLD = "The machine's disk was full, or all but: it has written";

const write = (path: string, mebibytes: number): string =>
  `dd if=/dev/zero of=${path} bs=1M count=${mebibytes}`;

const WAYS: readonly Way[] = [
  ["into a file", write("/big", 300)],
  ["into many files", `for i in $(seq 60); do ${write("/big$i", 5)} || exit 1; done`],
];

/** Makes such a place once. `more`: ways to write that are its own. */
export function describeLimitedDisk(
  title: string,
  {
    open,
    close,
    more = [],
  }: {
    readonly open: () => Promise<LimitedPlace>;
    readonly close: () => Promise<unknown>;
    readonly more?: readonly Way[];
  },
): void {
  let opened: LimitedPlace | undefined;
  const openLimited = () => {
    if (opened === undefined) throw new Error("there is no such file system");
    const [place, runner] = [opened, openRunner(opened, `job_disk = "${LIMIT}"\n`)];
    return { place, runner, machine: (): Promise<Machine> => runner.machine(place.image) };
  };

  describe(title, () => {
    beforeAll(async () => {
      opened = await open();
    }, 120_000);
    afterAll(close);

    test.each([...WAYS, ...more])(
      "a job that writes too much %s is refused, and told",
      async (_title, script) => {
        const { machine } = openLimited();
        const [job, victim] = [await machine(), await machine()];
        const { code, stdout, stderr } = await job.run(`#!/bin/sh -e\n${script}\necho written`);
        expect(stdout + stderr).toMatch(REFUSED);
        expect(stdout).not.toContain("written");
        expect(code).toBe(1);
        expect(stderr).toContain(TOLD);
        expect(stderr).toContain(`may write ${LIMIT}.`);
        // Another has its own, and who fails for another reason is told nothing of it.
        const other = await victim.run(`#!/bin/sh -e\n${write("/mine", 100)}\necho done; exit 7`);
        expect(other.stdout).toContain("done\n");
        expect(other.stderr).not.toContain(TOLD);
      },
      60_000,
    );

    // Nobody counts refusals, and with the script the file goes.
    test("nor can it write that into a file without a name", async () => {
      const { machine } = openLimited();
      const job = await machine();
      const { code, stdout } = await job.run(
        `#!/bin/sh -e\nexec 9>/big\nrm /big\n${write("/proc/self/fd/9", 300)}`,
      );
      expect(stdout).toMatch(REFUSED);
      expect(code).toBe(1);
    });

    test.each([
      ["cleanup", async () => {}],
      [
        "the end of its unit alone",
        (unit: string) => command("systemctl", "kill", "-s", "KILL", unit),
      ],
      [
        "the loss of all that says that it was",
        async (unit: string, name: string) => {
          await command("systemctl", "stop", unit);
          rmSync(`/run/nspawn-runner/machines/${name}`, { recursive: true, force: true });
        },
      ],
    ])(
      "%s leaves no limit behind, once gc has come",
      async (_title, end) => {
        const { place, runner, machine } = openLimited();
        /** Until there is none, as of machines of tests before, whose clones are being deleted. */
        const collect = async (): Promise<void> => {
          for (const until = performance.now() + 60_000; performance.now() < until; ) {
            expect((await runner.call("gc")).code).toBe(0);
            if ((await place.listLimits()).length === 0) return;
            // Wakes what drops deleted subvolumes.
            if (place.kind === "btrfs") await command("btrfs", "filesystem", "sync", place.root);
          }
        };
        await collect();
        const { unit, name, run } = await machine();
        expect((await run("#!/bin/sh\necho of mine >/mine")).code).toBe(0);
        expect((await runner.call("gc")).code).toBe(0);
        expect(await place.listLimits()).toHaveLength(1);
        await end(unit, name);
        await runner.call("cleanup", "--id", name);
        await collect();
        expect(await place.listLimits()).toEqual([]);
      },
      120_000,
    );
  });
}
