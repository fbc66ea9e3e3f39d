import { describe, expect, test } from "bun:test";
import { type FakeComputer, OWN, openComputer } from "../../test/fakes/fake-host.ts";
import { findOwner, OWNER_VARIABLE, ownerIsGone, ownProcess } from "./owner.ts";
import { watchCommand } from "./owner-watch.ts";

/** A host whose process of ours was started by these, the nearest last. */
function openUnder(...commands: readonly string[]): FakeComputer {
  const computer = openComputer();
  let parent = 1;
  for (const [index, command] of [...commands, "nspawn-runner"].entries()) {
    const id = index === commands.length ? OWN : 100 + index;
    computer.processes.set(id, { id, command, parent, startTicks: id * 10 });
    parent = id;
  }
  return computer;
}

describe("whose a job's machine is", () => {
  const runner = { pid: 100, startTicks: 1000 };
  test.each([
    ["GitLab Runner's, which called us", ["gitlab-runner"], runner],
    ["GitLab Runner's, of any name's end", ["gitlab-runner-1"], runner],
    ["GitLab Runner's, with others in between", ["gitlab-runner", "sudo", "wrapper"], runner],
    ["the nearest's", ["gitlab-runner", "gitlab-runner"], { pid: 101, startTicks: 1010 }],
    ["nobody's, when a person calls", ["sshd", "bash", "sudo"], undefined],
    ["nobody's, when nobody is there any more", [], undefined],
  ] as const)("%s", (_title, commands, expected) => {
    expect(findOwner(openUnder(...commands).start().host)).toEqual(expected);
  });

  test("the process's that says so", () => {
    const environment = { [OWNER_VARIABLE]: "101" };
    const computer = openUnder("gitlab-runner", "nspawn-runner");
    expect(findOwner(computer.start({ environment }).host)).toEqual({ pid: 101, startTicks: 1010 });
  });
});

test("an owner is gone when it has ended, and when another process has its id", async () => {
  const computer = openUnder("gitlab-runner");
  const { host } = computer.start();
  const owner = findOwner(host);
  expect(ownerIsGone(host, owner)).toBe(false);
  expect(ownerIsGone(host, undefined)).toBe(false);
  computer.processes.set(100, { id: 100, command: "gitlab-runner", parent: 1, startTicks: 9999 });
  expect(ownerIsGone(host, owner)).toBe(true);
  await computer.endProcess(100);
  expect(ownerIsGone(host, owner)).toBe(true);
  expect(ownerIsGone(host, ownProcess(host))).toBe(false);
});

test("the unit that waits for an owner's end", () => {
  expect(
    watchCommand({ pid: 100, startTicks: 1000 }, ["/usr/bin/nspawn-runner"]),
  ).toMatchInlineSnapshot(`
    [
      "systemd-run",
      "--quiet",
      "--unit=nspawn-runner-watch-100-1000.service",
      "--slice=nspawn_runner.slice",
      "--property=Description=Ends the machines of process 100 when it is gone",
      "--property=SyslogIdentifier=nspawn-runner",
      "--property=Restart=on-failure",
      "--property=RestartSec=1s",
      "--property=CollectMode=inactive-or-failed",
      "--",
      "/bin/sh",
      "/run/nspawn-runner/watch-owner",
      "100",
      "1000",
      "/usr/bin/nspawn-runner",
    ]
  `);
});
