/** Artifacts come from a hostile machine, as an archive that it may have made itself. */
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { cleanUpAfterEach, command, type Ended, later, openRunner, start } from "./harness.ts";
import { openProject } from "./project.ts";

cleanUpAfterEach();

const runner = openRunner(
  { kind: "btrfs", root: "/fs/btrfs/root" },
  'default_image = "nosystemd"\n',
);

interface Sent {
  readonly ended: Ended;
  readonly into: string;
}

/** A directory of the person that artifacts go into, and files beside it that are no concern of theirs. */
function openPlace(): { readonly beside: string; readonly into: string } {
  const beside = mkdtempSync("/tmp/nspawn-runner-artifacts-");
  later(() => command("rm", "-rf", beside));
  chmodSync(beside, 0o755);
  mkdirSync(`${beside}/victim`);
  writeFileSync(`${beside}/victim/file`, "mine");
  return { beside, into: `${beside}/got` };
}

async function send(script: string, into: string, options: readonly string[] = []): Promise<Sent> {
  const job = { script: script.split("\n"), artifacts: { paths: ["out"] } };
  const project = await openProject(runner, { ".gitlab-ci.yml": JSON.stringify({ test: job }) });
  const ended = await project.exec("test", "--artifacts", into, ...options);
  return { ended, into };
}

/** What the machine's tar sends instead: the archive that `make` writes. */
const instead = (make: string): string =>
  `mkdir out; ${make}\nprintf '#!/bin/sh\\ncat /evil\\n' > /usr/local/bin/tar; chmod +x /usr/local/bin/tar`;

test("files come out as plain files, and what is no file is left out", async () => {
  const { into } = openPlace();
  const { ended } = await send(
    "mkdir -p out/sub; echo one > out/one; cp /bin/true out/setuid; chmod 6755 out/setuid\nmkfifo out/pipe; chmod 1777 out/sub; echo two > out/sub/two; chmod 0 out/sub/two",
    into,
  );
  expect(ended.stdout + ended.stderr).toContain("out: found 6 matching");
  expect(ended.code).toBe(0);
  expect(readdirSync(`${into}/out`).sort()).toEqual(["one", "setuid", "sub"]);
  const modeOf = (path: string) => (lstatSync(`${into}/out/${path}`).mode & 0o7777).toString(8);
  expect([modeOf("setuid"), modeOf("sub"), modeOf("sub/two")]).toEqual(["755", "755", "600"]);
  expect(ended.stdout + ended.stderr).toContain('"out/pipe" is left out of the artifacts');
});

test("links stay inside, or are left out", async () => {
  const { into } = openPlace();
  const { ended } = await send(
    "mkdir -p out/a/b; echo x > out/a/file; cd out\nln -s a/file good; ln -s ../file a/b/good; ln -s /etc/passwd absolute; ln -s ../../x climbing\nln -s ../../a a/b/up; ln -s a/b/up/../../.. through",
    into,
  );
  expect(ended.code).toBe(0);
  expect(readlinkSync(`${into}/out/good`)).toBe("a/file");
  expect(readdirSync(`${into}/out`).sort()).toEqual(["a", "good"]);
  expect(readdirSync(`${into}/out/a/b`).sort()).toEqual(["good", "up"]);
});

describe("a directory that is there", () => {
  test("keeps its other files, and gets the new ones", async () => {
    const { into } = openPlace();
    mkdirSync(`${into}/out`, { recursive: true });
    writeFileSync(`${into}/out/kept`, "kept");
    writeFileSync(`${into}/out/replaced`, "old");
    const { ended } = await send("mkdir out; echo new > out/replaced; echo new > out/more", into);
    expect(ended.code).toBe(0);
    expect(readFileSync(`${into}/out/kept`, "utf8")).toBe("kept");
    expect(readFileSync(`${into}/out/replaced`, "utf8")).toBe("new\n");
    expect(readdirSync(into)).toEqual(["out"]);
  });

  test("is not left by a link that the run before has brought", async () => {
    const { beside, into } = openPlace();
    expect((await send("mkdir out; ln -s ../../victim out/link", into)).ended.code).toBe(0);
    expect((await send("mkdir -p out/link; echo x > out/link/file", into)).ended.code).toBe(0);
    expect(readFileSync(`${beside}/victim/file`, "utf8")).toBe("mine");
  });

  test.each([
    ["a directory", "mkdir -p out/link; echo x > out/link/file"],
    ["a file in place of a directory", "mkdir out; echo x > out/directory"],
  ])("is not left by a link of its own, and stays as it was: %s", async (_title, script) => {
    const { beside, into } = openPlace();
    mkdirSync(`${into}/out/directory`, { recursive: true });
    symlinkSync("../../victim", `${into}/out/link`);
    const { ended } = await send(`${script}; echo x > out/other`, into);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain("is in the way");
    expect(readFileSync(`${beside}/victim/file`, "utf8")).toBe("mine");
    expect(readdirSync(`${into}/out`).sort()).toEqual(["directory", "link"]);
    expect(readdirSync(into)).toEqual(["out"]);
  });
});

