/** `chroot-create [NAME…] [--suite S]`. */
import { buildLimits } from "../config/choices.ts";
import { type Config, readConfig } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { createImage, requireNewName } from "../image/create-image.ts";
import { setUpRootDirectory } from "../image/root-directory.ts";
import { RunnerError } from "../text/errors.ts";
import { type ImageName, parseImageName } from "../text/names.ts";
import type { Action, CommandEnd } from "./context.ts";
import { declaredImages } from "./declared-images.ts";
import { openImageStore } from "./image-store.ts";
import { type JobsOption, parseJobs } from "./jobs-option.ts";
import { maintainImages } from "./maintain.ts";

interface CreateOptions extends JobsOption {
  readonly suite?: string;
  readonly json?: boolean;
}

/** Declared images are built from their definitions; an undeclared one is a plain Debian. */
export const chrootCreateAction: Action<[string[], CreateOptions]> = async (
  { host },
  texts,
  options,
) => {
  const config = await readConfig(host);
  const names = texts.map(parseImageName);
  const store = await openImageStore(host, config);
  setUpRootDirectory(host, config.rootDirectory);
  for (const name of names) requireNewName(host, store, name);
  const declared = declaredImages(host, config);
  const [first] = names;
  const undeclared = names.filter((name) => !declared.has(name));
  if (first !== undefined && undeclared.length > 0) {
    if (names.length === 1) return createUndeclared(host, config, { name: first, ...options });
    throw new RunnerError({
      kind: "usage",
      message: `There is no definition of: ${undeclared.join(", ")}.`,
      hints: ["Images without a definition are created one at a time."],
    });
  }
  if (options.suite !== undefined) {
    throw new RunnerError({
      kind: "usage",
      message: "--suite is for images without a definition.",
      hints: ["A definition says it itself: nspawn_runner_chroot_suite."],
    });
  }
  return maintainImages(host, config, {
    names,
    wish: "missing",
    check: false,
    json: options.json === true,
    jobs: parseJobs(options),
  });
};

async function createUndeclared(
  host: Host,
  config: Config,
  request: { readonly name: ImageName; readonly suite?: string },
): Promise<CommandEnd> {
  const { name, suite } = request;
  host.log.info(`Creating image "${name}".`);
  await createImage(host, await openImageStore(host, config), {
    name,
    suite: suite ?? name,
    limits: buildLimits(config),
    observer: {
      phase: (text) => host.log.info(`${text}.`),
      warn: (text) => host.log.warn(text),
      output: (bytes) => process.stderr.write(bytes),
    },
  });
  host.log.info(`Image "${name}" is ready: a job gets it with "image: ${name}".`);
  return "success";
}
