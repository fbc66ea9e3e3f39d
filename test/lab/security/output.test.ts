/** What strangers write, wherever we show it: visible, in its line. Bytes of a job pass as they are. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { SOAKS } from "../../soak/soaks.ts";
import { openDeclared } from "../declare.ts";
import {
  cleanUpAfterEach,
  command,
  later,
  openRunner,
  type Place,
  scriptFile,
  uniqueName,
} from "../harness.ts";

cleanUpAfterEach();

const PLACE: Place = { kind: "overlay", root: "/fs/ext4/root" };
const runner = openRunner(PLACE);

/** A title, the clipboard, a link, sequences of C0 and C1, a line over another, a bell, directions. */
const EVIL =
  "\u001b]0;owned\u0007\u001b]52;c;aGk=\u001b\\\u001b]8;;http://x\u0007\u001b[2J\u009b2J\u001bPq\rERROR\u0007\u202egnp.\u2066x\u{e0041}";
/** Of these none may reach a terminal by us; a newline only as the end of a line of ours. */
const DANGEROUS = /(?!\n)[\p{Cc}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{e0000}-\u{e007f}]/u;

const expectSafe = (text: string): void => {
  expect(text).not.toMatch(DANGEROUS);
};

test("it is dangerous by itself", () => {
  expect(EVIL).toMatch(DANGEROUS);
});

describe("text of an image", () => {
  test("in names of its files: chroot-diff, as lines and as JSON", async () => {
    const { runner: builder, declare, generations } = openDeclared(PLACE);
    const file = `/tmp/${uniqueName()}`;
    later(() => command("rm", "-f", file));
    writeFileSync(file, EVIL.replaceAll("/", "_"));
    const create = (then: string) => ({
      command: `cp -a ${PLACE.root}/nobash/. "$1"\ncd "$1"\n${then}`,
    });
    declare("evil", { create: create("") });
    expect((await builder.call("chroot-create", "evil")).code).toBe(0);
    declare("evil", { create: create(`: >"$(cat ${file})"`) });
    expect((await builder.call("chroot-maintenance", "evil")).code).toBe(0);
    const [first] = await generations("evil");
    const lines = await builder.call("chroot-diff", "evil", first?.version ?? "");
    expect(lines.stdout).toContain("\\x1b]0;owned\\x07");
    expectSafe(lines.stdout + lines.stderr);
    const json = await builder.call("chroot-diff", "evil", first?.version ?? "", "--json");
    expectSafe(json.stdout);
    const names = JSON.parse(json.stdout).files.map((one: { name: string }) => one.name);
    expect(names).toContain(`/${EVIL.replaceAll("/", "_")}`);
  });

  test("that a creator prints: an error, and --verbose", async () => {
    const { runner: builder, declare } = openDeclared(PLACE);
    const file = `/tmp/${uniqueName()}`;
    later(() => command("rm", "-f", file));
    writeFileSync(file, `${EVIL}\n`);
    declare("evil", { create: { command: `cat ${file}; cat ${file} >&2; exit 7` } });
    for (const words of [[], ["--verbose"], ["--debug"]]) {
      const { code, stderr, stdout } = await builder.call("chroot-create", "evil", ...words);
      expect(code).toBe(2);
      expect(stderr).toContain("\\x1b]0;owned\\x07");
      expectSafe(stderr + stdout);
    }
  });

  test("in os-release, its host name and the names of its users", async () => {
    const name = uniqueName();
    const tree = `${PLACE.root}/${name}`;
    later(() => command("rm", "-rf", tree));
    await command("cp", "-a", `${PLACE.root}/nobash`, tree);
    writeFileSync(`${tree}/etc/os-release`, `ID="${EVIL}"\nPRETTY_NAME="${EVIL}"\n`);
    writeFileSync(`${tree}/etc/hostname`, `${EVIL}\n`);
    writeFileSync(`${tree}/etc/passwd`, `root:x:0:0:${EVIL}:/root:/bin/sh\n`);
    const machine = await runner.machine(name);
    const listed = await runner.call("chroot-list");
    const run = await machine.run("#!/bin/sh\nexit 3");
    const units = await command(
      ...["env", "LC_ALL=C", "systemctl", "status", "--no-pager", machine.unit],
    );
    const journal = await command(
      "journalctl",
      "--no-pager",
      "-o",
      "cat",
      `--unit=${machine.unit}`,
    );
    for (const { stdout, stderr } of [listed, run, units, journal]) expectSafe(stdout + stderr);
  });
});

