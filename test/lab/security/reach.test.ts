/** What other users of the host reach of images: their files are the host's root's on the disk. */
import { describe, expect, test } from "bun:test";
import { statSync } from "node:fs";
import {
  cleanUpAfterEach,
  command,
  later,
  openRunner,
  PLACES,
  type Place,
  start,
  uniqueName,
} from "../harness.ts";

cleanUpAfterEach();

const PLAIN = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
/** By a program of the user's own: setpriv(1) keeps root's capabilities until it has executed one. */
const AS_NOBODY = [...PLAIN, "sh", "-c", 'exec "$0" "$@"'];
const places = PLACES.filter(({ kind }) => kind !== "tmpfs");

/** As a release before left it, or an administrator made it: open, with an image in it. */
async function openOldRoot({ root }: Place): Promise<Place["root"]> {
  const path = `${root}-${uniqueName()}`;
  later(() => command("rm", "-rf", path));
  const made = await command(
    "sh",
    "-euc",
    'mkdir -m 755 "$1"; cp -a "$2/nobash" "$1/image"; cp /bin/bash "$1/image/planted"; chmod 4755 "$1/image/planted"',
    "sh",
    path,
    root,
  );
  expect(made).toMatchObject({ code: 0 });
  return path;
}

/** The user id that a plain user's program of that image runs with on the host. */
const whoAmI = async (root: string): Promise<string> => {
  const shell = [`${root}/image/planted`, "-pc", "id -u"];
  return (await start([...AS_NOBODY, ...shell]).ended).stdout;
};

describe.each([...places])("setuid programs in images on $kind", (place) => {
  test.each([
    ["gc, which a timer calls each minute", ["gc"]],
    ["prepare", ["prepare", "--id", "reach-1", "image"]],
    ["chroot-list", ["chroot-list"]],
  ])("are out of reach after the first %s of a new version", async (_title, argv) => {
    const root = await openOldRoot(place);
    expect(await whoAmI(root)).toBe("0\n");
    const runner = openRunner({ ...place, root });
    later(() => runner.call("cleanup", "--id", "reach-1"));
    const { code, stderr } = await runner.call(...argv);
    expect(stderr).toContain(`Only root can look into "${root}" from now on`);
    expect(code).toBe(0);
    expect(await whoAmI(root)).toBe("");
    expect(statSync(root).mode & 0o777).toBe(0o700);
    // Nobody is told twice.
    expect((await runner.call("gc")).stderr).not.toContain("Only root");
  });

  test("are those of a machine too, whose users still have their own", async () => {
    const machine = await openRunner(place).machine("nosystemd");
    const planted = "cp /bin/bash /planted; chmod 4755 /planted; chmod 755 /";
    expect((await machine.run(planted)).code).toBe(0);
    const found = await command("find", place.root, "-name", "planted");
    if (place.kind !== "overlay") expect(found.stdout).not.toBe("");
    for (const path of found.stdout.trim().split("\n")) {
      expect((await start([...AS_NOBODY, path, "-pc", "id -u"]).ended).stdout).toBe("");
    }
    const inside = "setpriv --reuid=65534 --regid=65534 --clear-groups /planted -pc 'id -u'";
    expect((await machine.run(inside)).stdout).toBe("0\n");
  });
});
