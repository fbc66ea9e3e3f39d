/** `exec` as a person has it in a terminal. */
import { expect, test } from "bun:test";
import { cleanUpAfterEach, openRunner } from "./harness.ts";
import { openProject } from "./project.ts";
import { openTerminal } from "./terminal.ts";

cleanUpAfterEach();

const runner = openRunner(
  { kind: "btrfs", root: "/fs/btrfs/root" },
  'default_image = "nosystemd"\n',
);

test("what we do is one line each, and a job that fails gets a shell", async () => {
  const { directory } = await openProject(runner, {
    ".gitlab-ci.yml": "j: { script: [mkdir made, 'false'], variables: { GREETING: hello } }\n",
  });
  const words = ["env", "-C", directory, "nspawn-runner", "exec", "j", "--shell-on-failure"];
  const terminal = openTerminal(words, runner.environment);
  // Folded: title and time, with nothing between them but colours.
  await terminal.awaitText('Preparing the "custom" executor\u001b[0;m\u001b[90m (');
  await terminal.awaitText("Getting source from Git repository\u001b[0;m\u001b[90m (");
  await terminal.awaitText("$ false");
  await terminal.awaitText("job$ ");
  terminal.type("echo $GREETING from $PWD; ls\n");
  await terminal.awaitText("hello from /builds/local/nspawn-runner-project-");
  await terminal.awaitText("made\r\n");
  await terminal.awaitText("job$ ");
  // Directory and variables stay from line to line.
  terminal.type("cd made; export MORE=more\n");
  await terminal.awaitText("job$ ");
  terminal.type("echo $MORE in ${PWD##*/}\n");
  await terminal.awaitText("more in made\r\n");
  terminal.type("exit\n");
  await terminal.awaitText("Job failed: exit code 1");
  expect(await terminal.ended).toBe(1);
});
