/**
 * Pipelines of a stranger. Their parser runs what they say as JavaScript, so each payload here is
 * tried twice: on the parser alone, where it has to reach what it is after, or it would prove
 * nothing; and by `exec`, where it has to run and reach nothing.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import {
  cleanUpAfterEach,
  command,
  type Ended,
  later,
  openRunner,
  start,
  uniqueName,
} from "./harness.ts";
import { type Contents, openProject, type Project } from "./project.ts";

cleanUpAfterEach();

const runner = openRunner(
  { kind: "btrfs", root: "/fs/btrfs/root" },
  'default_image = "nosystemd"\n',
);

/** The parser by itself, in a clone that is thrown away, as root: what `exec` was in 0.1.0. */
const parseBare = (project: Project): Promise<Ended> =>
  start(["env", "-C", project.directory, "nspawn-runner", "internal-gitlab-ci-local", "--preview"])
    .ended;

/** Resolves the pipeline, and runs nothing: no such job is there. */
const parseByExec = (project: Project): Promise<Ended> => project.exec("no-such-job");

async function open(contents: Contents | string): Promise<Project> {
  later(expectNothingLeftOfExec);
  const files = typeof contents === "string" ? { ".gitlab-ci.yml": contents } : contents;
  return openProject(runner, files);
}

async function expectNothingLeftOfExec(): Promise<void> {
  // systemd forgets a unit a moment after it has told of its end.
  const list = () => command("systemctl", "list-units", "--all", "--plain", "--no-legend", PARSERS);
  for (let tries = 100; tries > 0 && (await list()).stdout !== ""; tries -= 1);
  expect((await list()).stdout).toBe("");
  const leftovers = readdirSync("/tmp").filter((name) => name.startsWith("nspawn-runner-exec"));
  expect(leftovers).toEqual([]);
}

const PARSERS = "nspawn-runner-parser-*";
const SECRET = `secret-${uniqueName()}`;
const fs = 'process.getBuiltinModule("fs")';
/** What a rule says on stderr comes out as a warning. */
const say = (value: string): string => `process.stderr.write(${value} + "\\n")`;

interface Target {
  /** JavaScript that reaches for it. */
  readonly payload: string;
  /** Whether it was reached; what the run printed may tell. */
  reached(ended: Ended): boolean | Promise<boolean>;
}

function openFile(payload: (path: string) => string): Target {
  const path = `/var/tmp/${uniqueName()}`;
  later(() => rmSync(path, { force: true }));
  return {
    payload: payload(path),
    reached: () => {
      const there = existsSync(path);
      rmSync(path, { force: true });
      return there;
    },
  };
}

function openSecret(path: string): Target {
  writeFileSync(path, SECRET, { mode: 0o600 });
  later(() => rmSync(path, { force: true }));
  return {
    payload: say(`${fs}.readFileSync("${path}", "utf8")`),
    reached: ({ stdout, stderr }) => (stdout + stderr).includes(SECRET),
  };
}

/** A server that counts who has come. */
function openServer(where: { readonly unix: string } | { readonly port: 0 }): Target {
  let count = 0;
  const socket = {
    data: () => {},
    open: () => {
      count += 1;
    },
  };
  const server =
    "unix" in where
      ? Bun.listen({ unix: where.unix, socket })
      : Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
  later(() => server.stop(true));
  const to =
    "unix" in where
      ? `unix: ${JSON.stringify(where.unix).replace("\\u0000", '" + String.fromCharCode(0) + "')}`
      : `hostname: "127.0.0.1", port: ${"port" in server ? server.port : 0}`;
  return {
    payload: `Bun.connect({ ${to}, socket: { data: () => {} } }).catch(() => {})`,
    reached: () => {
      const came = count > 0;
      count = 0;
      return came;
    },
  };
}

function openVictim(): Target {
  const victim = Bun.spawn(["sleep", "infinity"]);
  later(() => victim.kill("SIGKILL"));
  return {
    payload: `process.kill(${victim.pid}, "SIGKILL")`,
    reached: () => victim.killed || victim.signalCode !== null,
  };
}

