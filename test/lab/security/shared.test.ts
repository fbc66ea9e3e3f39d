/** What several jobs share: nothing unless the administrator says so, and no lock of ours. */
import { expect, test } from "bun:test";
import { mkdirSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { makeJob } from "../../contract/simulator/make-job.ts";
import {
  cleanUpAfterEach,
  later,
  openRunner,
  PLACES,
  type Place,
  type Runner,
  scratch,
  scriptFile,
  start,
  uniqueName,
} from "../harness.ts";

cleanUpAfterEach();

const [place = { kind: "btrfs", root: "/fs/btrfs/root" }]: readonly Place[] = PLACES;

/** A job of one project, on a branch that is protected or not, as GitLab Runner prepares it. */
async function jobOf(runner: Runner, isProtected: boolean) {
  const path = `${scratch}/response-${uniqueName()}.json`;
  const job = makeJob({ image: "nosystemd", projectPath: "group/app" });
  const git = { ...job.git_info, ref: "main", protected: isProtected };
  writeFileSync(path, JSON.stringify({ ...job, git_info: git }), { mode: 0o600 });
  later(() => unlinkSync(path));
  const name = uniqueName();
  later(() => runner.call("cleanup", "--id", name));
  const environment = { ...runner.environment, JOB_RESPONSE_FILE: path };
  expect(await start(["nspawn-runner", "prepare", "--id", name], environment).ended).toMatchObject({
    code: 0,
  });
  const { stdout } = await start(["nspawn-runner", "config"], environment).ended;
  const { cache_dir: cache }: { cache_dir: string } = JSON.parse(stdout);
  const run = (script: string) =>
    runner.call("run", "--id", name, scriptFile(`#!/bin/sh\n${script.replaceAll("CACHE", cache)}`));
  return {
    name,
    run,
    start: (script: string) => runner.start("run", "--id", name, scriptFile(script)),
  };
}

/** A directory of the host, as an administrator's cache: where mounts can be mapped, unlike the lab's root. */
function sharedDirectory(): string {
  const path = `/fs/ext4/${uniqueName()}`;
  mkdirSync(path);
  writeFileSync(`${path}/tool`, "good\n");
  later(() => rmSync(path, { recursive: true }));
  return path;
}

const POISON = "mkdir -p CACHE; echo evil >CACHE/tool; [ ! -d /shared ] || echo evil >/shared/tool";
const LOOK = "cat CACHE/tool /shared/tool 2>/dev/null; true";

test("a branch that is not protected writes nothing that a protected one reads", async () => {
  const runner = openRunner(place);
  const [unprotected, guarded] = await Promise.all([jobOf(runner, false), jobOf(runner, true)]);
  expect(await unprotected.run(POISON)).toMatchObject({ code: 0 });
  expect((await unprotected.run(LOOK)).stdout).toBe("evil\n");
  expect((await guarded.run(LOOK)).stdout).toBe("");
  expect((await (await jobOf(runner, true)).run(LOOK)).stdout).toBe("");
});

test("a cache of the host is read-only, but for whom a rule lets write", async () => {
  const shared = sharedDirectory();
  const rules = (mode: string): string => `
[[rule]]
binds = ["${shared}:/shared${mode}"]
[[rule]]
protected = true
binds = ["${shared}:/shared:rw"]
`;
  const runner = openRunner(place, rules(""));
  const [unprotected, guarded] = await Promise.all([jobOf(runner, false), jobOf(runner, true)]);
  const forced = `mount -o remount,rw,bind /shared; umount -l /shared; ${POISON}; true`;
  await unprotected.run(forced);
  expect((await guarded.run("cat /shared/tool")).stdout).toBe("good\n");
  expect(await guarded.run("echo better >/shared/tool")).toMatchObject({ code: 0 });
  expect((await unprotected.run("cat /shared/tool")).stdout).toBe("better\n");
  // It is the mode that keeps it.
  expect(await (await jobOf(openRunner(place, rules(":rw")), false)).run(POISON)).toMatchObject({
    code: 0,
  });
  expect((await guarded.run("cat /shared/tool")).stdout).toBe("evil\n");
});

test("who holds a lock on all that it sees holds nobody else up", async () => {
  const shared = sharedDirectory();
  const runner = openRunner(place, `[[rule]]\nbinds = ["${shared}:/shared"]\n`);
  const job = await jobOf(runner, false);
  const holding = job.start(`
perl -MFcntl=:flock -e '
  use File::Find; $| = 1;
  find({ no_chdir => 1, wanted => sub { return if -p; open(my $f, "<", $_) or return; flock($f, LOCK_EX | LOCK_NB) and push(@held, $f) } },
    grep { -e } "/shared", "/run", "/etc");
  print "holds ", @held > 3 ? "many" : "few", "\\n"; sleep 1000'`);
  await holding.awaitOutput("holds many");
  const other = await jobOf(runner, true);
  expect(await other.run("true")).toMatchObject({ code: 0 });
  expect((await runner.call("gc")).code).toBe(0);
  for (const { name } of [other, job]) {
    expect((await runner.call("cleanup", "--id", name)).code).toBe(0);
  }
  await holding.ended;
});
