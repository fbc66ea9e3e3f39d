/** Declared images on every storage: built, maintained, taken back; jobs never notice. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { busybox, expectNothingHalf, openDeclared } from "./declare.ts";
import { cleanUpAfterEach, command, later, PLACES, sliceOf } from "./harness.ts";

cleanUpAfterEach();

describe.each([...PLACES])("a declared image on $kind", (place) => {
  test("is created, and its machines are as it says", async () => {
    const { runner, declare } = openDeclared(place);
    declare("asked", {
      create: busybox(
        place,
        "echo ci:x:1000:1000::/home/ci:/bin/sh >>etc/passwd; echo ci:x:1000: >>etc/group",
      ),
      user: "ci",
      environment: { GREETING: "it's me; $HOME\n2nd line" },
      limits: { tasks: 321, memory: "300M", cpus: 1.5 },
      test: 'test "$(id -un)" = ci',
    });
    const created = await runner.call("chroot-create");
    expect(created).toMatchObject({ code: 0, stderr: expect.stringContaining("1 built") });
    const machine = await runner.machine("asked");
    const ran = await machine.run(
      '#!/bin/sh\nid -u; id -g; echo "$HOME $USER"; echo "$GREETING"; echo mine >/builds/file; exit 3',
    );
    expect(ran.stdout).toBe("1000\n1000\n/home/ci ci\nit's me; $HOME\n2nd line\n");
    expect(ran.code).toBe(1);
    const shown = await command(
      ...[
        "systemctl",
        "show",
        "--property=TasksMax,MemoryMax,CPUQuotaPerSecUSec",
        sliceOf(machine.name),
      ],
    );
    expect(shown.stdout.split("\n").sort()).toEqual([
      "",
      "CPUQuotaPerSecUSec=1.500000s",
      "MemoryMax=314572800",
      "TasksMax=321",
    ]);
  });

  test("changes for the next job, never for one that runs", async () => {
    const { runner, declare, generations } = openDeclared(place);
    declare("moving", { create: busybox(place, "echo 1 >root/made") });
    expect((await runner.call("chroot-create", "moving")).code).toBe(0);
    const before = await runner.machine("moving");
    // Another way to create it: a new root file system.
    declare("moving", { create: busybox(place, "echo 2 >root/made") });
    const changed = await runner.call("chroot-maintenance");
    expect(changed.stderr).toContain("because the way it is created has changed");
    expect((await before.run("#!/bin/sh\ncat /root/made")).stdout).toBe("1\n");
    const after = await runner.machine("moving");
    expect((await after.run("#!/bin/sh\ncat /root/made")).stdout).toBe("2\n");
    expect((await generations("moving")).map((one) => one.current)).toEqual([false, true]);
    expect((await runner.call("chroot-maintenance")).stderr).toContain("it is up to date");
  });

  test("is maintained over what is there, or made anew where it says so", async () => {
    const { runner, declare } = openDeclared(place);
    declare("kept", { create: busybox(place) });
    await runner.call("chroot-create");
    const login = ["chroot-login", "kept", "--", "/bin/sh", "-c", "echo by hand >/root/note"];
    expect((await runner.call(...login)).code).toBe(0);
    expect((await runner.call("chroot-maintenance")).stderr).toContain("it is up to date");
    expect((await runner.call("chroot-maintenance", "--force")).code).toBe(0);
    const script = "#!/bin/sh\ncat /root/note || echo none";
    expect((await (await runner.machine("kept")).run(script)).stdout).toContain("by hand");
    declare("kept", { create: busybox(place), maint_recreate: true });
    expect((await runner.call("chroot-maintenance")).code).toBe(0);
    expect((await (await runner.machine("kept")).run(script)).stdout).toContain("none");
  });

  test("can be taken back, pinned, compared; old generations go, but none in use", async () => {
    const { runner, declare, generations } = openDeclared(place);
    const build = async (made: number): Promise<void> => {
      declare("back", { create: busybox(place, `echo ${made} >root/made`), keep: { count: 1 } });
      expect((await runner.call("chroot-maintenance")).code).toBe(0);
    };
    const made = async (): Promise<string> =>
      (await (await runner.machine("back")).run("#!/bin/sh\ncat /root/made")).stdout.trim();
    await build(1);
    await build(2);
    const [one, two] = (await generations("back")).map(({ version }) => version);
    expect((await runner.call("chroot-diff", "back", one ?? "")).stdout).toBe("~ /root/made\n");
    expect((await runner.call("chroot-rollback", "back")).code).toBe(0);
    expect(await made()).toBe("1");
    expect((await runner.call("chroot-pin", "back")).code).toBe(0);
    declare("back", { create: busybox(place, "echo 3 >root/made"), keep: { count: 1 } });
    expect((await runner.call("chroot-maintenance")).stderr).toContain("is pinned");
    expect(await made()).toBe("1");
    await runner.call("chroot-pin", "back", "--remove");
    await build(4);
    // The machines of `made` still run: generation one is in use, two is the one that is kept.
    const versions = (await generations("back")).map(({ version }) => version);
    expect(versions).toContain(one ?? "");
    expect(versions).toContain(two ?? "");
    const removed = await runner.call("chroot-remove", "back", one ?? "");
    expect(removed).toMatchObject({ code: 2, stderr: expect.stringContaining("machine uses") });
    expect((await runner.call("chroot-remove", "back")).code).toBe(2);
    const wrong = await runner.call("chroot-rollback", "back", `${two}x`);
    expect(wrong.stderr).toContain(`Did you mean "${two}"?`);
  });

  test("that extends another is made anew when that one changes", async () => {
    const { runner, declare } = openDeclared(place);
    declare("derived", {
      create: { from: "base" },
      test: "test -e /root/base",
    });
    declare("base", { create: busybox(place, "echo 1 >root/base") });
    // What is not there yet, or will change, is reckoned with.
    const would = await runner.call("chroot-maintenance", "--check");
    expect(would).toMatchObject({
      code: 0,
      stdout:
        "base: would create, because it does not exist yet\nderived: would create, because it does not exist yet\n",
    });
    // Named alone, it brings what it extends.
    const created = await runner.call("chroot-create", "derived", "--jobs", "4");
    expect(created).toMatchObject({ code: 0, stderr: expect.stringContaining("2 built") });
    declare("base", { create: busybox(place, "echo 2 >root/base") });
    expect((await runner.call("chroot-maintenance", "--check")).stdout).toContain(
      "derived: would create, because the image it extends has changed",
    );
    const changed = await runner.call("chroot-maintenance");
    expect(changed.stderr).toContain("because the image it extends has changed");
    const machine = await runner.machine("derived");
    expect((await machine.run("#!/bin/sh\ncat /root/base")).stdout).toBe("2\n");
  });

  test.each([
    [
      "its creator",
      { command: "echo half >$1/half; echo no such suite >&2; exit 3" },
      "",
      "creating",
    ],
    ["its test", undefined, "echo it is broken >&2; exit 4", "trying it"],
  ])(
    "fails by %s: jobs keep what they had, and the log is named",
    async (_, create, script, part) => {
      const { runner, declare, generations } = openDeclared(place);
      declare("failing", { create: busybox(place) });
      declare("fine", { create: busybox(place) });
      await runner.call("chroot-create");
      const before = await generations("failing");
      declare("failing", {
        create: create ?? busybox(place, "true"),
        ...(script === "" ? {} : { test: script }),
      });
      declare("fine", { create: busybox(place, "true") });
      const failed = await runner.call("chroot-maintenance");
      expect(failed.code).toBe(2);
      expect(failed.stderr).toContain(`Cannot build the image "failing" (${part})`);
      expect(failed.stderr).toContain(create === undefined ? "it is broken" : "no such suite");
      // One failure stops none of the others.
      expect(failed.stderr).toContain("1 built, 0 had nothing to do, 1 failed: failing.");
      const log = /The whole log is "(.*)"/.exec(failed.stderr)?.[1] ?? "";
      expect(readFileSync(log, "utf8")).toContain("Creating");
      expect(await generations("failing")).toEqual(before);
      expectNothingHalf(place);
    },
  );

  test.each(["Creating", "Sealing", "Trying it"])(
    "whose build is killed while it is %s leaves nothing that the next run does not mend",
    async (part) => {
      const { runner, declare, generations } = openDeclared(place);
      declare("killed", { create: busybox(place) });
      await runner.call("chroot-create");
      const before = await generations("killed");
      const slow = "head -c 20000000 /dev/urandom >root/big";
      declare("killed", { create: busybox(place, slow), test: "exec sleep 60" });
      const building = runner.start("chroot-maintenance");
      await building.awaitOutput(`killed: ${part}`);
      building.kill("SIGKILL");
      await building.ended;
      expect(await generations("killed")).toEqual(before);
      // Each of the three mends it: gc, a maintenance with nothing to do, and the next build.
      if (part === "Sealing") expect((await runner.call("gc")).code).toBe(0);
      else if (part === "Creating") {
        declare("killed", { create: busybox(place) });
        const idle = await runner.call("chroot-maintenance");
        expect(idle.stderr).toContain("1 had nothing to do");
      } else {
        declare("killed", { create: busybox(place, slow) });
        expect((await runner.call("chroot-maintenance")).code).toBe(0);
        expect(await generations("killed")).toHaveLength(2);
      }
      expectNothingHalf(place);
    },
  );

  test("is built when a job asks for it, once for all who do", async () => {
    const { runner, declare } = openDeclared(place);
    declare("wanted", { create: busybox(place, "cat /proc/sys/kernel/random/uuid >root/made") });
    const machines = await Promise.all([runner.machine("wanted"), runner.machine("wanted")]);
    const [one, two] = await Promise.all(machines.map((m) => m.run("#!/bin/sh\ncat /root/made")));
    expect(one?.stdout).toMatch(/^[0-9a-f-]{36}\n$/);
    expect(two?.stdout).toBe(one?.stdout ?? "");
  });
});

describe.each([...PLACES])("definitions on $kind", (place) => {
  test("may be links; without its definition an image stays, as an orphan", async () => {
    const { runner, declare, directory } = openDeclared(place);
    const path = declare("linked", { create: busybox(place) });
    const elsewhere = `${directory}/checkout`;
    await command("bash", "-c", `mkdir ${elsewhere} && mv ${path} ${elsewhere}/image.yml`);
    symlinkSync(`${elsewhere}/image.yml`, path);
    expect((await runner.call("chroot-create", "linked")).code).toBe(0);
    expect((await runner.call("chroot-list")).stdout).toContain(path);
    rmSync(path);
    expect((await runner.call("chroot-list")).stdout).toMatch(/^linked .*orphan/m);
    expect((await (await runner.machine("linked")).run("#!/bin/sh\ntrue")).code).toBe(0);
  });

  test("with a fault are told by line and column, and spoil no other", async () => {
    const { runner, declare } = openDeclared(place);
    declare("good", { create: busybox(place) });
    declare("broken", {}, "  tasks: [\n");
    declare("unknown", { packges: ["git"] });
    const created = await runner.call("chroot-create");
    expect(created.code).toBe(2);
    expect(created.stderr).toMatch(/broken\.yaml:\d+:\d+: /);
    expect(created.stderr).toContain("unknown.yaml:4:5: ");
    expect(created.stderr).toContain("nspawn_runner_packages");
    expect(created.stderr).toContain("1 built, 0 had nothing to do, 2 failed");
  });

  test("--check says what would be done, and why, and does nothing", async () => {
    const { runner, declare, generations } = openDeclared(place);
    declare("checked", { create: busybox(place) });
    const would = await runner.call("chroot-maintenance", "--check");
    expect(would).toMatchObject({
      code: 0,
      stdout: "checked: would create, because it does not exist yet\n",
    });
    expect(await generations("checked")).toEqual([]);
    const json = await runner.call("chroot-maintenance", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject([{ image: "checked", result: "built" }]);
  });

  test("two at once: the second says who is at it", async () => {
    const { runner, declare, directory } = openDeclared(place);
    const gate = `${directory}/gate`;
    await command("mkfifo", gate);
    declare("busy", { create: busybox(place, `cat ${gate}`) });
    const first = runner.start("chroot-maintenance");
    await first.awaitOutput("busy: Creating");
    const second = await runner.call("chroot-maintenance");
    expect(second.code).toBe(2);
    expect(second.stderr).toContain(
      `process ${first.pid} ("nspawn-runner chroot-maintenance") is changing it`,
    );
    await command("bash", "-c", `: >${gate}`);
    expect((await first.ended).code).toBe(0);
  });
});

const MB = 2 ** 20;

test.each([
  ["btrfs", "btrfs", 256],
  ["reflink", "xfs", 320],
  ["overlay", "ext4", 64],
  ["tmpfs", "ext4", 64],
] as const)(
  "a build that fills the disk leaves the image as it was, on %s",
  async (kind, type, size) => {
    const root = `/fs/small-${kind}`;
    const disk = `/var/tmp/small-${kind}.img`;
    later(() => command("bash", "-c", `umount ${root}; rm -rf ${root} ${disk}`));
    const make = `truncate -s ${size}M ${disk} && mkfs.${type} -q ${disk} && mkdir ${root} &&
    mount -o loop ${disk} ${root} && cp -a /fs/btrfs/root/nobash ${root}/nobash`;
    expect((await command("bash", "-c", make)).code).toBe(0);
    const place = { kind, root };
    const { runner, declare, generations } = openDeclared(place);
    declare("full", { create: busybox(place) });
    expect((await runner.call("chroot-create")).code).toBe(0);
    const before = await generations("full");
    const fill = `head -c ${size * MB} /dev/zero >root/big`;
    declare("full", { create: busybox(place, fill) });
    const failed = await runner.call("chroot-maintenance");
    expect(failed).toMatchObject({ code: 2, stderr: expect.stringContaining("No space left") });
    expect(await generations("full")).toEqual(before);
    expect((await (await runner.machine("full")).run("#!/bin/sh\ntrue")).code).toBe(0);
    for (const place of ["drafts", "trash"]) expect(readdirSync(`${root}/.${place}`)).toEqual([]);
  },
);
