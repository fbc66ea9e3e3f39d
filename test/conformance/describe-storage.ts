/**
 * What every storage kind promises (`src/storage/storage.ts`), once for all of them: on real file
 * systems in the lab, and on the fake host's in milliseconds.
 */
import { describe, expect, test } from "bun:test";
import { type DeletingHost, deleteTree } from "../../src/storage/delete-tree.ts";
import type { ClonePlan, Storage, StorageHost } from "../../src/storage/storage.ts";
import { describeSubvolumes } from "./describe-subvolumes.ts";
import { describeTree, fillTree } from "./sample-tree.ts";

export type Visit =
  | { readonly verb: "read" | "remove"; readonly path: string }
  | { readonly verb: "write"; readonly path: string; readonly text: string };

export interface StorageBench extends AsyncDisposable {
  readonly host: StorageHost & DeletingHost;
  /** An empty directory where the kind fits. */
  readonly directory: string;
  /** A directory where it does not; nothing for a kind that fits everywhere. */
  readonly unfit: string | undefined;
  /**
   * Does all of that in a clone's root as its machine would see it, once a clone. What was read, or
   * "absent".
   */
  visit(plan: ClonePlan, visits: readonly Visit[]): Promise<string[]>;
}

const read = (path: string): Visit => ({ verb: "read", path });

