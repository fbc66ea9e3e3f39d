/** From the text of a definition to the definition, or to all that is wrong with it. Pure. */
import type { ImageName } from "../../text/names.ts";
import { type CreateRequest, creatorOf } from "../creators/creators.ts";
import { chooseCreate } from "./choose-create.ts";
import type { Definition, MachineSettings } from "./definition.ts";
import { findForeignHosts, findLocalConnections } from "./find-local-plays.ts";
import { findWarnings } from "./find-warnings.ts";
import type { Finding } from "./finding.ts";
import { findPlace, type Located } from "./located-value.ts";
import { importsPlaybook, type Playbook, parsePlaybook } from "./playbook.ts";
import { readVariables, type Values } from "./read-variables.ts";
import { type Fault, isEmptyNode } from "./yaml-entries.ts";

/** A definition's file, as it was found. */
export interface DefinitionFile {
  readonly name: ImageName;
  /** Where it was found; messages name it. */
  readonly path: string;
  /** The file itself, links followed. */
  readonly realPath: string;
  /** Where `realPath` lies. */
  readonly directory: string;
}

export type CheckedDefinition =
  | {
      readonly kind: "valid";
      readonly definition: Definition;
      /** Where it says how the image is created. */
      readonly createdAt: Pick<Finding, "line" | "column">;
    }
  | { readonly kind: "faulty"; readonly faults: readonly Finding[] };

/** A file that is no YAML at all can have thousands. */
const FAULTS_MAX = 20;

/** Never throws, whatever the text. */
export function checkDefinition(text: string, file: DefinitionFile): CheckedDefinition {
  const playbook = parsePlaybook(text);
  const findings = (severity: Finding["severity"], faults: readonly Fault[]): Finding[] =>
    choose(faults).map(({ offset, message }) => {
      return { severity, path: file.path, ...playbook.place(offset), message };
    });
  const read = readPlaybook(playbook, file.name);
  if (read === undefined || playbook.faults.length > 0) {
    return { kind: "faulty", faults: findings("error", playbook.faults) };
  }
  const definition = toDefinition(read.values, read.create, { playbook, file, text });
  const told = [...read.warnings, ...findWarnings(definition, playbook, read.located)];
  const warnings = findings("warning", told);
  const createdAt = playbook.place(findPlace(read.located, ["nspawn_runner_create"]).offset);
  return { kind: "valid", definition: { ...definition, warnings }, createdAt };
}

/** In the order of the file, and once each: what an alias stands for is read again at each. */
function choose(faults: readonly Fault[]): Fault[] {
  const once = new Map(faults.map((fault) => [`${fault.offset} ${fault.message}`, fault]));
  const sorted = [...once.values()].sort((one, other) => one.offset - other.offset);
  const next = sorted[FAULTS_MAX];
  if (next === undefined) return sorted;
  const message = `${sorted.length - FAULTS_MAX} more from here on`;
  return [...sorted.slice(0, FAULTS_MAX), { offset: next.offset, message }];
}

interface ReadPlaybook {
  readonly values: Values;
  readonly located: Located;
  readonly create: CreateRequest;
  readonly warnings: readonly Fault[];
}

/** Adds what is wrong to `playbook.faults`. */
function readPlaybook(playbook: Playbook, name: ImageName): ReadPlaybook | undefined {
  const [first] = playbook.plays;
  if (first === undefined) return undefined;
  if (!first.entries.has("hosts") && !importsPlaybook(first)) {
    playbook.faults.push({
      offset: first.offset,
      message: 'a play needs "hosts", such as "hosts: all"',
    });
  }
  const leaving = [
    findForeignHosts(playbook, playbook.plays, name),
    findLocalConnections(playbook),
  ];
  playbook.faults.push(...leaving.flatMap(({ faults }) => faults));
  const { values, located } = readVariables(playbook, first);
  if (values === undefined) return undefined;
  const { nspawn_runner_enable: enable, nspawn_runner_mask: mask } = values;
  for (const [index, unit] of mask.entries()) {
    if (!enable.includes(unit)) continue;
    const { offset } = findPlace(located, ["nspawn_runner_mask", index]);
    playbook.faults.push({ offset, message: `"${unit}" is to be enabled and masked at once` });
  }
  const choice = chooseCreate(values, name);
  if (choice.kind === "create") {
    const warnings = leaving.flatMap((one) => one.warnings);
    return { values, located, create: choice.create, warnings };
  }
  const { offset } = findPlace(located, [choice.variable]);
  playbook.faults.push({ offset, message: choice.message });
  return undefined;
}

function toDefinition(
  values: Values,
  create: CreateRequest,
  from: { readonly playbook: Playbook; readonly file: DefinitionFile; readonly text: string },
): Definition {
  const { playbook, file, text } = from;
  return {
    name: file.name,
    path: file.realPath,
    directory: file.directory,
    text,
    create,
    recreate: values.nspawn_runner_maint_recreate,
    refresh:
      values.nspawn_runner_refresh ??
      (creatorOf(create).rolling(create.options) ? "daily" : "never"),
    upgrade: values.nspawn_runner_upgrade,
    packages: values.nspawn_runner_packages,
    enabledUnits: values.nspawn_runner_enable,
    maskedUnits: values.nspawn_runner_mask,
    settings: toSettings(values),
    test: values.nspawn_runner_test,
    keep: values.nspawn_runner_keep,
    needsAnsible: needsAnsible(playbook),
    warnings: [],
    inputs: values.nspawn_runner_inputs,
  };
}

function toSettings(values: Values): MachineSettings {
  const { nspawn_runner_user: user, nspawn_runner_ready: readyTarget } = values;
  const { memory, cpus, tasks } = values.nspawn_runner_limits;
  return {
    environment: values.nspawn_runner_environment,
    limits: {
      ...(memory === undefined ? {} : { memoryBytes: memory }),
      ...(cpus === undefined ? {} : { cpus }),
      ...(tasks === undefined ? {} : { tasks }),
    },
    ...(user === undefined ? {} : { user }),
    ...(readyTarget === undefined ? {} : { readyTarget }),
  };
}

const WORK = ["tasks", "pre_tasks", "post_tasks", "roles", "handlers"] as const;

/** Whether Ansible has anything to do. */
function needsAnsible({ plays }: Playbook): boolean {
  return (
    plays.length > 1 ||
    plays.some(
      (play) =>
        importsPlaybook(play) || WORK.some((key) => !isEmptyNode(play.entries.get(key)?.node)),
    )
  );
}
