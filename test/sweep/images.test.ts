/** Whatever fails while an image is made or changed: it is as it was, or the new one, whole. */
import { describe, expect, test } from "bun:test";
import type { StorageKind } from "../../src/storage/storage.ts";
import type { FakeComputer } from "../fakes/fake-host.ts";
import {
  cleanup,
  collectLater,
  create,
  isKeptByName,
  login,
  openChanging,
  openPlace,
  type Place,
  prepareWithPackages,
  ROOT,
  run,
  sweep,
} from "./sweep.ts";

const KINDS: readonly StorageKind[] = ["btrfs", "reflink", "overlay"];
/** Directories that stay, and a lock; what lies in them does not. */
const EMPTY_ROOMS = [
  `${ROOT}/.nspawn-runner`,
  ROOT,
  ...["drafts", "retired", "trash", "trash.lock", "machines"].map((name) => `${ROOT}/.${name}`),
];
/** A sweep is some hundred commands, on a computer that may have other things to do. */
const PATIENT_MS = 60_000;
const HOW = ["refused", "done", "killed"] as const;

/** Older generations stay for a while, each with its manifest; a manifest alone is a leak. */
function isKeptGeneration(disk: FakeComputer["disk"], path: string): boolean {
  const tree = /^\/images\/debian\.v\/debian_[^/.]+/.exec(path)?.[0];
  return tree !== undefined && disk.look(tree, false)?.kind === "directory";
}

/** Paths and texts of the image that jobs get, and all else that lies in the root directory. */
function look({ disk }: FakeComputer): { readonly image: string; readonly others: string[] } {
  const generations = `${ROOT}/debian.v`;
  const current = disk.look(`${generations}/current`, false);
  const tree = current?.kind === "link" ? `${generations}/${current.target}` : `${ROOT}/debian`;
  const image = disk.describe(tree).map((line) => line.slice(tree.length));
  const others = disk
    .describe(ROOT)
    .map((line) => line.split(" ", 1)[0] ?? "")
    .filter((path) => !path.startsWith(tree) && !isKeptByName(path))
    // Logs of builds are kept, above all of those that failed.
    .filter((path) => !path.startsWith(`${ROOT}/.logs`))
    .filter((path) => !EMPTY_ROOMS.includes(path))
    .filter((path) => !isKeptGeneration(disk, path));
  return { image: image.join("\n"), others };
}

describe.each([...KINDS])("on %s", (kind) => {
  test.each([...HOW])("chroot-create with an effect %s", async (how) => {
    const place: Place = { kind, image: "none" };
    const whole = openPlace(place);
    await run(whole, create);
    const wanted = look(whole);
    expect(wanted.image).toContain("/usr/lib/systemd/systemd");
    await sweep(how, {
      open: () => openPlace(place),
      act: create,
      after: async (computer, end) => {
        const before = look(computer).image;
        await collectLater(computer);
        const { image, others } = look(computer);
        expect(image).toBe(before);
        expect([wanted.image, ""]).toContain(image);
        if (end === "succeeded") expect(image).toBe(wanted.image);
        expect(others).toEqual(image === "" ? [] : wanted.others);
        // Whatever it was, it can be done again.
        if (image === "") {
          await run(computer, create);
          expect(look(computer).image).toBe(wanted.image);
        }
      },
    });
  });

  test.each(
    HOW.flatMap((how) => (["tree", "generations"] as const).map((image) => [how, image] as const)),
  )("chroot-login with an effect %s, of an image that is a %s", async (how, image) => {
    const place: Place = { kind, image };
    const old = look(openChanging(place));
    const whole = openChanging(place);
    await run(whole, login);
    const wanted = look(whole);
    expect(wanted.image).toContain("/changed");
    expect(wanted.others).toEqual(old.others);
    await sweep(how, {
      open: () => openChanging(place),
      act: login,
      after: async (computer) => {
        const before = look(computer).image;
        expect([old.image, wanted.image]).toContain(before);
        await collectLater(computer);
        expect(look(computer)).toEqual({ image: before, others: wanted.others });
        await run(computer, login);
      },
    });
  });

  test.each([...HOW])(
    "packages of a job with an effect %s",
    async (how) => {
      const place: Place = { kind, image: "generations" };
      // Their common name comes from that of the image's tree, which is random.
      const kept = ({ disk }: FakeComputer): string[] =>
        disk.look(`${ROOT}/.packages`, false) === undefined
          ? []
          : [...disk.directoryAt("scandir", `${ROOT}/.packages`).entries.keys()]
              .map((entry) => entry.replace(/^[0-9a-f]{20}/, "KEY"))
              .sort();
      const whole = openPlace(place);
      await run(whole, prepareWithPackages);
      const wanted = kept(whole);
      expect(wanted).toEqual(["KEY", "KEY.json", "KEY.use"]);
      await sweep(how, {
        open: () => openPlace(place),
        act: prepareWithPackages,
        after: async (computer) => {
          await run(computer, cleanup);
          await collectLater(computer);
          expect(look(computer).others.filter((path) => path.includes("/.drafts/"))).toEqual([]);
          // Whatever it was, the next job gets its packages, and nothing half is beside them.
          await run(computer, prepareWithPackages);
          await run(computer, cleanup);
          expect(kept(computer)).toEqual(wanted);
        },
      });
    },
    PATIENT_MS,
  );
});
