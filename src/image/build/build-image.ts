/**
 * Building an image: create → customise → seal → smoke test → publish. All of it happens in a
 * draft; a failure, a kill or a power cut at any point leaves what jobs get as it was.
 */
import type { Host } from "../../host/host.ts";
import type { MachineLimits } from "../../machine/machine-limits.ts";
import { type MachineSettings, PLAIN_SETTINGS } from "../../machine/machine-settings.ts";
import type { NetworkRequest } from "../../network/network-request.ts";
import { RunnerError } from "../../text/errors.ts";
import { type PlaybookResult, preparePlaybook, runPlaybook } from "../ansible/run-playbook.ts";
import { creatorOf } from "../creators/creators.ts";
import { missingTools } from "../creators/missing-tools.ts";
import { checkUsedFiles } from "../definition/check-used-files.ts";
import type { Definition } from "../definition/definition.ts";
import { formatFinding } from "../definition/finding.ts";
import { type Draft, type ImageStore, openDraft, writeToDisk } from "../draft.ts";
import { hasSystemd } from "../find-image.ts";
import { type BuildInputs, type Manifest, writeManifest } from "../generations/manifest.ts";
import { newVersion, publishGeneration } from "../generations/publish.ts";
import { tidyImage } from "../tidy.ts";
import { treeSize } from "../tree-size.ts";
import { type BuildLog, openBuildLog } from "./build-log.ts";
import { type BuildMachineRequest, withBuildMachine } from "./build-machine.ts";
import { type Description, explainMissing } from "./description.ts";
import { runCreation } from "./run-creation.ts";
import { sealImage } from "./seal-image.ts";

/** What a machine of a build may take. */
export interface BuildLimits {
  readonly bootTimeoutSeconds: number;
  readonly timeoutSeconds: number;
  /** Of what a smoke test's machine writes on storage `tmpfs`. */
  readonly memoryBytes: number;
  /** Of the machines that a tree is changed in; a smoke test has those of the image. */
  readonly machine: MachineLimits;
  readonly network: NetworkRequest;
}

export interface BuildRequest {
  readonly definition: Definition;
  readonly inputs: BuildInputs;
  /** The tree that a maintenance begins with a clone of; nothing to create a new one. */
  readonly base: string | undefined;
  readonly limits: BuildLimits;
  readonly observer: BuildObserver;
  /** For ansible-playbook. */
  readonly words: readonly string[];
}

export interface BuildObserver {
  /** A new part of the build has begun: a few words. */
  phase(text: string): void;
  /** Something the administrator should know of a build that succeeds. */
  warn(text: string): void;
  /** All output of the build as it comes. */
  output?(bytes: Uint8Array): void;
}

/**
 * Builds and publishes the next generation of an image; the caller holds its change lock. Throws a
 * system error that names the part that failed, its last words, and the log.
 */
export async function buildImage(
  host: Host,
  store: ImageStore,
  request: BuildRequest,
): Promise<Manifest> {
  const { definition, observer } = request;
  const startedAt = host.clock.elapsedMs();
  const version = newVersion(host);
  const { name } = definition;
  const log = openBuildLog(host, {
    rootDirectory: store.rootDirectory,
    name,
    version,
    ...(observer.output === undefined ? {} : { echo: (bytes) => observer.output?.(bytes) }),
  });
  await using draft = await openDraft(host, store, name);
  let part = "";
  const begin = (text: string): void => {
    if (host.signal.aborted) throw new RunnerError({ kind: "system", message: "It was ended." });
    part = text;
    log.note(text);
    observer.phase(text);
  };
  try {
    tellFindings(host, definition, observer);
    const { description, playbook } = await buildTree(host, store, { request, draft, log, begin });
    for (const text of explainMissing(description.missing)) observer.warn(text);
    const settings = settleSettings(definition, description);
    begin("Trying it");
    await smokeTest(host, store, { request, draft, log, settings });
    const sizeBytes = await treeSize(host, draft.tree);
    const manifest: Manifest = {
      image: name,
      id: draft.id,
      version,
      origin: "definition",
      definition: definition.path || undefined,
      inputs: request.inputs,
      builtAt: new Date(host.clock.nowMs()).toISOString(),
      buildSeconds: Math.round((host.clock.elapsedMs() - startedAt) / 1000),
      sizeBytes,
      packages: { ...description.packages },
      settings,
      keep: { ...definition.keep },
      ...(playbook === undefined ? {} : { playbook }),
      log: log.path,
    };
    writeManifest(host, draft.tree, manifest);
    begin("Writing it to disk");
    await writeToDisk(host, draft);
    begin("Publishing");
    await publishGeneration(host, store, { name, version, draft });
    log.note("Published");
    await tidyImage(host, store, name);
    return manifest;
  } catch (error) {
    throw explainFailure(error, { name, part, log });
  }
}

