/**
 * A playbook in a build's machine: which files Ansible finds, and what it is told. It runs beside the
 * machine, in a sandbox, and reaches it by a connection plugin of ours. Pure.
 */
import { quoteArgument } from "../../text/format-command.ts";
import { searchPaths } from "../definition/ansible-places.ts";
import { IMAGE_GROUP, inventoryName } from "../definition/host-pattern.ts";
import callbackText from "./callback.py" with { type: "text" };
import type { Configuration } from "./configuration.ts";
import connectionText from "./connection.py" with { type: "text" };
import doorText from "./door.py" with { type: "text" };
import { planSandbox, SANDBOX_UID, type SandboxPlaces, type SandboxPlan } from "./plan-sandbox.ts";
import withDoorText from "./with-door.sh" with { type: "text" };

export interface AnsibleFacts {
  readonly unit: string;
  /** Where the commands of Ansible are. */
  readonly programs: { readonly playbook: string; readonly galaxy: string };
  /** What of our own environment is for it: where programs are, and how the network is reached. */
  readonly environment: Readonly<Record<string, string>>;
  /** The image's name. */
  readonly image: string;
  /** A directory of this run alone. */
  readonly work: string;
  /** The playbook, and where its roles and files lie. */
  readonly playbook: string;
  readonly directory: string;
  /** For ansible-playbook, besides ours. */
  readonly words: readonly string[];
  /** The `ansible.cfg` beside the playbook. */
  readonly configuration: Configuration | undefined;
  /** What asks for roles and collections, and is not installed yet. */
  readonly requirements: string | undefined;
  /** Where those are, once they are. */
  readonly installed: string | undefined;
  /** The host's passwd(5). */
  readonly passwd: string;
  readonly connects: boolean;
  readonly timeMaxSeconds: number;
  /** Absent before there is one: then requirements are installed, and the syntax is checked. */
  readonly machine: BuildMachineFacts | undefined;
}

interface BuildMachineFacts {
  readonly unit: string;
  /** Process of the host that is PID 1 of the machine, and the machine's cgroup. */
  readonly leader: number;
  readonly cgroup: string;
}

export interface AnsiblePlan {
  readonly directories: readonly string[];
  readonly files: readonly {
    readonly path: string;
    readonly text: string;
    readonly mode: number;
  }[];
  /** In `directories`: the sandbox's own. */
  readonly state: string;
  readonly owner: number;
  /** Where Ansible writes what it has done. */
  readonly result: string;
  /** In order; the first that fails ends it. */
  readonly commands: readonly {
    /** What it is for Ansible, in the build's log. */
    readonly words: readonly string[];
    readonly argv: readonly string[];
  }[];
}

export function planPlaybook(facts: AnsibleFacts): AnsiblePlan {
  const { work, directory, machine } = facts;
  const at = (name: string): string => `${work}/${name}`;
  const state = at("state");
  const result = `${state}/result.json`;
  const file = (name: string, text: string, mode = 0o600) => ({ path: at(name), text, mode });
  const places: Omit<SandboxPlaces, "name"> = {
    unit: facts.unit,
    work,
    state,
    directory,
    passwd: at("passwd"),
    connects: facts.connects,
    timeMaxSeconds: facts.timeMaxSeconds,
    ...(machine === undefined ? {} : { endsWith: machine.unit }),
  };
  const environment = planEnvironment(facts, { state, result });
  const sandboxed = (name: string, command: readonly string[]): SandboxPlan =>
    planSandbox({ ...places, name }, environment, command);
  const inventory = ["--inventory", at("inventory.yml")];
  const scripts =
    machine === undefined
      ? [
          ...(facts.requirements === undefined
            ? []
            : [sandboxed("galaxy", [facts.programs.galaxy, "install", "-r", facts.requirements])]),
          sandboxed("syntax", [
            ...[facts.programs.playbook, "--syntax-check", ...inventory, facts.playbook],
          ]),
        ]
      : [
          sandboxed("playbook", [
            facts.programs.playbook,
            ...inventory,
            ...facts.words,
            facts.playbook,
          ]),
        ];
  return {
    directories: [".", "plugins", "plugins/connection", "plugins/callback", "door", "state"].map(
      at,
    ),
    files: [
      file("inventory.yml", inventoryText(facts)),
      file("ansible.cfg", "[defaults]\n"),
      file("passwd", passwdText(facts.passwd), 0o644),
      file("plugins/connection/nspawn_runner.py", connectionText),
      file("plugins/callback/nspawn_runner.py", callbackText),
      file("door.py", doorText),
      ...(machine === undefined ? [] : [file("enter", enterText(facts, machine), 0o700)]),
      file("with-door.sh", withDoorText),
      ...scripts.map(({ script }) => ({ ...script, mode: 0o600 })),
    ],
    state,
    owner: SANDBOX_UID,
    result,
    commands:
      machine === undefined
        ? scripts
        : scripts.map(({ words, argv }) => ({
            words,
            argv: [
              // It ends with us, also when we are killed: nobody else would end it.
              ...["setpriv", "--pdeathsig=TERM", "--", "bash", at("with-door.sh")],
              ...[at("door/socket"), at("enter"), ...argv],
            ],
          })),
  };
}

