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

const SEVERAL = `
one: { stage: build, script: [echo the first] }
two: { needs: [one], script: [echo the second] }
`;

test("without a job, one is chosen", async () => {
  const { directory } = await openProject(runner, { ".gitlab-ci.yml": SEVERAL });
  const words = ["env", "-C", directory, "nspawn-runner", "exec"];
  const terminal = openTerminal(words, runner.environment);
  await terminal.awaitText("Which job?");
  await terminal.awaitText("build");
  await terminal.awaitText("two  needs one");
  terminal.type("\u001b[B\r");
  await terminal.awaitText('Running job "two"');
  await terminal.awaitText("the second\r\n");
  expect(await terminal.ended).toBe(0);
});

test("who chooses none has none", async () => {
  const { directory } = await openProject(runner, { ".gitlab-ci.yml": SEVERAL });
  const words = ["env", "-C", directory, "nspawn-runner", "exec"];
  const terminal = openTerminal(words, runner.environment);
  await terminal.awaitText("two  needs one");
  terminal.type("\u0003");
  expect(await terminal.ended).toBe(0);
  await expect(terminal.awaitText("Running job")).rejects.toThrow();
});

test("several jobs are a table that moves, and what has failed is told beneath it", async () => {
  const { directory } = await openProject(runner, {
    ".gitlab-ci.yml": `${SEVERAL}
bad: { needs: [one], script: [echo it is broken, sleep 1, exit 3] }
last: { stage: deploy, script: [echo never] }
`,
  });
  const words = ["env", "-C", directory, "nspawn-runner", "exec", "--all"];
  const terminal = openTerminal(words, runner.environment);
  await terminal.awaitText("build  one");
  await terminal.awaitText("test  bad");
  // What it says last stands below its line for as long as it runs.
  await terminal.awaitText("it is broken");
  await terminal.awaitText("deploy  last  skipped");
  await terminal.awaitText("bad, at its end:");
  await terminal.awaitText("ERROR: Job failed: exit code 3");
  await terminal.awaitText("test    bad   FAILED");
  await terminal.awaitText("deploy  last  skipped");
  expect(await terminal.ended).toBe(1);
});
