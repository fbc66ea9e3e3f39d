/** What a tree may have where nspawn works in it before it has entered it. */
import { expect, test } from "bun:test";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { STORAGES } from "../storage/detect.ts";
import { formatError } from "../text/format-error.ts";
import { checkTree } from "./checked-tree.ts";

/** What is said of a tree in which that path is a link, a file, …, if anything. */
function check(path: string, what: string, root: "clone" | "layers" | "in-place" = "in-place") {
  const { host } = openComputer({ mounts: {} }).start();
  const { files } = host;
  for (const tree of ["/source", "/machine/root"]) {
    files.ensureDirectory(`${tree}/etc`, 0o755);
    files.remove(`${tree}/${path}`);
  }
  const place = `${root === "layers" ? "/source" : "/machine/root"}/${path}`;
  if (what === "a file") files.writeText(place, "");
  if (what === "a directory") files.ensureDirectory(place, 0o755);
  if (what === "a FIFO") files.makeFifo(place, { mode: 0o600, ownerId: 0 });
  if (what.startsWith("to ")) files.link(what.slice(3), place);
  const parts = { source: "/source", directory: "/machine", tree: "/machine/root" };
  const request = { ...parts, sourceMode: 0o755, memoryBytes: 1 };
  const plans = {
    "in-place": { kind: "in-place", tree: parts.tree },
    clone: STORAGES.btrfs.planClone(request),
    layers: STORAGES.overlay.planClone(request),
  } as const;
  try {
    checkTree(host, { facts: { clone: plans[root] } }, "debian");
    return "fine";
  } catch (error) {
    return formatError(error, { debug: false });
  }
}

const DIRECTORIES = ["dev", "run", "proc", "sys", "usr", "etc"];

test.each(DIRECTORIES)("/%s is a directory or absent", (path) => {
  expect(check(path, "absent")).toBe("fine");
  expect(check(path, "a directory")).toBe("fine");
  expect(check(path, "a file")).toContain(`its "/${path}" is a file, not a directory`);
  expect(check(path, "a FIFO")).toContain("is a device, a socket or a FIFO, not a directory");
  for (const target of ["/srv", "../../srv", "srv", "loop"]) {
    expect(check(path, `to ${target}`)).toContain(`its "/${path}" is a link to "${target}"`);
  }
});

test.each([
  ["etc/machine-id", "a file", "fine"],
  ["etc/machine-id", "a FIFO", "is a device, a socket or a FIFO, not a file"],
  ["etc/machine-id", "a directory", "is a directory, not a file"],
  ["etc/machine-id", "to /etc/machine-id", 'is a link to "/etc/machine-id", not a file'],
  ["tmp", "to /var/tmp", "fine"],
  ["tmp", "a FIFO", "is a device, a socket or a FIFO, not a directory"],
  // nspawn does not touch these before the machine has its root, or looks for them within the tree.
  ["var", "to /srv", "fine"],
  ["root", "to var/roothome", "fine"],
  ["lib", "to usr/lib", "fine"],
  ["etc/resolv.conf", "to ../run/systemd/resolve/stub-resolv.conf", "fine"],
])("/%s %s: %s", (path, what, said) => {
  expect(check(path, what)).toContain(said);
});

test("the tree that counts is the clone, or the lower layer", () => {
  const refused = 'its "/dev" is a link to "/srv"';
  for (const root of ["clone", "layers", "in-place"] as const) {
    expect(check("dev", "to /srv", root)).toContain(refused);
  }
});

test("it says what, why and what to do, and shows nothing that drives a terminal", () => {
  expect(check("dev", "to /srv/\u001b[31m", "clone")).toMatchInlineSnapshot(`
    "ERROR: Cannot start a machine of image "debian": its "/dev" is a link to "/srv/\\x1b[31m", not a directory, and could lead out of the image.
    Hint: Make it a directory in "/source", or build the image again."
  `);
  expect(check("run", "to /srv", "in-place")).toMatchInlineSnapshot(`
    "ERROR: Cannot start a machine of image "debian": its "/run" is a link to "/srv", not a directory, and could lead out of the image.
    Hint: What the image is made of, a package, a task or a person at work in it has put that there."
  `);
});
