/**
 * What a fake host's file systems count and limit: simple quotas of btrfs, by command, and projects. Nothing
 * is ever full; what has a limit, and whether anybody is held by it, is all there is.
 */
import type { Quotas } from "../../src/host/quotas.ts";
import type { Effects } from "./effects.ts";
import { type Answer, type CommandTable, whole } from "./fake-commands.ts";
import { type FakeDisk, type Node, posixError, SUBVOLUME_INODE } from "./fake-disk.ts";

export interface FakeLimits {
  /** Of each project with a limit. */
  readonly projects: Map<number, number>;
  /** Groups above those that each subvolume has of its own, with the subvolumes in them. */
  readonly groups: Map<string, { limit: string; readonly members: Set<string> }>;
  readonly projectOf: WeakMap<Node, number>;
}

export const openLimits = (): FakeLimits => ({
  projects: new Map(),
  groups: new Map(),
  projectOf: new WeakMap(),
});

/** All of them, for a test to find what was left. */
export const describeLimits = ({ projects, groups }: FakeLimits): string[] => [
  ...[...projects.keys()].map((id) => `project ${id}`),
  ...[...groups.keys()].map((id) => `group ${id}`),
];

export function openFakeQuotas(disk: FakeDisk, effects: Effects, limits: FakeLimits): Quotas {
  const fileSystemOf = (path: string) => disk.need("open", path).volume.fileSystem;
  const filesOf = (id: number): number =>
    [...nodesBelow(disk.need("open", "/"))].filter((node) => limits.projectOf.get(node) === id)
      .length;
  return {
    probeSubvolumes: (path) => (fileSystemOf(path).quotas === "simple" ? "simple" : undefined),
    keepsProjects: (path) => fileSystemOf(path).quotas === "projects",
    readProject: (path) => limits.projectOf.get(disk.need("ioctl", path)) ?? 0,
    setProject: (path, id) =>
      effects.change(`setProject ${path}`, () => {
        limits.projectOf.set(disk.need("ioctl", path), id);
      }),
    limitProject: (_path, id, bytes) =>
      effects.change(`limitProject ${id}`, () => {
        if (bytes === undefined) limits.projects.delete(id);
        else limits.projects.set(id, bytes);
      }),
    findProject: (_path, from) => {
      const id = [...limits.projects.keys()]
        .sort((one, other) => one - other)
        .find((n) => n >= from);
      if (id === undefined) return undefined;
      return { id, bytes: 0, inodes: filesOf(id), limitBytes: limits.projects.get(id) };
    },
  };
}

function* nodesBelow(node: Node): Generator<Node> {
  yield node;
  if (node.kind === "directory")
    for (const entry of node.entries.values()) yield* nodesBelow(entry);
}

export function quotaCommands(disk: FakeDisk, { groups }: FakeLimits): CommandTable {
  const idOf = (path: string): string => {
    const node = disk.need("ioctl", path);
    if (node.inode !== SUBVOLUME_INODE) throw posixError("EINVAL", "ioctl", path);
    return String(node.volume.device);
  };
  const subvolumes = (): string[] =>
    [...nodesBelow(disk.need("open", "/"))].flatMap((node) =>
      node.inode === SUBVOLUME_INODE ? [String(node.volume.device)] : [],
    );
  const groupAt = (id: string) => {
    const group = groups.get(id);
    if (group === undefined) throw posixError("ENOENT", "ioctl", id);
    return group;
  };
  const show = (): Answer => {
    const live = new Set(subvolumes());
    const rows = [
      ...[...live].map((id) => `0/${id} 16384 16384 none - path`),
      ...[...groups].map(([id, { limit, members }]) => {
        const children = [...members].filter((member) => live.has(member)).map((one) => `0/${one}`);
        return `${id} 16384 16384 ${limit} ${children.join(",") || "-"} <0 member qgroups>`;
      }),
    ];
    return { exitCode: 0, stdout: `Qgroupid Referenced\n${rows.join("\n")}\n` };
  };
  const edit =
    (act: (words: readonly string[]) => unknown) =>
    (argv: readonly string[]): undefined => {
      act(argv.slice(3).filter((word) => !word.startsWith("--")));
    };
  return [
    [
      ["btrfs", "inspect-internal", "rootid"],
      whole((argv) => ({ exitCode: 0, stdout: `${idOf(argv.at(-1) ?? "")}\n` })),
    ],
    [["btrfs", "qgroup", "show"], whole(show)],
    [
      ["btrfs", "qgroup", "create"],
      whole(edit(([id = ""]) => groups.set(id, { limit: "none", members: new Set() }))),
    ],
    [
      ["btrfs", "qgroup", "assign"],
      whole(edit(([child = "", id = ""]) => groupAt(id).members.add(child.replace("0/", "")))),
    ],
    [
      ["btrfs", "qgroup", "limit"],
      whole(
        edit(([bytes = "", id = ""]) => {
          groupAt(id).limit = bytes;
        }),
      ),
    ],
    [["btrfs", "qgroup", "destroy"], whole(edit(([id = ""]) => groups.delete(groupAt(id) && id)))],
  ];
}