function openWeb(): Target {
  let count = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => {
      count += 1;
      return new Response("leaked: { script: [echo] }");
    },
  });
  later(() => server.stop(true));
  return {
    payload: `fetch("http://127.0.0.1:${server.port}/ci.yml").catch(() => {})`,
    reached: () => {
      const came = count > 0;
      count = 0;
      return came;
    },
  };
}

const TARGETS: readonly (readonly [title: string, open: () => Target])[] = [
  ["start a program", () => openFile((path) => `Bun.spawnSync(["bash", "-c", "id > ${path}"])`)],
  ["write a file", () => openFile((path) => `${fs}.writeFileSync("${path}", "x")`)],
  [
    "write by import",
    () =>
      openFile(
        (path) => `import("fs").then((fs) => fs.writeFileSync("${path}", "")).catch(() => {})`,
      ),
  ],
  ["write by Bun", () => openFile((path) => `Bun.write("${path}", "x").catch(() => {})`)],
  [
    "write through /proc",
    () => openFile((path) => `${fs}.writeFileSync("/proc/self/root${path}", "x")`),
  ],
  ["read a file of root", () => openSecret(`/root/${SECRET}`)],
  ["read in /run", () => openSecret(`/run/${SECRET}`)],
  ["read where images are", () => openSecret(`/fs/btrfs/root/${SECRET}`)],
  ["read in /dev/shm", () => openSecret(`/dev/shm/${SECRET}`)],
  [
    "read what other processes know",
    () => {
      const other = Bun.spawn(["sleep", "infinity"], { env: { SECRET } });
      later(() => other.kill("SIGKILL"));
      return {
        payload: `${fs}.readdirSync("/proc").map(Number).filter(Boolean).map((id) => { try { ${say(`${fs}.readFileSync("/proc/" + id + "/environ", "latin1")`)} } catch {} })`,
        reached: ({ stdout, stderr }) => (stdout + stderr).includes(`SECRET=${SECRET}`),
      };
    },
  ],
  ["reach a server of the host", () => openServer({ port: 0 })],
  ["reach a socket in a file", () => openServer({ unix: `/run/${uniqueName()}.sock` })],
  ["reach an abstract socket", () => openServer({ unix: `\0${uniqueName()}` })],
  ["fetch", openWeb],
  ["kill a process", openVictim],
  [
    "reach the bus",
    () => ({
      payload: `Bun.connect({ unix: "/run/dbus/system_bus_socket", socket: { data: () => {}, open: () => ${say('"on the bus"')} } }).catch(() => {})`,
      reached: ({ stdout, stderr }) => (stdout + stderr).includes("on the bus"),
    }),
  ],
];

/** In `rules:` of a job and of the workflow; quoted as YAML wants it. */
function pipelineWith(payload: string, place: "job" | "workflow"): string {
  // An error of the payload is no error of the rule: the next one decides.
  const safe = `(() => { ${say('"payload ran"')}; try { ${payload} } catch (error) { ${say("error.code")} } return false })()`;
  const rules = `rules: [{ if: '${safe.replaceAll("'", "''")}' }, { when: always }]`;
  return place === "job"
    ? `test: { script: [echo], ${rules} }\n`
    : `workflow: { ${rules} }\ntest: { script: [echo] }\n`;
}

describe.each(TARGETS)("a rule that wants to %s", (_title, openTarget) => {
  test.each(["job", "workflow"] as const)("in the rules of a %s", async (place) => {
    const target = openTarget();
    const project = await open(pipelineWith(target.payload, place));
    const bare = await parseBare(project);
    expect(await target.reached(bare)).toBe(true);
    if (_title === "kill a process") return expectSpared(place);
    const ended = await parseByExec(project);
    expect(ended.stderr).toContain("payload ran");
    expect(ended.stderr).toContain('There is no job "no-such-job"');
    expect(await target.reached(ended)).toBe(false);
    return undefined;
  });
});