/**
 * Variables win over an `ansible.cfg`: those of the first kind are what a build needs whatever it says,
 * those of the second are there only where it says nothing.
 */
function planEnvironment(
  facts: AnsibleFacts,
  { state, result }: { readonly state: string; readonly result: string },
): Readonly<Record<string, string>> {
  const { work, directory, configuration, installed = state } = facts;
  const said = (...keys: string[]): string | undefined => configuration?.get(...keys);
  const after = (path: string, value: string): string => `${path}:${value}`;
  const needed = {
    ANSIBLE_CONFIG:
      configuration === undefined ? `${work}/ansible.cfg` : `${directory}/ansible.cfg`,
    ANSIBLE_HOME: `${state}/home`,
    ANSIBLE_LOCAL_TEMP: `${state}/tmp`,
    ANSIBLE_GALAXY_CACHE_DIR: `${state}/galaxy`,
    ANSIBLE_GALAXY_TOKEN_PATH: `${state}/galaxy_token`,
    ...searchPaths(directory, configuration, installed),
    ANSIBLE_CONNECTION_PLUGINS: after(
      `${work}/plugins/connection`,
      said("defaults.connection_plugins") ?? "/usr/share/ansible/plugins/connection",
    ),
    ANSIBLE_CALLBACK_PLUGINS: after(
      `${work}/plugins/callback`,
      said("defaults.callback_plugins") ?? "/usr/share/ansible/plugins/callback",
    ),
    ANSIBLE_INVENTORY_ENABLED: "yaml",
    // Facts are of a machine that nobody meets again.
    ANSIBLE_CACHE_PLUGIN: "memory",
    ANSIBLE_RETRY_FILES_ENABLED: "0",
    ANSIBLE_NOCOLOR: "1",
    ANSIBLE_BECOME_ASK_PASS: "0",
    // A clone may be of a repository that is another user's.
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "safe.directory",
    GIT_CONFIG_VALUE_0: "*",
    NSPAWN_RUNNER_DOOR: `${work}/door/socket`,
    NSPAWN_RUNNER_RESULT: result,
  };
  const filled: readonly (readonly [string, string, readonly string[]])[] = [
    // sudo is in few images, su in nearly all, and for root it asks no password.
    ["ANSIBLE_BECOME_METHOD", "su", ["privilege_escalation.become_method"]],
    ["ANSIBLE_REMOTE_TMP", "/tmp/.ansible", ["defaults.remote_tmp"]],
    ["ANSIBLE_PIPELINING", "1", ["connection.pipelining", "defaults.pipelining"]],
    ["ANSIBLE_NOCOWS", "1", ["defaults.nocows"]],
    ["ANSIBLE_DEPRECATION_WARNINGS", "0", ["defaults.deprecation_warnings"]],
    ["ANSIBLE_LOCALHOST_WARNING", "0", ["defaults.localhost_warning"]],
  ];
  return {
    ...facts.environment,
    LC_ALL: "C.UTF-8",
    USER: SANDBOX_USER,
    LOGNAME: SANDBOX_USER,
    ...needed,
    ...Object.fromEntries(
      filled.flatMap(([name, value, keys]) => (said(...keys) === undefined ? [[name, value]] : [])),
    ),
  };
}

const SANDBOX_USER = "nspawn-runner";

function passwdText(passwd: string): string {
  const lines = passwd === "" || passwd.endsWith("\n") ? passwd : `${passwd}\n`;
  return `${lines}${SANDBOX_USER}:x:${SANDBOX_UID}:${SANDBOX_UID}:Ansible:/root:/bin/sh\n`;
}

/** JSON is YAML. Variables of an inventory win over a play's keywords, such as `remote_user`. */
function inventoryText(facts: AnsibleFacts): string {
  const variables = {
    ansible_connection: "nspawn_runner",
    ansible_user: "root",
    ansible_python_interpreter: "auto_silent",
  };
  const hosts = { [inventoryName(facts.image)]: variables };
  return `${JSON.stringify({ [IMAGE_GROUP]: { hosts } })}\n`;
}

/** sethostname(2). */
const HOST_NAME_LENGTH_MAX = 63;

/**
 * Becomes what waits behind the door: in the machine's cgroup, so that its limits and its end hold for
 * what is started there, and in its namespaces. When the machine has died its cgroup is gone, or the
 * number is another process's. nsenter(1) leaves system call filters behind: the administrator's
 * playbook is trusted, a job never comes here.
 */
function enterText(facts: AnsibleFacts, machine: BuildMachineFacts): string {
  const { unit, leader, cgroup } = machine;
  const own = quoteArgument(`${cgroup}/nspawn-runner-enter`);
  const name = quoteArgument(inventoryName(facts.image).slice(0, HOST_NAME_LENGTH_MAX));
  return `#!/bin/sh
grep -qF ${quoteArgument(`/${unit}/`)} /proc/${leader}/cgroup || exit 70
mkdir ${own} && echo $$ >${own}/cgroup.procs || exit 70
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root \\
  LOGNAME=root LANG=C.UTF-8 nsenter --target=${leader} --user --mount --uts --ipc --net --pid \\
  --cgroup --root --wd=/ -- python3 -c "$(cat ${quoteArgument(`${facts.work}/door.py`)})" ${name}
`;
}
