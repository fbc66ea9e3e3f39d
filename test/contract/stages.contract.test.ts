/** Whole jobs through the simulator of GitLab Runner: what a job's author and an administrator see. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { type JobWish, makeJob } from "./simulator/make-job.ts";
import { type JobOptions, runJob, startJob } from "./simulator/run-job.ts";

const DRIVER = "/usr/local/bin/nspawn-runner";

const PLACES = [
  { kind: "btrfs", root: "/fs/btrfs/root" },
  { kind: "reflink", root: "/fs/xfs/root" },
  { kind: "overlay", root: "/fs/ext4/root" },
  { kind: "tmpfs", root: "/fs/ext4/root" },
] as const;

type Place = (typeof PLACES)[number];

const scratch = mkdtempSync("/tmp/nspawn-runner-contract-");
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

function optionsFor(place: Place, wish: JobWish, more: Partial<JobOptions> = {}): JobOptions {
  const config = `${scratch}/${place.kind}.toml`;
  writeFileSync(
    config,
    `root_directory = "${place.root}"\nstorage = "${place.kind}"\ndefault_image = "trixie"\n`,
  );
  return {
    driver: {
      configExec: DRIVER,
      configArgs: ["config"],
      prepareExec: DRIVER,
      prepareArgs: ["prepare"],
      runExec: DRIVER,
      runArgs: ["run"],
      cleanupExec: DRIVER,
      cleanupArgs: ["cleanup"],
    },
    job: makeJob({ variables: { GIT_STRATEGY: "none" }, ...wish }),
    env: { PATH: process.env.PATH ?? "", NSPAWN_RUNNER_CONFIG: config },
    timeouts: { preparationRetryMs: 100 },
    ...more,
  };
}

function expectNothingLeft(place: Place): void {
  const clones = `${place.root}/.machines`;
  expect(existsSync(clones) ? readdirSync(clones) : []).toEqual([]);
  expect(readdirSync("/run/nspawn-runner/machines")).toEqual([]);
  expect(readdirSync("/run/nspawn-runner/id-ranges")).toEqual([]);
  const units = ["systemctl", "list-units", "--all", "--no-legend", "nspawn-runner-*.service"];
  expect(Bun.spawnSync(units).stdout.toString()).toBe("");
}

describe.each([...PLACES])("a job on $kind", (place) => {
  test("runs in one machine from first to last step", async () => {
    const result = await runJob(
      optionsFor(place, {
        script: ["echo made > /root/kept", "systemctl is-system-running", "echo to stderr >&2"],
        afterScript: ["cat /root/kept"],
      }),
    );
    expect(result.log).toContain("Using Custom executor with driver nspawn-runner");
    expect(result.log).toContain(`Machine of image "trixie" (${place.kind}) booted in`);
    expect(result.log).toMatch(/\nrunning\n(.*\n)?to stderr\n/);
    expect(result.log).toMatch(/\nmade\n/);
    expect(result).toMatchObject({ status: "success", attempts: 1 });
    expectNothingLeft(place);
  });

  test("that fails tells its exit code", async () => {
    const result = await runJob(optionsFor(place, { script: ["exit 42"] }));
    expect(result).toMatchObject({ status: "script_failure", exitCode: 42 });
    expectNothingLeft(place);
  });

  test("that is cancelled still runs after_script in the same machine", async () => {
    const job = startJob(
      optionsFor(place, {
        script: ["echo made > /root/kept", "echo going", "sleep 300"],
        afterScript: ["cat /root/kept; echo after"],
      }),
    );
    await job.log.waitFor("going");
    job.cancel();
    const result = await job.result;
    expect(result.log).toMatch(/made\nafter\n/);
    expect(result.status).not.toBe("success");
    expectNothingLeft(place);
  });

  test("two at once do not meet", async () => {
    const wish = { script: ["test ! -e /root/kept", "echo made > /root/kept"] };
    const results = await Promise.all([
      runJob(optionsFor(place, wish)),
      runJob(optionsFor(place, wish)),
    ]);
    expect(results.map((result) => result.status)).toEqual(["success", "success"]);
    expectNothingLeft(place);
  });

  test("with an image without bash gets sh, or without systemd no boot", async () => {
    const image = await runJob(
      optionsFor(place, { image: "nosystemd", script: ["echo bash $BASH_VERSION"] }),
    );
    expect(image.log).toMatch(/bash \d/);
    const busybox = await runJob(
      optionsFor(place, { image: "nobash", script: ["cat /etc/os-release"] }),
    );
    expect(busybox).toMatchObject({
      status: "success",
      log: expect.stringContaining("ID=busybox"),
    });
    expectNothingLeft(place);
  });

  test("with a missing image is the author's fault, at once, and lists the images", async () => {
    const result = await runJob(optionsFor(place, { image: "trixy", script: ["true"] }));
    expect(result).toMatchObject({ status: "script_failure", attempts: 1 });
    expect(result.log).toContain('Did you mean "trixie"?');
    expect(result.log).toContain("The images are: ");
    expectNothingLeft(place);
  });
});

const place = PLACES[0];

describe("hostile and odd jobs", () => {
  const nasty = `a"b'c$(touch /tmp/hacked)\n\u001b[31m; \`touch /tmp/hacked\``;
  test("variables with anything in them reach the script, and nothing else", async () => {
    const result = await runJob(
      optionsFor(place, {
        variables: {
          GIT_STRATEGY: "none",
          NASTY: nasty,
          LONG: "x".repeat(100_000),
          CI_JOB_IMAGE: "../../etc",
          CI_JOB_ID: nasty,
          NSPAWN_RUNNER_MACHINE: "other",
          BUILD_FAILURE_EXIT_CODE: "77",
        },
        image: "nosystemd",
        script: [`test "$NASTY" = ${JSON.stringify("")} || echo "length \${#NASTY} \${#LONG}"`],
      }),
    );
    expect(result).toMatchObject({ status: "success" });
    expect(result.log).toContain(`length ${nasty.length} 100000`);
    expect(existsSync("/tmp/hacked")).toBe(false);
    expectNothingLeft(place);
  });

  test.each(["../x", "/etc", "-rf", "a".repeat(300), "a\nb"])(
    "the image %p is refused as the author's fault",
    async (image) => {
      const result = await runJob(optionsFor(place, { image, script: ["true"] }));
      expect(result).toMatchObject({ status: "script_failure", attempts: 1 });
      expect(result.log).toContain("cannot be the name of an image");
      expectNothingLeft(place);
    },
  );

  test("a background process left with the output does not hold the job", async () => {
    const result = await runJob(
      optionsFor(place, {
        image: "nosystemd",
        script: ["(while sleep 1; do echo late; done) & echo end"],
      }),
    );
    expect(result.status).toBe("success");
    expectNothingLeft(place);
  });
});

describe("preparation", () => {
  test("that fails for the host's sake is tried again, and heals", async () => {
    const image = `${place.root}/healing`;
    Bun.spawnSync(["btrfs", "subvolume", "snapshot", `${place.root}/nosystemd`, image]);
    // An agent cannot start without a shell.
    renameSync(`${image}/usr/bin/dash`, `${image}/usr/bin/dash.gone`);
    const job = startJob(
      optionsFor(
        place,
        { image: "healing", script: ["echo healed"] },
        { timeouts: { preparationRetryMs: 1000 } },
      ),
    );
    await job.log
      .waitFor("Cannot boot machine")
      .finally(() => renameSync(`${image}/usr/bin/dash.gone`, `${image}/usr/bin/dash`));
    const result = await job.result;
    Bun.spawnSync(["btrfs", "subvolume", "delete", image]);
    expect(result.status).toBe("success");
    expect(result.attempts).toBeGreaterThan(1);
    expect(result.log).toContain("healed");
    expectNothingLeft(place);
  });

  test("that always fails is a system failure after three tries", async () => {
    const options = optionsFor(place, { script: ["true"] });
    const broken = `${scratch}/broken.toml`;
    writeFileSync(broken, 'root_directory = "/nowhere"\nboot_timeout = "soon"\n');
    const result = await runJob({
      ...options,
      env: { ...options.env, NSPAWN_RUNNER_CONFIG: broken },
    });
    expect(result).toMatchObject({ status: "system_failure", attempts: 3 });
    expect(result.log).toContain('"boot_timeout"');
  });
});
