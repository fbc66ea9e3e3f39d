/** `policy` to the last line. */
import { expect, test } from "bun:test";
import { makeSystem } from "../../test/fakes/fake-commands.ts";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { runProgram } from "./program.ts";

const CONFIG = `
root_directory = "/images"
network = "private"
network_deny = ["169.254.169.254"]
job_memory = "2G"
job_memory_max = "8G"

[[rule]]
name = "no strangers"
projects = ["forks/**"]
refuse = "forks run elsewhere"

[[rule]]
projects = ["group/**"]
branches = ["main", "release/*"]
protected = true
memory = "4G"
devices = ["/dev/kvm"]

[[rule]]
users = [42]
nesting = true
tasks = 500
binds = ["/srv/data", "/srv/out:/out:rw"]

[[rule]]
images = ["deploy*"]
network_allow = ["registry.test:443", "192.0.2.0/24"]
`;

async function policy(...words: string[]): Promise<string> {
  const { disk, start } = openComputer();
  const file = (path: string, text: string): void => {
    disk.create("open", path, { kind: "file", mode: 0o600, text });
  };
  file("/config.toml", CONFIG);
  file("/job.json", JSON.stringify(RESPONSE));
  disk.ensureDirectory("/images", 0o700);
  makeSystem(disk, "/images/debian");
  makeSystem(disk, "/images/deploy-2");
  disk.create("symlink", "/images/stable", { kind: "link", target: "debian" });
  const before = disk.describe("/");
  const { host, printed } = start({ environment: { NSPAWN_RUNNER_CONFIG: "/config.toml" } });
  const open = () => ({ host, version: "0" });
  const end = await runProgram(["policy", ...words], { version: "0", open, writeOut: () => {} });
  expect(end).toBe("success");
  expect(disk.describe("/")).toEqual(before);
  return printed.join("");
}

/** As GitLab Runner 19 writes it, less what nobody here reads. */
const RESPONSE = {
  id: 1,
  token: "glcbt-secret",
  job_info: { project_id: 17, project_full_path: "Group/app\u001b[31m", user_id: 42 },
  git_info: { ref: "refs/merge-requests/7/head", ref_type: "branch", protected: false },
  image: { name: "deploy-2" },
  // Whatever a job sets is not asked for.
  variables: [
    { key: "CI_PROJECT_PATH", value: "forks/evil" },
    { key: "GITLAB_USER_ID", value: "1" },
    { key: "CI_COMMIT_REF_PROTECTED", value: "true" },
  ],
};

test("a job that is known", async () => {
  const words = ["--project", "group/app", "--user", "7", "--branch", "main", "--protected"];
  expect(await policy("--image", "stable", ...words)).toMatchInlineSnapshot(`
    "Job:
      project        group/app
      its number     not known
      user           7
      branch         main
      protected      yes
      image          stable, which is debian

    Rule 1 "no strangers" is not for it:
      projects = ["forks/**"]: no, project "group/app"

    Rule 2 is for it:
      projects = ["group/**"]: yes, project "group/app"
      branches = ["main","release/*"]: yes, branch "main"
      protected = true: yes, its branch is protected
      → memory = 4G
      → devices = /dev/kvm

    Rule 3 is not for it:
      users = [42]: no, user 7

    Rule 4 is not for it:
      images = ["deploy*"]: no, image "stable", its name is "debian"

    Its machine gets:
      Limits: memory 4G (rule 2), tasks 4096 (this host's default).
      Network: private (setting network), denied 169.254.169.254 (setting network_deny).
      Loosened: devices /dev/kvm (rule 2).

    It may ask for:
      up to memory 8G (setting job_memory_max), by NSPAWN_MEMORY
    "
  `);
});

