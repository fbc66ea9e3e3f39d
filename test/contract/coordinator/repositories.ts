/** A project with a submodule that has one itself, as bare repositories to be served. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";

export interface Repositories extends Disposable {
  /** What `group/project.git` and its like are under. */
  readonly root: string;
  readonly sha: string;
}

const AUTHOR = ["-c", "user.name=Test", "-c", "user.email=test@example.com"];

/** `group/project.git` holds `greeting` and the submodule `lib`, which holds the submodule `leaf`. */
export function makeRepositories(): Repositories {
  const root = mkdtempSync("/tmp/nspawn-runner-repositories-");
  const leaf = makeRepository(root, { name: "leaf", files: { "leaf-file": "leaf\n" } });
  const lib = makeRepository(root, {
    name: "lib",
    files: { "lib-file": "lib\n" },
    submodule: { name: "leaf", sha: leaf },
  });
  const sha = makeRepository(root, {
    name: "project",
    files: { greeting: "hello from the repository\n" },
    submodule: { name: "lib", sha: lib },
  });
  return { root, sha, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

interface RepositoryWish {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly submodule?: { readonly name: string; readonly sha: string };
}

function makeRepository(root: string, wish: RepositoryWish): string {
  const tree = `${root}/checkout/${wish.name}`;
  const git = (...words: string[]): string => run(["git", ...AUTHOR, "-C", tree, ...words]);
  run(["git", "init", "--quiet", "--initial-branch=main", tree]);
  for (const [name, text] of Object.entries(wish.files)) writeFileSync(`${tree}/${name}`, text);
  if (wish.submodule !== undefined) {
    const { name, sha } = wish.submodule;
    writeFileSync(
      `${tree}/.gitmodules`,
      `[submodule "${name}"]\n\tpath = ${name}\n\turl = ../${name}.git\n`,
    );
    git("update-index", "--add", "--cacheinfo", `160000,${sha},${name}`);
  }
  // By name: "." would take away the submodule, which is not checked out.
  git("add", ...Object.keys(wish.files), ...(wish.submodule === undefined ? [] : [".gitmodules"]));
  git("commit", "--quiet", "--message=Initial commit");
  run(["git", "clone", "--quiet", "--bare", tree, `${root}/group/${wish.name}.git`]);
  return git("rev-parse", "HEAD").trim();
}

function run(argv: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(argv);
  if (exitCode !== 0) throw new Error(`${argv.join(" ")} ended with ${exitCode}: ${stderr}`);
  return stdout.toString();
}
