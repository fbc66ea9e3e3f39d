/**
 * What would leave the image while its playbook runs: plays for this host, or for nobody. Also in the
 * files that a playbook brings in. What only shows while it runs meets the sandbox. Pure.
 */
import { isAlias, isMap, isPair, isScalar, isSeq, type YAMLMap } from "yaml";
import { matchHosts } from "./host-pattern.ts";
import type { Nodes, Play } from "./playbook.ts";
import { type Fault, followAlias, offsetOf } from "./yaml-entries.ts";

export interface LocalFindings {
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
}

const LOCAL_CONNECTION = /^(?:ansible\.builtin\.)?local$/;
/** In the form `key=value`, as `set_fact` and `add_host` take it. */
const LOCAL_WORDS = /\bansible_connection\s*=\s*["']?(?:ansible\.builtin\.)?local\b/;
const TEMPLATE = /\{\{|\{%/;

/** Where tasks, blocks and roles are listed: their own `connection` is Ansible's, not a variable. */
const LISTS: readonly string[] = [
  ...["tasks", "pre_tasks", "post_tasks", "handlers", "roles"],
  ...["block", "rescue", "always"],
];

/** `hosts` of plays; of a file that holds none, nothing. */
export function findForeignHosts(
  nodes: Nodes,
  plays: readonly Play[],
  image: string,
): LocalFindings {
  const faults: Fault[] = [];
  const warnings: Fault[] = [];
  for (const { entries } of plays) {
    const hosts = entries.get("hosts");
    if (hosts === undefined) continue;
    const items = isSeq(hosts.node) ? hosts.node.items : [hosts.node];
    const texts = items.map((item) => textOf(followAlias(nodes, item)));
    const offset = offsetOf(hosts.node) ?? hosts.keyOffset;
    const known = texts.flatMap((text) => (text === undefined ? [] : [text]));
    if (known.length < texts.length || known.length === 0) continue; // told by Ansible
    if (known.some((text) => TEMPLATE.test(text))) {
      warnings.push({ offset, message: TEMPLATED_HOSTS });
      continue;
    }
    const matched = matchHosts(known, image);
    if (matched.local) faults.push({ offset, message: LOCAL_PLAY });
    else if (!matched.image) faults.push({ offset, message: nobody(image) });
  }
  return { faults, warnings };
}

/** Connections, and tasks beside the image, wherever they are in a file. */
export function findLocalConnections({ top }: Nodes): LocalFindings {
  const faults: Fault[] = [];
  const warnings: Fault[] = [];
  for (const { node, delegated, listed } of walk(top)) {
    if (isScalar(node) && !delegated && LOCAL_WORDS.test(textOf(node) ?? "")) {
      faults.push({ offset: offsetOf(node) ?? 0, message: LOCAL_VARIABLE });
    }
    if (!isMap(node)) continue;
    if (isDelegated(node)) {
      if (!delegated) warnings.push({ offset: offsetOf(node) ?? 0, message: BESIDE });
      continue;
    }
    if (delegated) continue;
    for (const { key, value } of node.items) {
      const name = textOf(key);
      const text = textOf(value);
      const isKeyword = name === "connection" && listed;
      if (text === undefined || !(name === "ansible_connection" || isKeyword)) continue;
      const offset = offsetOf(key) ?? 0;
      if (LOCAL_CONNECTION.test(text)) {
        faults.push({ offset, message: isKeyword ? LOCAL_KEYWORD : LOCAL_VARIABLE });
      } else if (TEMPLATE.test(text)) warnings.push({ offset, message: TEMPLATED_CONNECTION });
    }
  }
  return { faults, warnings };
}

interface Step {
  readonly node: unknown;
  /** Whether a task around it is meant for this host. */
  readonly delegated: boolean;
  /** Whether it is an item of a list of plays, tasks, blocks or roles. */
  readonly listed: boolean;
}

/** Each node once, in the order of the text: what an alias stands for was there before. */
function* walk(top: unknown): Generator<Step> {
  const waiting: Step[] = [];
  const push = (nodes: readonly unknown[], facts: Omit<Step, "node">): void => {
    for (const node of nodes.toReversed()) waiting.push({ node, ...facts });
  };
  if (isSeq(top)) push(top.items, { delegated: false, listed: true });
  else push([top], { delegated: false, listed: false });
  for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
    const { node } = step;
    if (isAlias(node)) continue;
    yield step;
    const delegated = step.delegated || (isMap(node) && isDelegated(node));
    if (isPair(node) && isSeq(node.value) && LISTS.includes(textOf(node.key) ?? "")) {
      push(node.value.items, { delegated, listed: true });
    } else if (isPair(node)) push([node.value], { delegated, listed: false });
    else if (isMap(node) || isSeq(node)) push(node.items, { delegated, listed: false });
  }
}

/** A task, or a block of them, that Ansible's users expect to run on the host that runs Ansible. */
function isDelegated(map: YAMLMap): boolean {
  return map.items.some(({ key, value }) => {
    const name = textOf(key);
    if (name === "local_action") return true;
    return name === "delegate_to" && matchHosts([textOf(value) ?? ""], "").local;
  });
}

const textOf = (node: unknown): string | undefined =>
  isScalar(node) && typeof node.value === "string" ? node.value : undefined;

const LOCAL_PLAY =
  'this play is for the host that builds, not for the image: write "hosts: all", and "delegate_to: localhost" at a task that has to run here';
const LOCAL_KEYWORD =
  '"connection: local" is the host that builds, not the image: leave it out, or write "delegate_to: localhost" at a task that has to run here';
const LOCAL_VARIABLE =
  'by "ansible_connection" tasks would run on the host that builds, not in the image: leave it out';
const BESIDE =
  "this runs on the host that builds, beside the image: there it can read files and use the network, and change nothing";
const TEMPLATED_HOSTS =
  '"hosts" is a template: whether the play is for the image shows only when it runs';
const TEMPLATED_CONNECTION =
  '"ansible_connection" is a template: whether tasks run in the image shows only when they run';

const nobody = (image: string): string =>
  `this play is for nobody: there is one host, "${image}", in the group "nspawn_runner"; write "hosts: all"`;
