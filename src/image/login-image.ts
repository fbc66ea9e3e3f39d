/** `chroot-login`: a shell in a copy of an image, which becomes its next tree when left with success. */

import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { checkTree } from "../machine/checked-tree.ts";
import { PLAIN_SETTINGS } from "../machine/machine-settings.ts";
import type { BuildLimits } from "./build/build-image.ts";
import { openBuildLog } from "./build/build-log.ts";
import { sealImage } from "./build/seal-image.ts";
import { requireChangeLock } from "./change-lock.ts";
import { copyImage } from "./copy-image.ts";
import { type Draft, type ImageStore, openDraft, writeToDisk } from "./draft.ts";
import { findImage, hasBash, type Image } from "./find-image.ts";
import { KEEP_DEFAULT } from "./generations/keep.ts";
import { requireManifest, writeManifest } from "./generations/manifest.ts";
import { newVersion, publishGeneration, replacePlain } from "./generations/publish.ts";
import { removeLocks } from "./lock-paths.ts";
import { tidyImage } from "./tidy.ts";
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
  await using draft = await openDraft(host, store, name);
  await store.storage.copyTree(host, image.tree, draft.tree);
  if (request.command.length === 0) {
    host.log.info(
      `You are in a copy of image "${name}". Jobs see your changes after "exit"; "exit 1" throws them away.`,
    );
  }
  const code = await enter(host, draft.tree, request);
  if (code !== 0) {
    host.log.info(`Left with exit code ${code}: image "${name}" stays as it was.`);
    return code;
  }
  // Nothing is published that no job could start from.
  checkTree(host, { facts: { clone: { kind: "in-place", tree: draft.tree } } }, name);
  if (image.kind === "plain") {
    await writeToDisk(host, draft);
    await replacePlain(host, store, { image, draft });
  } else await publishChange(host, store, { image, draft, limits: request.limits });
  await tidyImage(host, store, name);
  host.log.info(`Image "${name}" is changed; new jobs get it so.`);
  return 0;
}

/** Nothing is published, so nobody has to wait: the copy has a name of its own. */
async function lookAtImage(host: Host, store: ImageStore, request: LoginRequest): Promise<number> {
  const image = findImage(host, store.rootDirectory, request.name);
  const name = `${image.name}.${host.randomName(8)}`;
  using lock = new DisposableStack();
  lock.use(requireChangeLock(host, store.rootDirectory, name));
  lock.defer(() => removeLocks(host, store.rootDirectory, name));
  await using draft = await openDraft(host, store, name);
  await copyImage(host, store, { image: image.name, tree: draft.tree });
  // Awaited here: the copy is there until the shell has ended.
  return await enter(host, draft.tree, request);
}

async function enter(host: Host, tree: string, request: LoginRequest): Promise<number> {
  const result = await host.processes.run(loginCommand(host, tree, request), {
    terminal: "inherit",
    wait: WAITS.build,
  });
  return result.exitCode ?? 1;
}

function loginCommand(host: Host, tree: string, request: LoginRequest): string[] {
  const { command, mode } = request;
  const shell = hasBash(host, tree) ? ["/bin/bash", "-l"] : ["/bin/sh", "-l"];
  return [
    "systemd-nspawn",
    "--quiet",
    "--register=no",
    "--settings=no",
    "--link-journal=no",
    "--resolv-conf=replace-host",
    `--directory=${tree}`,
    ...(mode === "read-only" ? ["--read-only"] : []),
    ...(command.length === 0 ? [] : ["--console=pipe"]),
    "--",
    ...(command.length === 0 ? shell : command),
  ];
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
