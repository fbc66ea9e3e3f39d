/** Git work trees for `exec`, as a person or a stranger would have them. */
import { expect } from "bun:test";
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { command, type Ended, later, type Runner, start } from "./harness.ts";

export interface Project {
  readonly directory: string;
  exec(...argv: string[]): Promise<Ended>;
}

/** Path → text, or where a link of that name leads. */
export type Contents = Readonly<Record<string, string | { readonly link: string }>>;

/** One commit of these files, in a directory that goes after the test. */
export async function openProject(runner: Runner, contents: Contents): Promise<Project> {
  const directory = mkdtempSync("/tmp/nspawn-runner-project-");
  later(() => command("rm", "-rf", directory));
  for (const [path, content] of Object.entries(contents)) {
    mkdirSync(dirname(`${directory}/${path}`), { recursive: true });
    if (typeof content === "string") writeFileSync(`${directory}/${path}`, content);
    else symlinkSync(content.link, `${directory}/${path}`);
  }
  const commit = `cd "$1" && git init -q -b main . && git add . &&
    git -c user.name=Test -c user.email=test@example.com commit -q -m "First commit"`;
  expect(await command("sh", "-c", commit, "sh", directory)).toMatchObject({ code: 0 });
  const words = ["env", "-C", directory, "nspawn-runner", "exec"];
  return { directory, exec: (...argv) => start([...words, ...argv], runner.environment).ended };
}