describe("an archive made by the machine", () => {
  test("names that are absolute or climb stay inside", async () => {
    const { beside, into } = openPlace();
    const { ended } = await send(
      instead(
        "mkdir -p /x/victim; echo evil > /x/victim/file; mkdir /x/got; (cd /x/got && tar -cPf /evil ../victim/file /x/victim/file)",
      ),
      into,
    );
    expect(readFileSync(`${beside}/victim/file`, "utf8")).toBe("mine");
    expect(existsSync("/x/victim")).toBe(false);
    expect(ended.stderr).not.toContain("Fault in nspawn-runner");
  });

  test("a hard link to a file of the host is none", async () => {
    const { beside, into } = openPlace();
    const victim = `${beside}/victim/file`;
    await send(
      instead(
        `mkdir -p ${beside}/victim; echo x > ${victim}; ln ${victim} out/hard; tar -cPf /evil ${victim} out/hard`,
      ),
      into,
    );
    expect(lstatSync(victim).nlink).toBe(1);
    expect(readFileSync(victim, "utf8")).toBe("mine");
  });

  test.each([
    ["that never ends", "mkfifo /never; (cat /dev/zero > /evil) & true"],
    ["of a sparse file", "truncate -s 5G big; tar --sparse -cf /evil big"],
    ["that is none", "head -c 100000 /dev/urandom > /evil"],
    [
      "cut off",
      "head -c 3000000 /dev/zero > out/x; tar -cf /whole out; head -c 1000000 /whole > /evil",
    ],
  ])("%s leaves nothing", async (_title, make) => {
    const { into } = openPlace();
    const { ended } = await send(
      _title === "that never ends"
        ? "mkdir out; printf '#!/bin/sh\\nexec cat /dev/zero\\n' > /usr/local/bin/tar; chmod +x /usr/local/bin/tar"
        : instead(make),
      into,
      ["--artifacts-size", "10M"],
    );
    expect(ended.code).not.toBe(0);
    expect(ended.stderr).toMatch(/more than 10 MB|Cannot unpack the artifacts/);
    expect(ended.stderr).not.toContain("Fault in nspawn-runner");
    expect(existsSync(into) ? readdirSync(into) : []).toEqual([]);
  });
});

test("more than the limit is told with what to do, and as much as fits comes in full", async () => {
  const { into } = openPlace();
  const script = "mkdir out; head -c 3000000 /dev/urandom > out/big";
  const refused = (await send(script, into, ["--artifacts-size", "2M"])).ended;
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("The artifacts have more than 2.1 MB.");
  expect(refused.stderr).toContain("--artifacts-size");
  expect(existsSync(into)).toBe(false);
  expect((await send(script, into, ["--artifacts-size", "4M"])).ended.code).toBe(0);
  expect(lstatSync(`${into}/out/big`).size).toBe(3_000_000);
});

test("nothing found is a warning", async () => {
  const { into } = openPlace();
  const { ended } = await send("true", into);
  expect(ended.code).toBe(0);
  expect(ended.stdout).toContain("WARNING: out: no matching files");
});

describe("by sudo", () => {
  const somebody = { SUDO_UID: "1000", SUDO_GID: "1000", SUDO_USER: "somebody" };

  async function openTheirs(script: string) {
    const place = openPlace();
    const job = { script: [script], artifacts: { paths: ["out"] } };
    const project = await openProject(runner, { ".gitlab-ci.yml": JSON.stringify({ test: job }) });
    await command("chown", "-R", "1000:1000", project.directory, place.beside);
    const environment = { ...runner.environment, ...somebody };
    const exec = (into: string) =>
      start(
        ["env", "-C", project.directory, "nspawn-runner", "exec", "test", "--artifacts", into],
        environment,
      ).ended;
    return { ...place, project, exec };
  }

  test("one's own checkout runs, and what is left is one's own", async () => {
    const { exec, into, project } = await openTheirs(
      "mkdir out; echo x > out/file; chown 7:7 out/file",
    );
    const ended = await exec(into);
    expect(ended.stderr).not.toMatch(/WARNING|ERROR/);
    expect(ended.code).toBe(0);
    for (const path of [into, `${into}/out`, `${into}/out/file`]) {
      const { uid, gid } = lstatSync(path);
      expect({ path, uid, gid }).toEqual({ path, uid: 1000, gid: 1000 });
    }
    expect(readdirSync(project.directory).sort()).toEqual([".git", ".gitlab-ci.yml"]);
  });

  test("where one may not write, nothing is written for one", async () => {
    const { exec } = await openTheirs("mkdir out; echo x > out/file");
    const into = `/root/${Date.now()}`;
    later(() => command("rm", "-rf", into));
    const ended = await exec(into);
    expect(ended.code).toBe(2);
    expect(existsSync(into)).toBe(false);
    expect(ended.stderr).not.toContain("Fault in nspawn-runner");
  });

  test("from a shell of root, the reason is told in git's words", async () => {
    const { project } = await openTheirs("true");
    const ended = await project.exec("test");
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain("belongs to somebody else");
    expect(ended.stderr).toContain("safe.directory");
  });

  test.each([
    ["no repository", "true", "is not in a git work tree"],
    ["no commit", "git init -q .", "has no commit yet"],
  ])("%s", async (_title, make, text) => {
    const directory = mkdtempSync("/tmp/nspawn-runner-project-");
    later(() => command("rm", "-rf", directory));
    await command("sh", "-c", `cd ${directory} && ${make}`);
    const ended = await start(["env", "-C", directory, "nspawn-runner", "exec"], runner.environment)
      .ended;
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(text);
    expect(ended.stderr).toContain("git says: fatal:");
  });
});