/** Registers the suite for one kind. `open` makes a bench of its own for each test. */
export function describeStorage(storage: Storage, open: () => Promise<StorageBench>): void {
  const withSource = (name: string, body: (bench: StorageBench, source: string) => Promise<void>) =>
    test(name, async () => {
      await using bench = await open();
      const source = `${bench.directory}/source`;
      await storage.createTree(bench.host, source);
      fillTree(bench.host, source);
      await body(bench, source);
    });
  const planIn = (bench: StorageBench, source: string, machine = "machine"): ClonePlan =>
    storage.planClone({
      source,
      sourceMode: 0o755,
      directory: `${bench.directory}/${machine}`,
      memoryBytes: 64 * 1024 * 1024,
    });
  const cloneOf = async (bench: StorageBench, source: string, machine?: string) => {
    const plan = planIn(bench, source, machine);
    await storage.clone(bench.host, plan);
    return plan;
  };

  describe(`storage ${storage.kind}`, () => {
    withSource("probe finds that it fits, and leaves nothing", async ({ host, directory }) => {
      expect(await storage.probe(host, directory)).toEqual({ kind: "fits" });
      expect(host.files.list(directory)).toEqual(["source"]);
    });

    withSource("probe says why it does not fit, and what to do", async ({ host, unfit }) => {
      const fit = await storage.probe(host, unfit ?? "/");
      if (unfit === undefined) expect(fit).toEqual({ kind: "fits" });
      else {
        expect(fit).toMatchObject({
          kind: "unfit",
          reason: expect.stringContaining(`"${unfit}"`),
          hint: expect.stringMatching(/^[A-Z].*\.$/),
        });
      }
    });

    withSource("planClone decides all, within the machine's directory", async (bench, source) => {
      const plan = planIn(bench, source);
      expect(plan).toEqual(planIn(bench, source));
      expect(plan).toMatchObject({ source, directory: `${bench.directory}/machine` });
      expect(plan.tree).toStartWith(`${plan.directory}/`);
      expect(bench.host.files.list(bench.directory)).toEqual(["source"]);
    });

    withSource(
      "a clone is all of the source, or prepared layers over it",
      async (bench, source) => {
        const plan = await cloneOf(bench, source);
        const { host } = bench;
        if (plan.mounts.length === 0) {
          expect(describeTree(host, plan.tree)).toEqual(describeTree(host, source));
        } else {
          const places = host.files.list(plan.directory).map((name) => `${plan.directory}/${name}`);
          expect(places).toContain(plan.tree);
          for (const path of places) expect(host.files.list(path)).toEqual([]);
        }
        expect(
          await bench.visit(plan, [read("etc/name"), read("deep/er/file"), read("none")]),
        ).toEqual(["source", "deep", "absent"]);
      },
    );

    withSource("others may not enter a machine's directory", async (bench, source) => {
      const { directory } = await cloneOf(bench, source);
      expect(bench.host.files.probe(directory)).toMatchObject({ mode: 0o700, uid: 0 });
    });

    withSource(
      "what is done in a clone never reaches source or siblings",
      async (bench, source) => {
        const before = describeTree(bench.host, source);
        const one = await cloneOf(bench, source, "one");
        const other = await cloneOf(bench, source, "other");
        const changes: readonly Visit[] = [
          { verb: "write", path: "etc/name", text: "changed" },
          { verb: "write", path: "new", text: "new" },
          { verb: "remove", path: "deep/er/file" },
        ];
        const look = ["etc/name", "new", "deep/er/file"].map(read);
        expect(await bench.visit(one, [...changes, ...look])).toEqual(["changed", "new", "absent"]);
        expect(await bench.visit(other, look)).toEqual(["source", "absent", "deep"]);
        await deleteTree(bench.host, one.directory);
        expect(describeTree(bench.host, source)).toEqual(before);
      },
    );

    withSource("no clone is made where one is", async (bench, source) => {
      const plan = await cloneOf(bench, source);
      await expect(storage.clone(bench.host, plan)).rejects.toThrow();
      expect(await bench.visit(plan, [read("etc/name")])).toEqual(["source"]);
    });

    withSource("remove leaves nothing, used or not, and again", async (bench, source) => {
      for (const used of [false, true]) {
        const plan = await cloneOf(bench, source);
        if (used) await bench.visit(plan, [{ verb: "write", path: "new", text: "x" }]);
        for (const _ of ["once", "again"]) {
          await deleteTree(bench.host, plan.directory);
          expect(bench.host.files.list(bench.directory)).toEqual(["source"]);
        }
      }
      await deleteTree(bench.host, `${bench.directory}/never-was`);
    });

    withSource("remove ends a half-made clone", async (bench, source) => {
      const { host } = bench;
      const plan = planIn(bench, source);
      const halves = [
        async () => {},
        async () => host.files.createDirectory(plan.tree, 0o755),
        async () => storage.createTree(host, plan.tree),
        async () => {
          await storage.createTree(host, plan.tree);
          fillTree(host, plan.tree);
          // What nspawn leaves beside a tree that it had locked.
          host.files.writeText(`${plan.directory}/.#root.lck`, "");
        },
      ];
      for (const half of halves) {
        host.files.createDirectory(plan.directory, 0o700);
        await half();
        await deleteTree(host, plan.directory);
        expect(host.files.list(bench.directory)).toEqual(["source"]);
      }
    });

    withSource("remove takes trees too, such as old generations", async (bench, source) => {
      await deleteTree(bench.host, source);
      expect(bench.host.files.list(bench.directory)).toEqual([]);
    });

    withSource("remove follows no link out of a clone", async (bench, source) => {
      const { host, directory } = bench;
      const plan = await cloneOf(bench, source);
      const inside = plan.mounts.length === 0 ? plan.tree : plan.directory;
      host.files.link(source, `${inside}/absolute`);
      host.files.link("../../source", `${inside}/relative`);
      const before = describeTree(host, source);
      await deleteTree(host, plan.directory);
      expect(host.files.list(directory)).toEqual(["source"]);
      expect(describeTree(host, source)).toEqual(before);
    });

    withSource("createTree makes an empty one, of its own, once", async ({ host, directory }) => {
      const tree = `${directory}/made`;
      await storage.createTree(host, tree);
      expect(host.files.probe(tree)).toMatchObject({ kind: "directory", mode: 0o755, uid: 0 });
      expect(host.files.list(tree)).toEqual([]);
      expect(storage.isOwnTree(host, tree)).toBe(true);
      const again = (async () => storage.createTree(host, tree))();
      await expect(again).rejects.toThrow();
    });

    withSource(
      "copyTree is whole and independent, both ways",
      async ({ host, directory }, source) => {
        const copy = `${directory}/copy`;
        await storage.copyTree(host, source, copy);
        const before = describeTree(host, source);
        expect(describeTree(host, copy)).toEqual(before);
        expect(storage.isOwnTree(host, copy)).toBe(true);
        host.files.writeText(`${copy}/etc/name`, "copy");
        expect(describeTree(host, source)).toEqual(before);
        host.files.writeText(`${source}/deep/er/file`, "later");
        expect(host.files.readText(`${copy}/deep/er/file`)).toBe("deep");
      },
    );

    withSource(
      "copyTree makes a plain directory a tree of its own",
      async ({ host, directory }) => {
        const plain = `${directory}/plain`;
        host.files.createDirectory(plain, 0o755);
        fillTree(host, plain);
        expect(storage.isOwnTree(host, plain)).toBe(!storage.traits.needsOwnTree);
        await storage.copyTree(host, plain, `${directory}/copy`);
        expect(describeTree(host, `${directory}/copy`)).toEqual(describeTree(host, plain));
        expect(storage.isOwnTree(host, `${directory}/copy`)).toBe(true);
      },
    );

    withSource("what is no directory is no tree", async ({ host, directory }) => {
      host.files.writeText(`${directory}/file`, "");
      host.files.link("source", `${directory}/link`);
      for (const name of ["file", "link", "absent"]) {
        expect(storage.isOwnTree(host, `${directory}/${name}`)).toBe(false);
      }
    });

    if (storage.traits.needsOwnTree) describeSubvolumes({ withSource, cloneOf });
  });
}