interface Parts {
  readonly request: BuildRequest;
  readonly draft: Draft;
  readonly log: BuildLog;
  readonly begin: (text: string) => void;
}

/** Warns of what may not do what was meant. Throws a system error about what would leave the image. */
function tellFindings(host: Host, definition: Definition, observer: BuildObserver): void {
  const findings = [...definition.warnings, ...checkUsedFiles(host, definition)];
  for (const finding of findings) {
    if (finding.severity === "warning") observer.warn(formatFinding(finding));
  }
  const faults = findings.filter(({ severity }) => severity === "error").map(formatFinding);
  if (faults.length === 0) return;
  throw new RunnerError({
    kind: "system",
    message: `Files that its definition uses cannot be used:\n  ${faults.join("\n  ")}`,
  });
}

interface BuiltTree {
  readonly description: Description;
  readonly playbook: PlaybookResult | undefined;
}

async function buildTree(host: Host, store: ImageStore, parts: Parts): Promise<BuiltTree> {
  const { request, draft, log, begin } = parts;
  const { definition, base } = request;
  const creator = creatorOf(definition.create);
  const packages = wantedPackages(definition);
  if (definition.needsAnsible) {
    begin("Checking the playbook");
    await preparePlaybook(host, ansibleRun(store, parts));
  }
  if (base === undefined) {
    begin("Creating");
    const tools = creator.tools(definition.create.options);
    const missing = missingTools(
      definition.name,
      tools,
      (command) => host.processes.which(command) !== undefined,
    );
    if (missing !== undefined) throw missing;
    const steps = creator.plan(definition.create.options, {
      tree: draft.tree,
      work: draft.work,
      packages,
      directory: definition.directory,
      name: definition.name,
    });
    await runCreation(host, store, {
      ...{ steps, draft, log, limits: request.limits.machine },
      timeoutSeconds: request.limits.timeoutSeconds,
    });
  } else {
    begin("Cloning");
    await store.storage.copyTree(host, base, draft.tree);
  }
  const created = base === undefined && creator.installsPackages(definition.create.options);
  const playbook = await customise(host, store, parts, {
    upgrade: base !== undefined && definition.upgrade,
    packages: created ? [] : definition.packages,
  });
  begin("Sealing");
  const description = await sealImage(host, store, {
    image: definition.name,
    draft,
    log,
    user: definition.settings.user,
    ...request.limits,
  });
  return { description, playbook };
}

/** Ansible's modules are Python. */
function wantedPackages(definition: Definition): readonly string[] {
  const python = definition.needsAnsible ? ["python3"] : [];
  return [...new Set([...definition.packages, ...python])];
}

