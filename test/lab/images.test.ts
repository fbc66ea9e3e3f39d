/** Images by hand: made, changed, listed, put there, on every storage; jobs never notice. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
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

describe.each([...PLACES])("images on $kind", (place) => {
  const runner = openRunner(place);

  test("a directory put there is an image at once", async () => {
    const path = `${place.root}/by-hand`;
    later(() => command("bash", "-c", `btrfs subvolume delete ${path} || rm -rf ${path}`));
    await command("cp", "-a", `${place.root}/nobash/.`, path);
    const machine = await runner.machine("by-hand");
    expect((await machine.run("cat /etc/os-release")).stdout).toBe("ID=busybox\n");
    const again = await runner.machine("by-hand");
    expect((await again.run("cat /etc/os-release")).stdout).toBe("ID=busybox\n");
  });

  test("chroot-login changes it for new jobs only, and only when left with success", async () => {
    const path = `${place.root}/changed`;
    later(() => command("bash", "-c", `btrfs subvolume delete ${path} || rm -rf ${path}`));
    await command("cp", "-a", `${place.root}/nobash/.`, path);
    const before = await runner.machine("changed");
    const change = ["/bin/sh", "-c", "echo ID=changed > /etc/os-release; rm /etc/passwd"];
    expect(
      (await runner.call("chroot-login", "changed", "--", "/bin/sh", "-c", "rm -r /etc; exit 3"))
        .code,
    ).toBe(3);
    expect((await runner.call("chroot-login", "changed", "--", ...change)).code).toBe(0);
    expect((await before.run("cat /etc/os-release; ls /etc/passwd")).stdout).toBe(
      "ID=busybox\n/etc/passwd\n",
    );
    const after = await runner.machine("changed");
    expect((await after.run("cat /etc/os-release; ls /etc/passwd || true")).stdout).toContain(
      "ID=changed\n",
    );
    expect(existsSync(`${place.root}/.drafts/changed`)).toBe(false);
  });

  test("chroot-list tells who uses what", async () => {
    const machine = await runner.machine("trixie");
    const listed = await runner.call("chroot-list", "--json");
    const images: { name: string; storage: string; sizeBytes: number; inUseBy: string[] }[] =
      JSON.parse(listed.stdout);
    const trixie = images.find((image) => image.name === "trixie");
    expect(trixie).toMatchObject({ storage: place.kind, inUseBy: [machine.name] });
    expect(trixie?.sizeBytes).toBeGreaterThan(50_000_000);
    expect((await runner.call("chroot-list")).stdout).toMatch(
      /^NAME +STORAGE +SIZE +AGE +IN USE BY +FROM\n/,
    );
  });
});

const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "nspawn-runner"];

describe.each([...PLACES])("an ordinary user, on $kind", (place) => {
  const environment = { NSPAWN_RUNNER_CONFIG: "/tmp/ordinary.toml" };

  test("sees no images, and is told who does", async () => {
    later(() => rmSync(environment.NSPAWN_RUNNER_CONFIG));
    writeFileSync(environment.NSPAWN_RUNNER_CONFIG, `root_directory = "${place.root}"\n`);
    const listed = await start([...NOBODY, "chroot-list"], environment).ended;
    expect(listed.stderr).toBe(
      "ERROR: Only root can look at images, or change them.\nHint: Run the command with sudo.\n",
    );
    expect(listed.code).toBe(2);
  });
});

describe.each([...PLACES])("prepare --dry-run on $kind", (place) => {
  test("prints the plan, starts nothing and leaves nothing", async () => {
    const name = uniqueName();
    const planned = await openRunner(place).call("prepare", "--dry-run", "--id", name, "trixie");
    expect(planned.code).toBe(0);
    expect(planned.stderr).toBe("");
    expect(planned.stdout).toContain(`Image     trixie (${place.root}/trixie)\n`);
    expect(planned.stdout).toContain(`  /usr/bin/systemd-nspawn --quiet `);
    expectNothingLeft(place, name);
  });
});

const runner = openRunner({ kind: "btrfs", root: "/fs/btrfs/root" });

describe("links", () => {
  test("a second name of an image works; a link out of the root directory does not", async () => {
    later(() => command("rm", "/fs/btrfs/root/stable", "/fs/btrfs/root/outside"));
    await command("ln", "-s", "nobash", "/fs/btrfs/root/stable");
    await command("ln", "-s", "/", "/fs/btrfs/root/outside");
    const machine = await runner.machine("stable");
    expect((await machine.run("cat /etc/os-release")).stdout).toBe("ID=busybox\n");
    const outside = await runner.call("prepare", "--id", "outside", "outside");
    expect(outside).toMatchObject({ code: 1, stderr: expect.stringContaining("it is a link") });
  });
});

describe("chroot-create", () => {
  // A stand-in for Debian's archive: mmdebstrap itself is real in the demo, and takes 20 s a time.
  const withCreator = async (script: string): Promise<Record<string, string>> => {
    const directory = (await command("mktemp", "-d")).stdout.trim();
    await command(
      "bash",
      "-c",
      `printf '%s' "$1" > ${directory}/mmdebstrap; chmod +x ${directory}/mmdebstrap`,
      "sh",
      `#!/bin/bash\n${script}`,
    );
    return { ...runner.environment, PATH: `${directory}:${process.env.PATH ?? ""}` };
  };

  test("makes an image of generations, refuses its name afterwards, and jobs get it", async () => {
    later(() =>
      command(
        "bash",
        "-c",
        "btrfs subvolume delete /fs/btrfs/root/made.v/made_*; rm -rf /fs/btrfs/root/made.v",
      ),
    );
    const environment = await withCreator(
      'cp -a /fs/btrfs/root/nobash/. "${@: -1}"; echo 0123456789abcdef0123456789abcdef >"${@: -1}/etc/machine-id"',
    );
    const created = await start(
      ["nspawn-runner", "chroot-create", "made", "--suite", "trixie"],
      environment,
    ).ended;
    expect(created.stderr).toContain('Image "made" is ready');
    expect(created.code).toBe(0);
    const machine = await runner.machine("made");
    expect((await machine.run("wc -c < /etc/machine-id")).stdout).toBe("0\n");
    const again = await start(["nspawn-runner", "chroot-create", "made"], environment).ended;
    expect(again).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("there is one of that name"),
    });
    const [before] = readdirSync("/fs/btrfs/root/made.v").filter((entry) =>
      entry.startsWith("made_"),
    );
    const login = await runner.call(
      "chroot-login",
      "made",
      "--",
      "/bin/sh",
      "-c",
      "echo 2 > /root/generation",
    );
    expect(login.code).toBe(0);
    // The old generation stays: for the job that was cloned from it, and to go back to.
    expect(readdirSync("/fs/btrfs/root/made.v")).toContain(before as string);
    const next = await runner.machine("made");
    expect((await next.run("cat /root/generation")).stdout).toBe("2\n");
  });

  test("a failed one leaves nothing and says why", async () => {
    const environment = await withCreator(
      'echo half > "${@: -1}/half"; echo "E: no such suite" >&2; exit 25',
    );
    const failed = await start(["nspawn-runner", "chroot-create", "failing"], environment).ended;
    expect(failed.code).toBe(2);
    expect(failed.stderr).toContain("E: no such suite");
    expect(failed.stderr).toContain("exit status 25");
    expect(readdirSync("/fs/btrfs/root").filter((entry) => entry.includes("failing"))).toEqual([]);
    expect(readdirSync("/fs/btrfs/root/.drafts")).toEqual([]);
  });

  test("an interrupted one leaves nothing", async () => {
    const environment = await withCreator(
      'echo half > "${@: -1}/half"; echo begun; exec sleep 300',
    );
    const creating = start(
      ["bash", "-c", "exec nspawn-runner chroot-create cut 2>&1"],
      environment,
    );
    await creating.awaitOutput("begun");
    creating.kill("SIGTERM");
    expect((await creating.ended).code).toBe(2);
    expect(readdirSync("/fs/btrfs/root").filter((entry) => entry.includes("cut"))).toEqual([]);
    expect(readdirSync("/fs/btrfs/root/.drafts")).toEqual([]);
  });

  test("names the package when mmdebstrap is missing", async () => {
    const environment = { ...runner.environment, PATH: "/nowhere" };
    const missing = await start(
      ["/usr/local/bin/nspawn-runner", "chroot-create", "none"],
      environment,
    ).ended;
    expect(missing.stderr).toContain("apt-get install mmdebstrap");
  });
});

describe("the command line", () => {
  test.each([
    [["prepar"], 'Did you mean "prepare"?'],
    [["prepare", "--defualt-image", "x"], 'Did you mean "--default-image"?'],
    [["run"], 'See "nspawn-runner run --help"'],
    [["run", "--id", "a/b", "x"], "cannot be the name of a machine"],
    [["run", "x"], "--id NAME"],
    [["run", "--id", "never-was", "x"], 'There is no machine "never-was"'],
  ])("%p is explained, without a stack trace", async (argv, text) => {
    const ended = await runner.call(...argv);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(text);
    expect(ended.stderr).not.toMatch(/^ +at /m);
  });

  test("a broken configuration is named by line and column, and blames nobody else", async () => {
    const broken = openRunner({ kind: "btrfs", root: "/fs/btrfs/root" }, "boot_timeout = =\n");
    const ended = await broken.call("prepare", "--id", "x", "trixie");
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/config-\d+\.toml:3:16" is not valid TOML/);
  });

  test("a storage that does not fit says so", async () => {
    const unfit = openRunner({ kind: "btrfs", root: "/fs/ext4/root" });
    const ended = await unfit.call("prepare", "--id", "x", "trixie");
    expect(ended).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"/fs/ext4/root" is not on btrfs'),
    });
  });

  test("the journal has it, with the machine as a field", async () => {
    const machine = await runner.machine("nobash");
    await command("journalctl", "--sync");
    const entries = await command(
      "journalctl",
      "-t",
      "nspawn-runner",
      `MACHINE=${machine.name}`,
      "-o",
      "cat",
      "--no-pager",
    );
    expect(entries.stdout).toContain('Machine of image "nobash" (btrfs) started');
  });
});
