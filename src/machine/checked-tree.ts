/**
 * The door before every start: a tree that came from strangers (an archive, a package's script, a
 * job before) must not lead systemd-nspawn out of itself. Looks, changes nothing.
 */
import type { Host, Tree } from "../host/host.ts";
import type { ClonePlan, InPlace } from "../storage/storage.ts";
import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";

/** A plan whose tree was looked at. Made by `checkTree` alone: what starts units takes nothing else. */
export type Checked<Plan> = Plan & { readonly [checked]: true };

declare const checked: unique symbol;

interface Rooted {
  readonly facts: { readonly clone: ClonePlan | InPlace };
}

type Kind = "directory" | "file" | "link";

/**
 * What nspawn touches as the host's root before it has entered the tree, and what it may be; absent
 * is fine. Read in systemd-nspawn of 252, 255 and 257, and tried with 252 and 257:
 *
 * - `dev` and `run` it fills by plain path (`copy_devnodes`, `setup_pts`, `mount_tunnel_dig`): a link
 *   there gets the machine's device nodes, links and directories written to wherever it leads.
 * - `proc`, `sys`, `tmp` it mounts on, and `etc/resolv.conf` it replaces by a rename; it looks for
 *   these within the tree (`chase()`). A link of the first two only makes its own start fail.
 * - `etc/machine-id` 252 reads by plain path (the host's own id, through a link), and all open it
 *   without O_NONBLOCK: a FIFO holds up the start. `usr/lib/systemd` 252 looks into by plain path.
 *
 * Others it leaves alone: `var`, `root`, `bin`, `lib` may be links, as may `tmp` and
 * `etc/resolv.conf`. The control directory is bound into the `run` that nspawn has made itself.
 */
const PLACES: readonly { readonly path: string; readonly may: readonly Kind[] }[] = [
  { path: "dev", may: ["directory"] },
  { path: "run", may: ["directory"] },
  { path: "proc", may: ["directory"] },
  { path: "sys", may: ["directory"] },
  { path: "usr", may: ["directory"] },
  { path: "tmp", may: ["directory", "link"] },
  { path: "etc", may: ["directory"] },
  // Behind "etc", which is no link then.
  { path: "etc/machine-id", may: ["file"] },
];

/**
 * The tree of a clone that was just made, or of a draft: nobody else can change it. Of layers it is
 * the lower one, since nothing is in the upper one before the start. Throws a system error: only
 * the administrator can mend an image.
 */
export function checkTree<Plan extends Rooted>(
  host: Pick<Host, "trees">,
  plan: Plan,
  image: string,
): Checked<Plan> {
  const root = plan.facts.clone;
  const path = root.kind === "clone" && root.mounts.length > 0 ? root.source : root.tree;
  using tree = host.trees.open(path);
  for (const place of PLACES) {
    const found = tree.probe(place.path)?.kind;
    if (found === undefined || place.may.some((kind) => kind === found)) continue;
    throw refusal(root, {
      image,
      place: place.path,
      found: describe(tree, found, place.path),
      wanted: place.may.includes("file") ? "a file" : "a directory",
    });
  }
  return plan as Checked<Plan>; // Looked at just above.
}

function describe(
  tree: Pick<Tree, "readLink">,
  kind: Kind | "device" | "other",
  path: string,
): string {
  switch (kind) {
    case "link":
      return `a link to "${escapeUntrusted(tree.readLink(path) ?? "")}"`;
    case "device":
    case "other":
      return "a device, a socket or a FIFO";
    default:
      return `a ${kind}`;
  }
}

function refusal(
  root: ClonePlan | InPlace,
  fault: {
    readonly image: string;
    readonly place: string;
    readonly found: string;
    readonly wanted: string;
  },
): RunnerError {
  const { image, place, found, wanted } = fault;
  return new RunnerError({
    kind: "system",
    message: `Cannot start a machine of image "${image}": its "/${place}" is ${found}, not ${wanted}, and could lead out of the image.`,
    hints: [
      root.kind === "in-place"
        ? "What the image is made of, a package, a task or a person at work in it has put that there."
        : `Make it ${wanted} in "${root.source}", or build the image again.`,
    ],
  });
}
