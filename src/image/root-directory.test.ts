import { describe, expect, test } from "bun:test";
import { EXT4 } from "../../test/fakes/fake-disk.ts";
import { openComputer } from "../../test/fakes/fake-host.ts";
import {
  closeRootDirectory,
  ensureRootDirectory,
  requireRootDirectory,
  setUpRootDirectory,
} from "./root-directory.ts";

/** A host whose root directory is a file system of its own, with these in it. */
function openRoot(...entries: readonly string[]) {
  const computer = openComputer({ mounts: { "/images": EXT4 } });
  for (const entry of entries) computer.disk.ensureDirectory(`/images/${entry}`, 0o755);
  return computer.start().host;
}

describe("a root directory", () => {
  test("that was set up may be empty", () => {
    const host = openRoot();
    setUpRootDirectory(host, "/images");
    requireRootDirectory(host, "/images");
  });

  test.each([[[]], [["lost+found"]]])("with nothing but %p is not where images are", (entries) => {
    const host = openRoot(...entries);
    ensureRootDirectory(host, "/images");
    expect(() => requireRootDirectory(host, "/images")).toThrow("is its file system not mounted?");
    expect(host.files.list("/images")).toEqual(entries);
  });

  test("that somebody has put an image into needs no more", () => {
    requireRootDirectory(openRoot("debian"), "/images");
  });

  test("that is not there is made where somebody makes images", () => {
    const host = openRoot();
    expect(() => requireRootDirectory(host, "/other")).toThrow("is not there");
    ensureRootDirectory(host, "/other");
    requireRootDirectory(host, "/other");
  });
});

describe("others of the host", () => {
  const modeOf = (host: ReturnType<typeof openRoot>, path: string) => host.files.probe(path)?.mode;

  test("cannot look into a new one", () => {
    const host = openRoot();
    setUpRootDirectory(host, "/new");
    expect(modeOf(host, "/new")).toBe(0o700);
  });

  test.each([0o755, 0o750, 0o711, 0o777])("are shut out of one of mode %o, once", (mode) => {
    const { host, effects, said } = openComputer().start();
    host.files.createDirectory("/images", mode);
    for (let call = 1; call <= 2; call += 1) closeRootDirectory(host, "/images");
    expect(modeOf(host, "/images")).toBe(0o700);
    expect(effects.filter((effect) => effect.startsWith("chmod"))).toEqual(["chmod /images"]);
    expect(said.length).toBe(1);
  });

  test("are shut out of where a link leads", () => {
    const host = openRoot();
    host.files.createDirectory("/disk", 0o755);
    host.files.link("/disk", "/link");
    closeRootDirectory(host, "/link");
    expect(modeOf(host, "/disk")).toBe(0o700);
  });

  test.each(["/", "/srv", "/var", "/var/lib", "/usr/local"])(
    "keep their way through %s",
    (path) => {
      const host = openRoot();
      if (path !== "/") host.files.ensureDirectory(path, 0o755);
      const before = modeOf(host, path);
      expect(() => closeRootDirectory(host, path)).toThrow("is one that others of the host need");
      expect(modeOf(host, path)).toBe(before);
    },
  );

  test("own none", () => {
    const host = openRoot();
    host.files.setOwner("/images", 1000);
    expect(() => closeRootDirectory(host, "/images")).toThrow("belongs to user 1000");
  });
});
