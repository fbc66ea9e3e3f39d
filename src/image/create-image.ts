/** `chroot-create`: a new Debian image by mmdebstrap. */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import type { ImageName } from "../text/names.ts";
import { probeImage } from "./find-image.ts";
import { changeLock } from "./image-lock.ts";
import { type ImageStore, openDraft, publishGeneration } from "./publish.ts";

/** What a job's machine needs: an init, and what GitLab Runner's scripts call. */
const PACKAGES: readonly string[] = [
  "systemd",
  "systemd-sysv",
  "dbus",
  "bash",
  "ca-certificates",
  "git",
  "git-lfs",
  "hostname",
  "iproute2",
  "procps",
];

/**
 * Creates an image; atomic: a failed or interrupted one leaves nothing. Throws when the name is
 * taken.
 */
export async function createImage(
  host: Host,
  store: ImageStore,
  request: { readonly name: ImageName; readonly suite: string },
): Promise<void> {
  const { name, suite } = request;
  using _lock = changeLock(host, store.rootDirectory, name);
  if (probeImage(host, store.rootDirectory, name) !== undefined) {
    throw new RunnerError({
      kind: "usage",
      message: `Cannot create the image "${name}": there is one of that name.`,
      hints: [`Change it with "nspawn-runner chroot-login ${name}", or choose another name.`],
    });
  }
  requireSuite(suite);
  if (host.processes.which("mmdebstrap") === undefined) {
    throw new RunnerError({
      kind: "system",
      message: `Cannot create the image "${name}": this host has no "mmdebstrap".`,
      hints: ["Install it: apt-get install mmdebstrap"],
    });
  }
  await using draft = await openDraft(host, store, name);
  await store.storage.createTree(host, draft.tree);
  host.log.info(`Creating image "${name}" of Debian suite "${suite}".`);
  await host.processes.exec(
    [
      "mmdebstrap",
      "--mode=root",
      "--variant=minbase",
      `--include=${PACKAGES.join(",")}`,
      suite,
      draft.tree,
    ],
    { terminal: "progress", interruptible: true },
  );
  sealTree(host, draft.tree);
  await publishGeneration(host, store, { name, draft });
  host.log.info(`Image "${name}" is ready: a job gets it with "image: ${name}".`);
}

function requireSuite(suite: string): void {
  if (/^[a-z][a-z0-9-]{0,40}$/.test(suite)) return;
  throw new RunnerError({
    kind: "usage",
    message: `"${suite.slice(0, 60)}" cannot be the name of a Debian suite.`,
    hints: ["Give one with --suite, such as trixie, bookworm, sid."],
  });
}

/** No two machines share an identity: machine-id(5), "empty" is set anew at each boot. */
function sealTree(host: Host, tree: string): void {
  host.files.writeText(`${tree}/etc/machine-id`, "", 0o444);
}