/** A victim that is dead cannot be tried again. */
async function expectSpared(place: "job" | "workflow"): Promise<void> {
  const target = openVictim();
  const ended = await parseByExec(await open(pipelineWith(target.payload, place)));
  expect(ended.stderr).toContain("payload ran");
  expect(await target.reached(ended)).toBe(false);
}

test("what the sandbox holds: nothing but the parser", async () => {
  const look = `["/", "/bin", "/etc", "/home", "/root", "/run", "/sys", "/dev/shm", "/proc", "/tmp", "/var/tmp", "/state"].map((path) => { try { ${say(`path + ": " + ${fs}.readdirSync(path).filter((name) => isNaN(name)).sort().join(" ")`)} } catch (error) { ${say('path + ": " + error.code')} } })`;
  const environment = say("Object.keys(process.env).sort().join()");
  const project = await open(pipelineWith(`${look}; ${environment}`, "job"));
  const { stderr } = await parseByExec(project);
  expect(stderr.replaceAll("WARNING: .gitlab-ci.yml: ", "")).toMatchInlineSnapshot(`
    "payload ran
    /: bin dev etc lib lib64 proc project root run state sys usr var
    /bin: bash git id parser
    /etc: variables.json
    /home: ENOENT
    /root: EACCES
    /run: systemd
    /sys: EACCES
    /dev/shm: EACCES
    /proc: self thread-self
    /tmp: ENOENT
    /var/tmp: ENOENT
    /state:
    GIT_CONFIG_COUNT,GIT_CONFIG_KEY_0,GIT_CONFIG_VALUE_0,HOME,LC_ALL,NO_COLOR,PATH
    ERROR: There is no job "no-such-job".
    Hint: The jobs are: test.
    "
  `);
});

describe("includes", () => {
  const YAML = "leaked: { script: [echo] }\n";

  test("by a link out of the repository", async () => {
    const outside = `/var/tmp/${uniqueName()}.yml`;
    writeFileSync(outside, YAML);
    later(() => rmSync(outside));
    const project = await open({
      ".gitlab-ci.yml": "include: { local: /in.yml }\ntest: { script: [echo] }\n",
      "in.yml": { link: outside },
    });
    expect((await parseBare(project)).stdout).toContain('"leaked"');
    const ended = await project.exec("leaked");
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain("The jobs are: test.");
    expect(ended.stderr).not.toContain("script");
  });

  test("the file itself is a link out of it", async () => {
    const project = await open({ ".gitlab-ci.yml": { link: "/etc/shadow" } });
    const shadow = (await Bun.file("/etc/shadow").text()).split(":")[0] ?? "root";
    const ended = await project.exec();
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain("Cannot understand");
    expect(ended.stderr).not.toContain(`${shadow}:`);
  });

  test.each(["/../../../etc/passwd", "../outside.yml"])("of %s", async (path) => {
    const project = await open(`include: { local: ${path} }\ntest: { script: [echo] }\n`);
    expect(await project.exec()).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("directory traversal"),
    });
  });

  test("of a server", async () => {
    const web = openWeb();
    const url = /http:[^"]+/.exec(web.payload)?.[0] ?? "";
    const project = await open(`include: { remote: "${url}" }\ntest: { script: [echo] }\n`);
    const bare = await parseBare(project);
    expect(bare.stdout).toContain('"leaked"');
    expect(await web.reached(bare)).toBe(true);
    rmSync(`${project.directory}/.gitlab-ci-local`, { recursive: true });
    const ended = await project.exec();
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(`Cannot include "${url}"`);
    expect(ended.stderr).toContain("without network");
    expect(await web.reached(ended)).toBe(false);
  });

  test.each([
    ["template", "{ template: Jobs/Build.gitlab-ci.yml }"],
    ["project", "{ project: group/other, file: /ci.yml }"],
    ["component", "{ component: gitlab.example.com/group/other/build@1.0.0 }"],
    ["newest component", "{ component: gitlab.example.com/group/other/build@~latest }"],
  ])("of a %s", async (_title, include) => {
    const project = await open(`include: ${include}\ntest: { script: [echo] }\n`);
    const ended = await project.exec();
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain("Cannot include ");
    expect(ended.stderr).toContain("without network");
  });
});

