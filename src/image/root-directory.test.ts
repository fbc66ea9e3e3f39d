import { describe, expect, test } from "bun:test";
import { EXT4 } from "../../test/fakes/fake-disk.ts";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { ensureRootDirectory, requireRootDirectory, setUpRootDirectory } from "./root-directory.ts";

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