test("a job of which little is known", async () => {
  expect(await policy("--image", "debian", "--project", "other/app")).toMatchInlineSnapshot(`
    "Job:
      project        other/app
      its number     not known
      user           not known
      ref            not known
      protected      not known
      image          debian

    Rule 1 "no strangers" is not for it:
      projects = ["forks/**"]: no, project "other/app"

    Rule 2 is not for it:
      projects = ["group/**"]: no, project "other/app"
      branches = ["main","release/*"]: maybe, it is not known
      protected = true: maybe, it is not known

    Rule 3 may be for it, and what it takes away holds:
      users = [42]: maybe, it is not known
      → tasks = 500
      → nesting = true
      → binds = /srv/data, /srv/out:/out:rw

    Rule 4 is not for it:
      images = ["deploy*"]: no, image "debian"

    Its machine gets:
      Limits: memory 2G (setting job_memory), tasks 500 (rule 3, which may be for this job).
      Network: private (setting network), denied 169.254.169.254 (setting network_deny).

    It may ask for:
      up to memory 8G (setting job_memory_max), by NSPAWN_MEMORY
    "
  `);
});

test("a job that is refused", async () => {
  expect(await policy("--image", "debian", "--project", "forks/x")).toMatchInlineSnapshot(`
    "Job:
      project        forks/x
      its number     not known
      user           not known
      ref            not known
      protected      not known
      image          debian

    Rule 1 "no strangers" is for it:
      projects = ["forks/**"]: yes, project "forks/x"
      → refuse = "forks run elsewhere"

    Rule 2 is not for it:
      projects = ["group/**"]: no, project "forks/x"
      branches = ["main","release/*"]: maybe, it is not known
      protected = true: maybe, it is not known

    Rule 3 may be for it, and what it takes away holds:
      users = [42]: maybe, it is not known
      → tasks = 500
      → nesting = true
      → binds = /srv/data, /srv/out:/out:rw

    Rule 4 is not for it:
      images = ["deploy*"]: no, image "debian"

    It fails, for its author to mend:
      This host refuses the job: forks run elsewhere (rule 1 "no strangers").
    "
  `);
});

test("a job response that was kept", async () => {
  const text = await policy("--job", "/job.json");
  expect(text).not.toContain("glcbt-secret");
  expect(text).toMatchInlineSnapshot(`
    "Job:
      project        Group/app\\x1b[31m
      its number     17
      user           42
      branch         refs/merge-requests/7/head
      protected      no
      image          deploy-2

    Rule 1 "no strangers" is not for it:
      projects = ["forks/**"]: no, project "Group/app\\x1b[31m", number 17

    Rule 2 is not for it:
      projects = ["group/**"]: yes, project "Group/app\\x1b[31m", number 17
      branches = ["main","release/*"]: no, branch "refs/merge-requests/7/head"
      protected = true: no, its branch is not protected

    Rule 3 is for it:
      users = [42]: yes, user 42
      → tasks = 500
      → nesting = true
      → binds = /srv/data, /srv/out:/out:rw

    Rule 4 is for it:
      images = ["deploy*"]: yes, image "deploy-2"
      → network_allow = registry.test:443, 192.0.2.0/24

    Its machine gets:
      Limits: memory 2G (setting job_memory), tasks 500 (rule 3).
      Network: private (setting network), allowed registry.test:443, 192.0.2.0/24 (rule 4), denied 169.254.169.254 (setting network_deny).
      Loosened: nesting (rule 3), binds /srv/data, /srv/out:/out:rw (rule 3).

    It may ask for:
      up to memory 8G (setting job_memory_max), by NSPAWN_MEMORY
    "
  `);
});

test.each([
  [["--branch", "a", "--tag", "b", "--image", "x"], "--branch or --tag"],
  [["--user", "root", "--image", "x"], "GitLab's number"],
  [[], "Name it: --image NAME."],
])("%p cannot be understood", async (words, message) => {
  const failed = policy(...words).catch((error) => error);
  expect(await failed).toMatchObject({ kind: "usage" });
  const { message: text, hints } = await failed;
  expect([text, ...hints].join("\n")).toContain(message);
});
