/** `chroot-login`: change an image by hand, in a copy that replaces it when left with success. */
import type { Host } from "../host/host.ts";
import { findImage, hasBash } from "./find-image.ts";
import { changeLock } from "./image-lock.ts";
import { type ImageStore, openDraft, publishGeneration, replacePlain } from "./publish.ts";

/** Resolves to the command's exit code; the image is changed only when that is 0. */
export async function loginImage(
  host: Host,
  store: ImageStore,
  request: { readonly name: string; readonly command: readonly string[] },
): Promise<number> {
  const { name } = findImage(host, store.rootDirectory, request.name);
  using _lock = changeLock(host, store.rootDirectory, name);
  const image = findImage(host, store.rootDirectory, name);
  await using draft = await openDraft(host, store, name);
  await store.storage.copyTree(host, image.tree, draft.tree);
  if (request.command.length === 0) {
    host.log.info(
      `You are in a copy of image "${name}". Jobs see your changes after "exit"; "exit 1" throws them away.`,
    );
  }
  const result = await host.processes.run(loginCommand(host, draft.tree, request.command), {
    terminal: "inherit",
  });
  const code = result.exitCode ?? 1;
  if (code !== 0) {
    host.log.info(`Left with exit code ${code}: image "${name}" stays as it was.`);
    return code;
  }
  if (image.kind === "plain") await replacePlain(host, store, { image, draft });
  else await publishGeneration(host, store, { name, draft });
  host.log.info(`Image "${name}" is changed; new jobs get it so.`);
  return 0;
}

function loginCommand(host: Host, tree: string, command: readonly string[]): string[] {
  const shell = hasBash(host, tree) ? ["/bin/bash", "-l"] : ["/bin/sh", "-l"];
  return [
    "systemd-nspawn",
    "--quiet",
    "--register=no",
    "--settings=no",
    "--link-journal=no",
    "--resolv-conf=replace-host",
    `--directory=${tree}`,
    ...(command.length === 0 ? [] : ["--console=pipe"]),
    "--",
    ...(command.length === 0 ? shell : command),
  ];
}
