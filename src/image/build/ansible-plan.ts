/**
 * How Ansible reaches a build's machine: its own `chroot` connection, with a command of ours for
 * `chroot`. No plugin has to be installed, and nothing is left in the user's home. Pure.
 */
import { quoteArgument } from "../../text/format-command.ts";

export interface AnsibleFacts {
  /** The image's name: the host's name in the inventory. */
  readonly image: string;
  /** The tree; the connection plugin looks into it for a shell. */
  readonly tree: string;
  /** A directory of this run alone. */
  readonly work: string;
  /** The playbook, and where its roles and files lie. */
  readonly playbook: string;
  readonly directory: string;
  /** Process of the host that is PID 1 of the machine, and the machine's cgroup. */
  readonly leader: number;
  readonly cgroup: string;
  /** What lies beside the playbook. */
  readonly hasConfiguration: boolean;
  readonly requirements: string | undefined;
}

export interface AnsiblePlan {
  readonly files: readonly {
    readonly path: string;
    readonly text: string;
    readonly mode: number;
  }[];
  readonly environment: Readonly<Record<string, string>>;
  /** In order; the first that fails ends it. */
  readonly commands: readonly (readonly string[])[];
}

export function planAnsible(facts: AnsibleFacts): AnsiblePlan {
  const { work, directory } = facts;
  const inventory = `${work}/inventory`;
  const enter = `${work}/enter`;
  const configuration = `${work}/ansible.cfg`;
  const galaxy =
    facts.requirements === undefined
      ? []
      : [["ansible-galaxy", "install", "-r", facts.requirements]];
  return {
    files: [
      { path: inventory, text: inventoryText(facts, enter), mode: 0o600 },
      { path: enter, text: enterText(facts), mode: 0o700 },
      { path: configuration, text: "[defaults]\n", mode: 0o600 },
    ],
    environment: {
      ANSIBLE_CONFIG: facts.hasConfiguration ? `${directory}/ansible.cfg` : configuration,
      ANSIBLE_HOME: `${work}/home`,
      ANSIBLE_LOCAL_TEMP: `${work}/tmp`,
      ANSIBLE_REMOTE_TMP: "/tmp/.ansible",
      // The first of each is where requirements are installed to.
      ANSIBLE_ROLES_PATH: `${work}/roles:${directory}/roles:/etc/ansible/roles:/usr/share/ansible/roles`,
      ANSIBLE_COLLECTIONS_PATH: `${work}/collections:${directory}/collections:/usr/share/ansible/collections`,
      ANSIBLE_CACHE_PLUGIN: "memory",
      ANSIBLE_RETRY_FILES_ENABLED: "0",
      ANSIBLE_PIPELINING: "1",
      ANSIBLE_NOCOWS: "1",
      ANSIBLE_NOCOLOR: "1",
      ANSIBLE_DEPRECATION_WARNINGS: "0",
      ANSIBLE_LOCALHOST_WARNING: "0",
    },
    commands: [...galaxy, ["ansible-playbook", "--inventory", inventory, facts.playbook]].map(
      untilOurDeath,
    ),
  };
}

/** It ends with us, also when we are killed: nobody else would end it. */
const untilOurDeath = (argv: readonly string[]): readonly string[] => [
  ...["setpriv", "--pdeathsig=TERM", "--"],
  ...argv,
];

function inventoryText(facts: AnsibleFacts, enter: string): string {
  const variables = {
    ansible_connection: "community.general.chroot",
    ansible_host: facts.tree,
    ansible_chroot_exe: enter,
    ansible_python_interpreter: "auto_silent",
  };
  const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  return `${facts.image} ${words.join(" ")}\n`;
}

/**
 * The command that Ansible takes for chroot(8): `enter TREE COMMAND…`. It joins the machine's cgroup,
 * so that the machine's limits and its end hold for what it starts, then its namespaces. nsenter(1)
 * leaves system call filters behind: the administrator's playbook is trusted, a job never comes here.
 */
function enterText(facts: AnsibleFacts): string {
  const cgroup = quoteArgument(`${facts.cgroup}/nspawn-runner-enter`);
  return `#!/bin/sh
shift
mkdir -p ${cgroup} && echo $$ >${cgroup}/cgroup.procs || exit 70
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root \\
  LOGNAME=root LANG=C.UTF-8 nsenter --target=${facts.leader} --user --mount --uts --ipc --net --pid \\
  --cgroup --root --wd=/ -- "$@"
`;
}
