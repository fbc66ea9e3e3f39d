/** How a root file system comes to be: the interface of every creator. Pure: creators only plan. */
import type * as v from "valibot";

/** One thing to do, in order. The first that fails ends the creation. */
export type CreateStep =
  | CommandStep
  /** Written before anything runs, into `work`. */
  | { readonly kind: "write"; readonly path: string; readonly text: string; readonly mode: number }
  /** The tree becomes a copy of the current generation of another image. Always the only step. */
  | { readonly kind: "copy-image"; readonly image: string };

export type CommandStep =
  /** As root, with all of the host but its mounts and its processes. */
  | {
      readonly kind: "run";
      readonly argv: readonly string[];
      readonly environment?: Readonly<Record<string, string>>;
      /** Text for its stdin; empty when absent. */
      readonly input?: string;
      /** `work` of the context when absent. */
      readonly workingDirectory?: string;
      /**
       * The tree has a /proc and the usual devices from then on: for tools that run scripts of packages
       * in it and mount none themselves.
       */
      readonly devices?: true;
    }
  /**
   * For what strangers have made: as root of a user namespace of its own, without a network. Of the host
   * it may read what everybody may, and change the tree alone. No device and no attribute of root's alone
   * (xattr(7), trusted) comes to be. The tree and `work`, which it may only read, are in other places.
   */
  | {
      readonly kind: "unpack";
      /** What errors call it. */
      readonly tool: string;
      readonly argv: readonly string[];
    };

/** Where a step that unpacks has `tree` and `work` of the context. */
export const UNPACKING = {
  tree: "/run/nspawn-runner/tree",
  work: "/run/nspawn-runner/work",
} as const;

export interface CreateContext {
  /** Where the root file system goes: an empty directory (a subvolume on btrfs). */
  readonly tree: string;
  /** A scratch directory of this build alone, on the same file system. */
  readonly work: string;
  /** Packages that the definition asks for besides, checked to be plain package names. */
  readonly packages: readonly string[];
  /** Where the definition lies: relative paths in it begin here. */
  readonly directory: string;
  /** The image's name, which is the suite's where a creator is told none. */
  readonly name: string;
}

export interface Tool {
  readonly command: string;
  /** The Debian package that has it; none where Debian has no such package. */
  readonly debian: string | undefined;
  /** What to do where Debian has none: one sentence. */
  readonly hint?: string;
}

/**
 * Methods, not function properties: a `Creator` of any options is then a `Creator<unknown>`, and
 * options reach only the creator whose schema made them.
 */
export interface Creator<Options> {
  /** What it makes, half a sentence for help and the schema. */
  readonly title: string;
  /** The options; a text alone stands for the most usual one. */
  readonly schema: v.GenericSchema<unknown, Options>;
  /** Raised when its plan changes, so that images made by the old plan are made anew. */
  readonly version: number;
  /** Commands of the host that it starts. */
  tools(options: Options): readonly Tool[];
  /** Does its result change by itself, such as with a distribution's updates? */
  rolling(options: Options): boolean;
  /** Does it install `packages` itself? Otherwise they are installed in the build machine. */
  installsPackages(options: Options): boolean;
  /** Files and directories of the host whose content decides about the result. */
  inputs(options: Options, context: Pick<CreateContext, "directory">): readonly string[];
  /** The image of ours that this one extends; nothing for most. */
  parent(options: Options): string | undefined;
  plan(options: Options, context: CreateContext): readonly CreateStep[];
}
