/**
 * All commands at once on a real host, some at a time, in an order that the printed seed decides: none
 * waits for ever, whatever a machine was cloned from stays, images stay whole, and what fails says so
 * as an error for people. Twenty seconds; two minutes with NSPAWN_RUNNER_SOAK set.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { busybox, type Declared, expectNothingHalf, openDeclared } from "./declare.ts";
import {
  cleanUpAfterEach,
  type Ended,
  expectNothingLeft,
  later,
  PLACES,
  type Place,
  scriptFile,
  start,
  uniqueName,
} from "./harness.ts";

cleanUpAfterEach();

const MILLISECONDS = process.env.NSPAWN_RUNNER_SOAK ? 120_000 : 20_000;
const AT_ONCE = 4;
/** Far more than any of them takes on a slow host; a lock that nobody lets go of lasts longer. */
const HANG_MS = 90_000;
const SEED = Number(process.env.NSPAWN_RUNNER_SEED ?? Date.now() % 1_000_000);

/** mulberry32, by Tommy Ettinger: small, and the same everywhere. */
function openDice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  };
}

const FAKE_APT = `#!/bin/sh
case "$*" in *"install -- "*) printf '#!/bin/sh\\necho hello\\n' >/bin/hello; chmod +x /bin/hello ;; esac`;
const APT = `cat >bin/apt-get <<'END'\n${FAKE_APT}\nEND\nchmod +x bin/apt-get\n`;
/** Read from the lower layer of a clone, and not kept in memory by anyone. */
const READ_ALL =
  "#!/bin/sh\nset -e\ntest -s /etc/passwd\nfind /bin /etc -xdev -type f | head -n 200 | xargs cat >/dev/null";

async function inTime(what: string, started: { readonly ended: Promise<Ended> }): Promise<Ended> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`"${what}" hangs`)), HANG_MS);
  try {
    return await Promise.race([started.ended, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function openCrowd(place: Place, { runner, generations }: Declared) {
  const told: string[] = [];
  const call = async (what: string, ...argv: string[]): Promise<Ended> => {
    const ended = await inTime(what, runner.start(...argv));
    const fault = ended.code > 2 || ended.stderr.includes("Fault in nspawn-runner itself");
    if (fault) throw new Error(`"${what}" ended with ${ended.code}: ${ended.stderr}`);
    told.push(`${what}: ${ended.code}`);
    return ended;
  };
  /** A job: what its machine was cloned from is there to its end. */
  const job = async (image: string, packages = ""): Promise<void> => {
    const name = uniqueName();
    later(() => expectNothingLeft(place, name));
    const what = `job of ${image} ${packages}`;
    const prepared = await inTime(
      what,
      start(["nspawn-runner", "prepare", "--id", name, image], {
        ...runner.environment,
        CUSTOM_ENV_NSPAWN_PACKAGES: packages,
      }),
    );
    if (prepared.stderr.includes("Fault in nspawn")) throw new Error(prepared.stderr);
    told.push(`${what}: ${prepared.code}`);
    if (prepared.code === 0) {
      for (const _ of [1, 2, 3]) {
        const ran = await inTime(what, runner.start("run", "--id", name, scriptFile(READ_ALL)));
        if (ran.code !== 0) throw new Error(`${what} cannot read its tree: ${ran.stderr}`);
      }
    }
    await call("cleanup", "cleanup", "--id", name);
  };
  const oldest = async (): Promise<string> => (await generations("crowd"))[0]?.version ?? "none";
  const acts: readonly (() => Promise<unknown>)[] = [
    () => job("crowd"),
    () => job("crowd-alias"),
    () => job("crowd", "hello"),
    () => job("crowd-derived"),
    () => call("gc", "gc"),
    () => call("maintenance", "chroot-maintenance", "--force", "--jobs", "2"),
    () => call("login", "chroot-login", "crowd", "--", "/bin/sh", "-c", "date >>/etc/changed"),
    () => call("look", "chroot-login", "crowd", "--read-only", "--", "/bin/cat", "/etc/passwd"),
    () => call("rollback", "chroot-rollback", "crowd"),
    async () => call("remove", "chroot-remove", "crowd", await oldest()),
    () => call("pin", "chroot-pin", "crowd"),
    () => call("unpin", "chroot-pin", "crowd", "--remove"),
    () => call("list", "chroot-list"),
  ];
  return { acts, told };
}

describe.each(PLACES.filter(({ kind }) => kind === "btrfs" || kind === "overlay"))(
  "on $kind",
  (place) => {
    test(
      "a crowd of commands",
      async () => {
        const declared = openDeclared(place);
        const alias = `${place.root}/crowd-alias`;
        later(() => unlinkSync(alias));
        symlinkSync("crowd", alias);
        declared.declare("crowd", { create: busybox(place, APT), keep: { count: 0, days: 1 } });
        declared.declare("crowd-derived", { create: { from: "crowd-alias" } });
        expect(await declared.runner.call("chroot-create")).toMatchObject({ code: 0 });
        const { acts, told } = openCrowd(place, declared);
        const dice = openDice(SEED);
        const endsAt = performance.now() + MILLISECONDS;
        const work = async (): Promise<void> => {
          while (performance.now() < endsAt) await acts[dice(acts.length)]?.();
        };
        try {
          await Promise.all(Array.from({ length: AT_ONCE }, work));
        } catch (error) {
          throw new Error(`seed ${SEED}, after:\n  ${told.slice(-40).join("\n  ")}`, {
            cause: error,
          });
        }
        // Enough of them did what they were to do, or nothing was tried.
        expect(told.filter((one) => one.endsWith(": 0")).length).toBeGreaterThan(told.length / 3);
        expect(await declared.runner.call("gc")).toMatchObject({ code: 0 });
        expectNothingHalf(place);
        for (const image of ["crowd", "crowd-derived"]) {
          const directory = `${place.root}/${image}.v`;
          const tree = `${directory}/${readlinkSync(`${directory}/current`)}`;
          expect([tree, existsSync(`${tree}/etc/passwd`)]).toEqual([tree, true]);
          expect(readdirSync(directory).filter((entry) => entry.startsWith("."))).toEqual([]);
          expect((await (await declared.runner.machine(image)).run(READ_ALL)).code).toBe(0);
        }
      },
      MILLISECONDS + 3 * HANG_MS,
    );
  },
);
