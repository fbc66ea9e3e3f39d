/** `exec`: what a job finds of its repository, as under GitLab. */
import { expect, test } from "bun:test";
import { cleanUpAfterEach, command, openRunner } from "./harness.ts";
import { openProject, type Project } from "./project.ts";

cleanUpAfterEach();

const runner = openRunner(
  { kind: "btrfs", root: "/fs/btrfs/root" },
  'default_image = "nosystemd"\n',
);

/** Runs shell in the project, and expects it to go well. */
async function shell(project: Project, script: string): Promise<void> {
  const identity = "git config user.name Test; git config user.email test@example.com";
  const words = ["sh", "-ec", `cd "$1"; ${identity}; ${script}`, "sh", project.directory];
  expect(await command(...words)).toMatchObject({ code: 0 });
}

const commits = (count: number): string =>
  `for i in $(seq ${count}); do echo $i > n; git add n; git commit -q -m "Commit $i"; done`;

test("a branch: its name, the tags behind it, and the remote", async () => {
  const script = [
    "git describe --tags",
    'git rev-parse --verify "refs/remotes/origin/$CI_COMMIT_REF_NAME"',
    "git remote get-url origin",
    "git status --porcelain",
    'set -u; echo "$CI_COMMIT_TAG"',
  ];
  const project = await openProject(runner, {
    ".gitlab-ci.yml": JSON.stringify({ j: { script } }),
  });
  await shell(
    project,
    `git tag -a v1.2 -m "Release"; git checkout -q -b feature/x; ${commits(1)}
    git remote add origin https://me:secret@gitlab.example.org/group/app.git`,
  );
  const { code, stdout } = await project.exec("j");
  expect(stdout).toMatch(/^v1\.2-1-g[0-9a-f]+$/m);
  expect(stdout).toContain("https://gitlab.example.org/group/app.git\n");
  expect(stdout).not.toContain("secret");
  // A branch's pipeline has no tag, and `set -u` knows.
  expect(code).toBe(1);
});

test("a tag that is checked out: its pipeline", async () => {
  const script = [
    'echo "[$CI_COMMIT_TAG] [${CI_COMMIT_BRANCH-none}]"',
    "git describe --exact-match",
  ];
  const job = { script, only: ["tags"] };
  const project = await openProject(runner, { ".gitlab-ci.yml": JSON.stringify({ j: job }) });
  await shell(project, 'git tag -a v1 -m "Release"; git checkout -q v1');
  const { code, stdout } = await project.exec("j");
  expect(stdout).toContain("[v1] [none]\n");
  expect(code).toBe(0);
});

test.each([
  ["GitLab's own depth", {}, 20],
  ["GIT_DEPTH", { GIT_DEPTH: "3" }, 3],
  ["all of it", { GIT_DEPTH: "0" }, 26],
])("history: %s", async (_title, variables, count) => {
  const job = { variables, script: ["git rev-list --count HEAD"] };
  const project = await openProject(runner, { ".gitlab-ci.yml": JSON.stringify({ j: job }) });
  await shell(project, commits(25));
  expect((await project.exec("j")).stdout).toContain(`\n${count}\n`);
});

test("submodules: as GIT_SUBMODULE_STRATEGY says, or a word why not", async () => {
  const script = ["ls lib lib/inner || true", "cat lib/file lib/inner/file || true"];
  const files = (strategy: string) => ({ variables: { GIT_SUBMODULE_STRATEGY: strategy }, script });
  const jobs = { none: files("none"), normal: files("normal"), recursive: files("recursive") };
  const project = await openProject(runner, { ".gitlab-ci.yml": JSON.stringify(jobs) });
  const add = "git -c protocol.file.allow=always submodule --quiet add";
  await shell(
    project,
    `for name in inner lib; do git init -q "$1.$name"; cd "$1.$name"; echo "of $name" > file; git add file
      git -c user.name=T -c user.email=t@example.com commit -q -m One; done
    ${add} "$1.inner" inner; git -c user.name=T -c user.email=t@example.com commit -q -m Inner
    cd "$1"; ${add} "$1.lib" lib; git commit -q -m Lib
    git -c protocol.file.allow=always submodule --quiet update --init --recursive; rm -rf "$1.inner" "$1.lib"`,
  );
  const none = await project.exec("none");
  expect(none.stdout).not.toContain("of lib");
  const normal = await project.exec("normal");
  expect(normal.stdout).toContain("of lib\n");
  expect(normal.stdout).not.toContain("of inner");
  expect((await project.exec("recursive")).stdout).toContain("of lib\nof inner\n");
  await shell(project, "git submodule --quiet deinit --force lib; rm -rf .git/modules");
  expect(await project.exec("normal")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('submodule "lib", whose commit is not in your work tree'),
  });
});

test("Git LFS: what is in the clone has its content, and the rest is said to be pointers", async () => {
  const job = { image: "trixie", script: ["cat here.bin away.bin | head -c 300"] };
  const pointer = (oid: string, size: number): string =>
    `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${size}\n`;
  const oid = new Bun.CryptoHasher("sha256").update("the real content\n").digest("hex");
  const project = await openProject(runner, {
    ".gitlab-ci.yml": JSON.stringify({ j: job }),
    ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
    "here.bin": pointer(oid, 17),
    "away.bin": pointer("0".repeat(64), 5),
  });
  const place = `.git/lfs/objects/${oid.slice(0, 2)}/${oid.slice(2, 4)}`;
  await shell(project, `mkdir -p ${place}; echo "the real content" > ${place}/${oid}`);
  const { code, stdout } = await project.exec("j");
  expect(stdout).toContain("the real content\nversion https://git-lfs");
  expect(stdout).toContain("WARNING: Objects of Git LFS are not in your clone");
  expect(code).toBe(0);
});
