import { expect, test } from "bun:test";
import { planAnsible } from "./ansible-plan.ts";

const facts = {
  image: "web",
  tree: "/r/.drafts/web/root",
  work: "/scratch/ansible",
  playbook: "/etc/nspawn-runner/web.yaml",
  directory: "/etc/nspawn-runner",
  leader: 4712,
  cgroup: "/sys/fs/cgroup/nspawn_runner.slice/machine's/payload",
  hasConfiguration: false,
  requirements: undefined,
};

test("Ansible reaches the machine by a command of ours, and leaves nothing at home", () => {
  const plan = planAnsible(facts);
  expect(plan.commands).toMatchInlineSnapshot(`
    [
      [
        "setpriv",
        "--pdeathsig=TERM",
        "--",
        "ansible-playbook",
        "--inventory",
        "/scratch/ansible/inventory",
        "/etc/nspawn-runner/web.yaml",
      ],
    ]
  `);
  expect(
    Object.fromEntries(plan.files.map(({ path, text }) => [path, text])),
  ).toMatchInlineSnapshot(`
    {
      "/scratch/ansible/ansible.cfg": 
    "[defaults]
    "
    ,
      "/scratch/ansible/enter": 
    "#!/bin/sh
    shift
    mkdir -p '/sys/fs/cgroup/nspawn_runner.slice/machine'\\''s/payload/nspawn-runner-enter' && echo $$ >'/sys/fs/cgroup/nspawn_runner.slice/machine'\\''s/payload/nspawn-runner-enter'/cgroup.procs || exit 70
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root \\
      LOGNAME=root LANG=C.UTF-8 nsenter --target=4712 --user --mount --uts --ipc --net --pid \\
      --cgroup --root --wd=/ -- "$@"
    "
    ,
      "/scratch/ansible/inventory": 
    "web ansible_connection=community.general.chroot ansible_host=/r/.drafts/web/root ansible_chroot_exe=/scratch/ansible/enter ansible_python_interpreter=auto_silent
    "
    ,
    }
  `);
  for (const [name, value] of Object.entries(plan.environment)) {
    if (name.endsWith("_HOME") || name.endsWith("_TEMP")) expect(value).toStartWith(facts.work);
  }
});

test("requirements are installed first, and a configuration beside the playbook is taken", () => {
  const requirements = "/etc/nspawn-runner/requirements.yml";
  const plan = planAnsible({ ...facts, requirements, hasConfiguration: true });
  expect(plan.commands[0]?.slice(3)).toEqual(["ansible-galaxy", "install", "-r", requirements]);
  expect(plan.environment.ANSIBLE_CONFIG).toBe("/etc/nspawn-runner/ansible.cfg");
});
