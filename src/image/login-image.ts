/** `chroot-login`: a shell in a copy of an image, which becomes its next tree when left with success. */

import type { Host } from "../host/host.ts";
import { checkTree } from "../machine/checked-tree.ts";
import { attendMachine } from "../machine/create-machine.ts";
import { PLAIN_SETTINGS } from "../machine/machine-settings.ts";
import type { BuildLimits } from "./build/build-image.ts";
import { openBuildLog } from "./build/build-log.ts";
import { sealImage } from "./build/seal-image.ts";
import { requireChangeLock } from "./change-lock.ts";
import { type Draft, type ImageStore, openDraft, writeToDisk } from "./draft.ts";
import { findImage, type Image } from "./find-image.ts";
import { KEEP_DEFAULT } from "./generations/keep.ts";
import { requireManifest, writeManifest } from "./generations/manifest.ts";
import { newVersion, publishGeneration, replacePlain } from "./generations/publish.ts";
import { keepResolvConf } from "./kept-resolv-conf.ts";
import { loginMachine, newLoginName } from "./login-machine.ts";
import { requireExchangeable } from "./movable-tree.ts";
import { tidyImage } from "./tidy.ts";
import { ensureTreeId } from "./tree-id.ts";
import { treeLock } from "./tree-lock.ts";
import { treeSize } from "./tree-size.ts";

export interface LoginRequest {
  readonly name: string;
  readonly command: readonly string[];
  /** `publish` when left with success, `discard` whatever is done, or be unable to write. */
  readonly mode: "publish" | "discard" | "read-only";
  readonly limits: BuildLimits;
}

/** Resolves to the command's exit code; the image is changed only when that is 0. */
export async function loginImage(
  host: Host,
  store: ImageStore,
  request: LoginRequest,
): Promise<number> {
  return request.mode === "publish"
    ? changeImage(host, store, request)
    : lookAtImage(host, store, request);
}

async function changeImage(host: Host, store: ImageStore, request: LoginRequest): Promise<number> {
  const { name } = findImage(host, store.rootDirectory, request.name);
  using _lock = requireChangeLock(host, store.rootDirectory, name);
  const image = findImage(host, store.rootDirectory, name);
  // Or the session's work would be lost for it.
  requireManifest(host, image.tree);
  requireExchangeable(host, image);
  await using draft = await openDraft(host, store, name);
  await store.storage.copyTree(host, image.tree, draft.tree);
  if (request.command.length === 0) {
    host.log.info(
      `You are in a copy of image "${name}". Jobs see your changes after "exit"; "exit 1" throws them away.`,
    );
  }
  const exitCode = await workInDraft(host, store, { image, draft, request });
  if (exitCode !== 0) {
    host.log.info(`Left with exit code ${exitCode}: image "${name}" stays as it was.`);
    return exitCode;
  }
  if (image.kind === "plain") {
    await writeToDisk(host, draft);
    await replacePlain(host, store, { image, draft });
  } else await publishChange(host, store, { image, draft, limits: request.limits });
  await tidyImage(host, store, name);
  host.log.info(`Image "${name}" is changed; new jobs get it so.`);
  return 0;
}

async function workInDraft(
  host: Host,
  store: ImageStore,
  work: { readonly image: Image; readonly draft: Draft; readonly request: LoginRequest },
): Promise<number> {
  const { image, draft, request } = work;
  const name = newLoginName(host);
  draft.holdMachine(name);
  const check = () =>
    checkTree(host, { facts: { clone: { kind: "in-place", tree: draft.tree } } }, image.name);
  check();
  const resolvConf = keepResolvConf(host, draft);
  const machine = loginMachine(host, store, {
    name,
    image: image.name,
    source: draft.tree,
    root: "tree",
    command: request.command,
    readOnly: false,
    limits: request.limits,
  });
  const { exitCode, plan } = await attendMachine(host, machine, { id: draft.id });
  // Nothing is published that no job could start from.
  if (exitCode === 0) {
    check();
    resolvConf.restore(plan.facts.network);
  }
  return exitCode;
}

/** In a clone as jobs have it: nothing is published, so nobody has to wait. */
async function lookAtImage(host: Host, store: ImageStore, request: LoginRequest): Promise<number> {
  const { name } = findImage(host, store.rootDirectory, request.name);
  using lock = new DisposableStack();
  lock.use(await treeLock(host, store.rootDirectory, name, "shared"));
  const { tree } = findImage(host, store.rootDirectory, name);
  const id = await ensureTreeId(host, { rootDirectory: store.rootDirectory, tree });
  const machine = loginMachine(host, store, {
    name: newLoginName(host),
    image: name,
    source: tree,
    root: "clone",
    command: request.command,
    readOnly: request.mode === "read-only",
    limits: request.limits,
  });
  // Awaited here: the machine is there until the shell has ended.
  const { exitCode } = await attendMachine(host, machine, { id, untilCloned: lock });
  return exitCode;
}

async function publishChange(
  host: Host,
  store: ImageStore,
  change: { readonly image: Image; readonly draft: Draft; readonly limits: BuildLimits },
): Promise<void> {
  const { image, draft, limits } = change;
  const { name } = image;
  const version = newVersion(host);
  const log = openBuildLog(host, { rootDirectory: store.rootDirectory, name, version });
  const before = requireManifest(host, image.tree);
  const user = before?.settings.user;
  const description = await sealImage(host, store, {
    image: name,
    draft,
    log,
    user: user?.name,
    ...limits,
  });
  writeManifest(host, draft.tree, {
    image: name,
    id: draft.id,
    version,
    origin: "login",
    definition: before?.definition,
    inputs: before?.inputs,
    builtAt: new Date(host.clock.nowMs()).toISOString(),
    buildSeconds: 0,
    sizeBytes: await treeSize(host, draft.tree),
    packages: { ...description.packages },
    settings: { ...(before?.settings ?? PLAIN_SETTINGS), user: description.user },
    keep: before?.keep ?? { ...KEEP_DEFAULT },
    log: log.path,
  });
  await writeToDisk(host, draft);
  await publishGeneration(host, store, { name, version, draft });
}
