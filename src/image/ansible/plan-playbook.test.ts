import { describe, expect, test } from "bun:test";
import { parseConfiguration } from "./configuration.ts";
import { type AnsibleFacts, planPlaybook } from "./plan-playbook.ts";

const facts: AnsibleFacts = {
  unit: "nspawn-runner-ansible-x.service",
  programs: { playbook: "/usr/bin/ansible-playbook", galaxy: "/usr/bin/ansible-galaxy" },
  environment: { PATH: "/usr/bin", http_proxy: "http://me:pa$$word@proxy" },
  image: "web",
  work: "/r/.drafts/web/work/ansible",
  playbook: "/etc/nspawn-runner/web.yaml",
  directory: "/etc/nspawn-runner",
  words: [],
  configuration: undefined,
  requirements: undefined,
  installed: undefined,
  passwd: "root:x:0:0::/root:/bin/sh",
  connects: true,
  timeMaxSeconds: 7200,
  machine: {
    unit: "nspawn-runner-build\\x2dx.service",
    leader: 4712,
    cgroup: "/sys/fs/cgroup/nspawn_runner.slice/machine's/payload",
  },
};

const written = (more: Partial<AnsibleFacts>, name: string): string =>
  planPlaybook({ ...facts, ...more }).files.find(({ path }) => path.endsWith(`/${name}`))?.text ??
  "";

/** The variables that the playbook's environment has, as a shell reads them. */
function environmentOf(more: Partial<AnsibleFacts>): Readonly<Record<string, string>> {
  const script = written(more, "playbook.sh").replace(/^exec .*/m, "env -0");
  const { stdout } = Bun.spawnSync(["/bin/sh", "-c", script], { env: {} });
  const lines = stdout
    .toString()
    .split("\0")
    .filter((line) => line !== "");
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
}

test("Ansible runs beside the machine, behind a door to it, and with no right but to read", () => {
  const plan = planPlaybook(facts);
  expect(plan.commands[0]?.argv).toMatchSnapshot();
  expect(written({}, "playbook.sh")).toMatchSnapshot();
  expect(written({}, "enter")).toMatchSnapshot();
  expect(JSON.parse(written({}, "inventory.yml"))).toEqual({
    nspawn_runner: {
      hosts: {
        web: {
          ansible_connection: "nspawn_runner",
          ansible_user: "root",
          ansible_python_interpreter: "auto_silent",
        },
      },
    },
  });
  expect(written({}, "passwd")).toBe(
    "root:x:0:0::/root:/bin/sh\nnspawn-runner:x:2147287040:2147287040:Ansible:/root:/bin/sh\n",
  );
});

test("a definition in a directory for temporary files is seen with all that is beside it", () => {
  const words = planPlaybook({ ...facts, directory: "/tmp/a b/images" }).commands[0]?.argv;
  expect(words).toContain("--property=BindReadOnlyPaths=/tmp/a\\ b");
});

test("a build without a network has none beside its machine either", () => {
  const words = planPlaybook({ ...facts, connects: false }).commands[0]?.argv;
  expect(words).toContain("--property=PrivateNetwork=yes");
});

test("before there is a machine, requirements are installed and the syntax is checked", () => {
  const requirements = "/etc/nspawn-runner/requirements.yml";
  const { commands } = planPlaybook({ ...facts, requirements, machine: undefined });
  expect(commands.map(({ words }) => words)).toEqual([
    ["/usr/bin/ansible-galaxy", "install", "-r", requirements],
    [
      ...["/usr/bin/ansible-playbook", "--syntax-check", "--inventory"],
      ...[`${facts.work}/inventory.yml`, facts.playbook],
    ],
  ]);
});

test("what is installed already is looked for first, and not installed again", () => {
  const installed = "/r/.requirements/k";
  const { commands } = planPlaybook({ ...facts, installed, machine: undefined });
  expect(commands).toHaveLength(1);
  expect(environmentOf({ installed }).ANSIBLE_ROLES_PATH).toStartWith(`${installed}/roles:`);
});

test("a name that no inventory and no host can have is written otherwise", () => {
  const image = `a:b@${"c".repeat(96)}`;
  expect(written({ image }, "inventory.yml")).toContain(`"a-b-${"c".repeat(96)}"`);
  expect(written({ image }, "enter")).toEndWith(` a-b-${"c".repeat(59)}\n`);
});

describe("an ansible.cfg beside the definition", () => {
  const configuration = parseConfiguration(
    "[defaults]\nroles_path = ../shared\ncollections_paths = ../far\npipelining = no\n[privilege_escalation]\nbecome_method = sudo\n",
  );
  test("is taken, and says what it says", () => {
    const environment = environmentOf({ configuration });
    expect(environment).toMatchObject({
      ANSIBLE_CONFIG: "/etc/nspawn-runner/ansible.cfg",
      ANSIBLE_ROLES_PATH: `${facts.work}/state/roles:../shared`,
      ANSIBLE_COLLECTIONS_PATH: `${facts.work}/state/collections:../far`,
    });
    expect(environment).not.toHaveProperty("ANSIBLE_PIPELINING");
    expect(environment).not.toHaveProperty("ANSIBLE_BECOME_METHOD");
    // Of what it does not say.
    expect(environment).toHaveProperty("ANSIBLE_REMOTE_TMP", "/tmp/.ansible");
  });
  test("is none of the host's where there is none", () => {
    const environment = environmentOf({});
    expect(environment.ANSIBLE_CONFIG).toBe(`${facts.work}/ansible.cfg`);
    expect(environment.ANSIBLE_BECOME_METHOD).toBe("su");
    expect(environment.ANSIBLE_ROLES_PATH).toContain(":~/.ansible/roles:");
  });
});

test("what the environment holds is in no argument, where anyone could read it", () => {
  expect(environmentOf({}).http_proxy).toBe("http://me:pa$$word@proxy");
  expect(JSON.stringify(planPlaybook(facts).commands)).not.toContain("word@proxy");
});
