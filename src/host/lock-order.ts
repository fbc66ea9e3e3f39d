/**
 * Every lock that the project has, in the order in which they may be waited for: who holds one waits
 * only for later ones. `script/docs` prints the table into docs/reference/locks.md, and the fake host
 * refuses a wait against it. Pure.
 */

export interface LockKind {
  /** Of its file. */
  readonly path: RegExp;
  readonly name: string;
  readonly guards: string;
  /** For how long it is held. */
  readonly held: string;
}

export const LOCK_ORDER: readonly LockKind[] = [
  {
    path: /\/exec\/[^/]+$/,
    name: "exec: `/run/nspawn-runner/exec/NAME`",
    guards: "the directory that a call of `exec` works in, from gc and from other calls",
    held: "until it ends",
  },
  {
    path: /\/preparing\/[^/]+$/,
    name: "preparing: `/run/nspawn-runner/preparing/MACHINE`",
    guards: "a machine that is being made, from gc",
    held: "until it runs",
  },
  {
    path: /\/\.locks\/\.(trees|turn)\/\.packages-[^/]+$/,
    name: "packages: `ROOT/.locks/.trees/.packages-KEY`",
    guards: "a tree with added packages, from being forgotten; shared by jobs that want it",
    held: "from before it is made or found until a machine's clone is made",
  },
  {
    path: /\/\.locks\/\.change\/[^/]+$/,
    name: "change: `ROOT/.locks/.change/NAME`",
    guards: "an image from two commands that change it; its draft",
    held: "for a whole build or login",
  },
  {
    path: /\/\.locks\/\.turn\/[^/]+$/,
    name: "turn: `ROOT/.locks/.turn/NAME`",
    guards: "whoever waits for the trees' lock alone, from those who come later to share it",
    held: "while that is waited for",
  },
  {
    path: /\/\.locks\/\.trees\/[^/]+$/,
    name: "trees: `ROOT/.locks/.trees/NAME`",
    guards: "which trees an image has; shared by jobs that clone one",
    held: "for a few renames, or until a machine's clone is made",
  },
  {
    path: /\/\.trees\/\.lock$/,
    name: "names: `ROOT/.trees/.lock`",
    guards: "the names of trees that came by hand, from being given twice",
    held: "for one look and one small file",
  },
  {
    path: /\/machines\/[^/]+\/lock$/,
    name: "release: `/run/nspawn-runner/machines/MACHINE/lock`",
    guards: "the end of a machine, which its unit and `cleanup` may both see to",
    held: "while it is released",
  },
  {
    path: /\/claims\.lock$/,
    name: "claims: `/run/nspawn-runner/claims.lock`",
    guards:
      "a claim, and the firewall's rules of one machine, from being taken away from who has just made it, by another's release",
    held: "while what one machine has claimed is looked up and let go of, or nft changes its rules",
  },
  {
    path: /\/\.trash\.lock$/,
    name: "trash: `ROOT/.trash.lock`",
    guards: "the trash, from two deleters",
    held: "while there is anything to delete",
  },
];