async function customise(
  host: Host,
  store: ImageStore,
  { request, draft, log, begin }: Parts,
  work: { readonly upgrade: boolean; readonly packages: readonly string[] },
): Promise<PlaybookResult | undefined> {
  const { definition } = request;
  const { enabledUnits, maskedUnits } = definition;
  const nothing =
    !work.upgrade &&
    work.packages.length === 0 &&
    enabledUnits.length + maskedUnits.length === 0 &&
    !definition.needsAnsible;
  if (nothing) return undefined;
  begin("Starting its machine");
  const machine = machineRequest(host, { request, draft, log, root: "tree" });
  return withBuildMachine(host, store, machine, async (running) => {
    let result: PlaybookResult | undefined;
    if (work.upgrade) {
      begin("Upgrading packages");
      await running.call("Upgrading packages", ["upgrade_packages"]);
    }
    if (work.packages.length > 0) {
      begin("Installing packages");
      await running.call("Installing packages", ["install_packages", ...work.packages]);
    }
    if (definition.needsAnsible) {
      await running.call("Installing Python", ["need_python"]);
      begin("Running the playbook");
      result = await runPlaybook(host, {
        ...ansibleRun(store, { request, draft, log }),
        ...{ machine: running, words: request.words },
      });
    }
    if (enabledUnits.length > 0) {
      await running.call("Enabling units", ["set_units", "enable", ...enabledUnits]);
    }
    if (maskedUnits.length > 0) {
      await running.call("Masking units", ["set_units", "mask", ...maskedUnits]);
    }
    return result;
  });
}

const ansibleRun = (store: ImageStore, { request, draft, log }: Omit<Parts, "begin">) => ({
  ...{ definition: request.definition, draft, log, rootDirectory: store.rootDirectory },
  connects: request.limits.network.kind !== "none",
  timeoutSeconds: request.limits.timeoutSeconds,
});

/** A machine as jobs get it: it boots, its agent answers, and the definition's own test passes. */
async function smokeTest(
  host: Host,
  store: ImageStore,
  parts: Omit<Parts, "begin"> & { readonly settings: MachineSettings },
): Promise<void> {
  const { request, settings } = parts;
  const machine = machineRequest(host, { ...parts, root: "clone" });
  await withBuildMachine(host, store, { ...machine, settings }, async (running) => {
    const { test } = request.definition;
    if (test === undefined) return;
    const code = await running.run(test.startsWith("#!") ? test : `#!/bin/sh\nset -e\n${test}`);
    if (code === 0) return;
    throw new RunnerError({
      kind: "system",
      message: `The definition's test ended with exit status ${code}.`,
    });
  });
}

function machineRequest(
  host: Host,
  parts: Pick<Parts, "request" | "draft" | "log"> & { readonly root: "clone" | "tree" },
): BuildMachineRequest {
  const { request, draft, log, root } = parts;
  return {
    image: request.definition.name,
    draft,
    log,
    root,
    boots: hasSystemd(host, draft.tree),
    settings: { ...PLAIN_SETTINGS, limits: request.limits.machine },
    ...request.limits,
  };
}

function settleSettings(definition: Definition, description: Description): MachineSettings {
  const { user: wanted, environment, readyTarget, limits } = definition.settings;
  if (wanted !== undefined && description.user === undefined) {
    throw new RunnerError({
      kind: "system",
      message: `The image has no user "${wanted}".`,
      hints: ["Let a task of its playbook, or a package, create it."],
    });
  }
  return { user: description.user, environment, readyTarget, limits };
}

const LAST_LINES = 8;

function explainFailure(
  error: unknown,
  build: { readonly name: string; readonly part: string; readonly log: BuildLog },
): unknown {
  if (!(error instanceof RunnerError)) return error;
  const words = build.log.lastLines(LAST_LINES);
  const reason = [error.message, ...words].join("\n     ");
  return new RunnerError({
    kind: error.kind,
    message: `Cannot build the image "${build.name}" (${build.part.toLowerCase()}): it stays as it was.`,
    hints: [
      ...error.hints,
      build.log.isWhole()
        ? `The whole log is "${build.log.path}".`
        : `What could be written of the log is "${build.log.path}".`,
    ],
    cause: new Error(reason, { cause: error.cause }),
  });
}