test("files with which the parser takes options are none in a repository", async () => {
  const project = await open({
    ".gitlab-ci.yml": "test: { script: [echo] }\n",
    "other.yml": "other: { script: [echo] }\n",
    ".gitlab-ci-local-env": "FILE=other.yml\n",
    ".gitlab-ci-local-variables.yml": "[unclosed\n",
    ".gitlab-ci-local/state.yml": "[unclosed\n",
  });
  expect((await parseBare(project)).stdout).not.toContain('"test"');
  expect((await parseByExec(project)).stderr).toContain("The jobs are: test.");
});

describe("what has no end", () => {
  const shout = (to: 1 | 2): string =>
    `Bun.spawnSync(["bash", "-c", "while printf %s%s \\"\\$0\\" \\"\\$0\\" >&${to}; do :; done", "x".repeat(50000)], { stdio: ["ignore", "inherit", "inherit"] })`;
  const laughs = Array.from(
    { length: 12 },
    (_, level) =>
      `.l${level}: &l${level} [${
        level === 0
          ? "ha"
          : Array(9)
              .fill(`*l${level - 1}`)
              .join(", ")
      }]\n`,
  ).join("");
  const jobs = Array.from({ length: 10_000 }, (_, index) => `j${index}: { script: [echo] }\n`);

  test.each([
    ["a loop", pipelineWith("for (;;);", "job"), "did not come to an end"],
    ["memory", pipelineWith("const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))", "job"), ""],
    [
      "processes",
      pipelineWith('Bun.spawnSync(["bash", "-c", "f() { f | f & }; f; sleep infinity"])', "job"),
      "did not come to an end",
    ],
    ["output", pipelineWith(shout(1), "job"), "printed more than"],
    ["complaints", pipelineWith(shout(2), "job"), "printed more than"],
    ["aliases", `${laughs}test: { script: *l11 }\n`, "Cannot understand"],
    [
      "references",
      "a: { script: [!reference [b, script]] }\nb: { script: [!reference [a, script]] }\n",
      "Cannot understand",
    ],
    ["extends", "a: { extends: b, script: [x] }\nb: { extends: a }\n", "Cannot understand"],
    ["includes", "include: { local: /.gitlab-ci.yml }\na: { script: [x] }\n", "Cannot understand"],
    ["a file of 50 MB", `# ${"x".repeat(50_000_000)}\ntest: { script: [echo] }\n`, ""],
    ["jobs", jobs.join(""), ""],
    [
      "depth",
      `test: { script: ${"[".repeat(100_000)}${"]".repeat(100_000)} }\n`,
      "Cannot understand",
    ],
  ])("%s", async (_title, pipeline, text) => {
    const project = await open(pipeline);
    const ended = await parseByExec(project);
    expect(ended.code).toBe(2);
    expect(ended.ms).toBeLessThan(60_000);
    expect(ended.stderr).toContain(text);
    expect(ended.stderr).not.toContain("Fault in nspawn-runner");
    expect(ended.stderr.length).toBeLessThan(10_000);
  });
});

test("a parser that is taken over may send anything, and is taken at no word of it", async () => {
  const send = (text: string): string =>
    `${fs}.writeSync(1, ${JSON.stringify(text)}); process.kill(process.pid, "SIGKILL")`;
  const project = await open(
    pipelineWith(send('{"pipeline":{"\\u001b[2J":1},"words":"\\u001b[31m"}'), "job"),
  );
  const ended = await parseByExec(project);
  expect(ended.code).toBe(2);
  expect(ended.stdout + ended.stderr).not.toContain("\u001b");
});