describe("text of a job", () => {
  test("in the names that it gives: errors, the journal and its fields", async () => {
    const id = uniqueName();
    const ended = await runner.call("prepare", "--id", id, EVIL);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain("\\x1b]0;owned");
    expectSafe(ended.stderr);
    const journal = await command(
      ...[
        "journalctl",
        "--no-pager",
        "-o",
        "json",
        `MACHINE=${id}`,
        "SYSLOG_IDENTIFIER=nspawn-runner",
      ],
    );
    const messages = journal.stdout
      .trim()
      .split("\n")
      .map((line) => String(JSON.parse(line).MESSAGE));
    expect(messages.join("\n")).toContain("\\x1b]0;owned");
    for (const message of messages) expectSafe(message);
  });

  test("on its console, when it does not boot", async () => {
    const name = uniqueName();
    const tree = `${PLACE.root}/${name}`;
    later(() => command("rm", "-rf", tree));
    await command("cp", "-a", `${PLACE.root}/nobash`, tree);
    mkdirSync(`${tree}/usr/lib/systemd`, { recursive: true });
    writeFileSync(`${tree}/evil`, `${EVIL}\n`);
    writeFileSync(`${tree}/usr/lib/systemd/systemd`, "#!/bin/sh\ncat /evil\nexit 1\n", {
      mode: 0o755,
    });
    const ended = await runner.call("prepare", "--id", uniqueName(), name);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain("On its console: ");
    expectSafe(ended.stderr);
  });

  test("that it prints passes as it is", async () => {
    const machine = await runner.machine("nobash");
    const file = scriptFile(
      `#!/bin/sh\nprintf '%s' '${EVIL.replaceAll("'", "")}'; printf '\\000\\377\\376'`,
    );
    const printed = `/tmp/${uniqueName()}`;
    later(() => command("rm", "-f", printed));
    const run = 'exec nspawn-runner run --id "$1" "$2" >"$3"';
    expect((await command("sh", "-c", run, "sh", machine.name, file, printed)).code).toBe(0);
    const bytes = readFileSync(printed);
    const wanted = [Buffer.from(EVIL), Buffer.from([0, 0xff, 0xfe])];
    expect(bytes.equals(Buffer.concat(wanted))).toBe(true);
  });
});

/** Of a process and its children that it has waited for, the most that one ever had in memory, in KiB. */
const PEAK = "resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss";

/** Bytes of stdout, their sum and the most memory of `run` of a script. */
async function measure(machine: string, script: string) {
  const reader = `
import hashlib, resource, subprocess, sys
one = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
total, sums = 0, hashlib.sha256()
while chunk := one.stdout.read(1 << 20):
    total += len(chunk); sums.update(chunk)
one.wait()
print(one.returncode, total, sums.hexdigest(), ${PEAK})`;
  const argv = ["nspawn-runner", "run", "--id", machine, scriptFile(script)];
  const { stdout, stderr } = await command("python3", "-c", reader, ...argv);
  expect(stderr).toBe("");
  const [code, bytes, sum, peakKib] = stdout.trim().split(" ");
  return { code: Number(code), bytes: Number(bytes), sum, peakKib: Number(peakKib) };
}

describe("much output", () => {
  const SIZE = (SOAKS ? 10 * 1024 : 128) * 1024 * 1024;

  test.each([
    ["at full speed", `yes 0123456789abcdef | head -c ${SIZE}`],
    ["in one line", `tr '\\000' x </dev/zero | head -c ${SIZE}`],
    ["of NUL alone", `head -c ${SIZE} /dev/zero`],
    ["that is no UTF-8", `tr '\\000' '\\377' </dev/zero | head -c ${SIZE}`],
  ])(
    "%s takes no more than 50 MiB more, and comes whole",
    async (_what, produce) => {
      const machine = await runner.machine("nobash");
      const little = await measure(machine.name, "#!/bin/sh\necho little");
      const much = await measure(machine.name, `#!/bin/sh\n${produce}`);
      const here = await command("sh", "-c", `(${produce}) | sha256sum`);
      expect(much).toMatchObject({ code: 0, bytes: SIZE });
      expect(here.stdout).toStartWith(String(much.sum));
      expect(much.peakKib - little.peakKib).toBeLessThan(50 * 1024);
    },
    600_000,
  );
});

test("what a job prints as marks of ours is a line of its own script", async () => {
  const machine = await runner.machine("nobash");
  const forged =
    "section_start:1:prepare_executor\\r\\033[0K\\nsection_end:99999999999999999999:x\\r\\033[0K\\n";
  const ended = await machine.run(`#!/bin/sh\nprintf '${forged}'; echo 'exited 0'; exit 7`);
  // Nothing of ours is around it: the sections are GitLab Runner's.
  expect(ended.stdout).toBe(
    "section_start:1:prepare_executor\r\x1b[0K\nsection_end:99999999999999999999:x\r\x1b[0K\nexited 0\n",
  );
  expect(ended.code).toBe(1);
});

test("a console that is flooded leaves little in the host's journal, and nothing of another level", async () => {
  const machine = await runner.machine("nosystemd");
  const flood = await machine.run(
    "#!/bin/bash\nfor i in $(seq 20000); do printf '<0>forged %s\\n' $i; done >/dev/console 2>/dev/null; true",
  );
  expect(flood.code).toBe(0);
  await command("journalctl", "--sync");
  const argv = ["journalctl", "--no-pager", `--unit=${machine.unit}`];
  const all = await command(...argv, "-o", "cat");
  expect(all.stdout.length).toBeLessThan(1024 * 1024);
  expect((await command(...argv, "--priority=0..2", "-o", "cat")).stdout).toBe("");
  expect(readFileSync("/proc/sys/kernel/printk_ratelimit", "utf8").trim()).not.toBe("0");
});
