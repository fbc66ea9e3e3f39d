/** `chroot-login`, as a person has it in a terminal and a script in a pipe. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import {
  awaitUnitsGone,
  cleanUpAfterEach,
  command,
  later,
  mustBash,
  openRunner,
  PLACES,
  type Place,
  type Runner,
  uniqueName,
} from "./harness.ts";
import { openTerminal } from "./terminal.ts";

cleanUpAfterEach();

/** A hand-made image of Debian without an init, that `change` was done to. */
async function openImage(place: Place, change = ":"): Promise<string> {
  const name = uniqueName();
  const tree = `${place.root}/${name}`;
  later(() => mustBash('btrfs -q subvolume delete "$1" 2>/dev/null || rm -rf "$1"', tree));
  const make = place.kind === "btrfs" ? 'btrfs -q subvolume create "$1"' : 'mkdir "$1"';
  await mustBash(`${make}; cp -a "$2/nosystemd/." "$1"; cd "$1"; ${change}`, tree, place.root);
  return name;
}

/** Nothing of any login: no machine, no unit, no clone, no draft. */
function expectNoLogin(place: Place): void {
  const list = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);
  for (const path of ["/run/nspawn-runner/machines", `${place.root}/.machines`]) {
    expect(list(path).filter((name) => name.startsWith("login-"))).toEqual([]);
  }
  expect(list(`${place.root}/.drafts`)).toEqual([]);
  awaitUnitsGone(() => loginUnits().length > 0);
  expect(loginUnits()).toEqual([]);
}

function loginUnits(): string[] {
  const list = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "--type=service"];
  const { stdout } = Bun.spawnSync([...list, "nspawn-runner-login*"]);
  return stdout
    .toString()
    .split("\n")
    .flatMap((line) => line.split(" ", 1))
    .filter(Boolean);
}

/** Its unit has ended, or whoever ended it is through. */
const awaitReleased = () =>
  mustBash("while ls /run/nspawn-runner/machines | grep -q ^login-; do :; done");

const login = (runner: Runner, image: string, mode: string, script: string) =>
  runner.call("chroot-login", image, mode, "--", "sh", "-c", script);

const places = PLACES.filter(({ kind }) => kind !== "reflink");

describe.each(places)("a login on $kind", (place) => {
  const runner = openRunner(place, 'build_memory = "1G"\nbuild_network = "private"\n');

  test("of a script has its stdin, stdout, stderr and exit code", async () => {
    const script = `
      head -c 70000 /dev/urandom >/tmp/sent
      nspawn-runner chroot-login nosystemd --discard -- sh -c 'cat; echo apart >&2; exit 42' \\
        </tmp/sent >/tmp/received 2>/tmp/said || echo $?
      cmp /tmp/sent /tmp/received; cat /tmp/said
      : | nspawn-runner chroot-login nosystemd --discard -- wc -c
      echo 'echo "$0 in $PWD"; exit 3' | nspawn-runner chroot-login nosystemd --discard || echo $?`;
    const { NSPAWN_RUNNER_CONFIG: config = "" } = runner.environment;
    const said = await mustBash(`export NSPAWN_RUNNER_CONFIG="$1"; ${script}`, config);
    expect(said).toBe("42\napart\n0\nbash in /root\n3\n");
    expectNoLogin(place);
  });

  test("gets the words of its command as they are", async () => {
    const words = ["$HOME", "$$", "${X}", "%n", "a b", "", "'", '"', "\\", "two\nlines", "ä"];
    const ended = await runner.call(
      "chroot-login",
      "nosystemd",
      "--discard",
      "--",
      "printf",
      "<%s>",
      ...words,
    );
    expect(Buffer.from(ended.stdout, "latin1").toString()).toBe(
      words.map((word) => `<${word}>`).join(""),
    );
    expect(ended).toMatchObject({ code: 0, stderr: "" });
  });

  test("is a machine as builds have it", async () => {
    const held = runner.start(
      "chroot-login",
      "nosystemd",
      "--discard",
      "--",
      "sh",
      "-c",
      "cat /proc/self/uid_map /proc/net/dev /etc/resolv.conf; hostname; echo ready; exec sleep 300",
    );
    await held.awaitOutput("ready");
    const [unit = ""] = loginUnits();
    const slice = (await mustBash('systemctl show -P Slice "$1"', unit)).trim();
    expect(await mustBash('systemctl show -P MemoryMax "$1"', slice)).toBe("1073741824\n");
    const group = await mustBash('systemctl show -P ControlGroup "$1"', unit);
    expect(group).toContain("/nspawn_runner.slice/");
    held.kill("SIGTERM");
    const { stdout, code } = await held.ended;
    expect(code).toBe(2);
    expect(stdout).not.toMatch(/^ *0 +0 /m);
    expect(stdout).toContain("host0:");
    expect(stdout).toMatch(/nosystemd\nready\n$/);
    expectNoLogin(place);
  });

  test("of a person has a terminal that can all that theirs can", async () => {
    const { environment } = runner;
    const terminal = openTerminal(
      ["nspawn-runner", "chroot-login", "nosystemd", "--discard"],
      environment,
    );
    await terminal.awaitText("root@nosystemd:~# ");
    terminal.type("stty size; echo $TERM; tty; pwd; shopt -q login_shell && echo login $-\n");
    await terminal.awaitText("30 100\r\nxterm-256color\r\n/dev/pts/0\r\n/root\r\nlogin himBH");
    terminal.resize(80, 24);
    await terminal.awaitText("root@nosystemd:~# ");
    // The window's size comes by a signal of its own.
    terminal.type("until [ \"$(stty size)\" = '24 80' ]; do :; done; echo resi''zed\n");
    await terminal.awaitText("resized");
    // By the program itself: one that is not in the foreground yet would not get the signal.
    terminal.type("sh -c 'echo sle\"\"eps; exec sleep 300'\n");
    await terminal.awaitText("sleeps");
    terminal.type("\u0003");
    await terminal.awaitText("^C");
    terminal.type("echo still he''re $?\n");
    await terminal.awaitText("still here 130");
    terminal.type("echo re''peats; cat\n");
    await terminal.awaitText("repeats");
    terminal.type("typed\n");
    await terminal.awaitText("typed\r\ntyped\r\n");
    terminal.type("\u0004");
    await terminal.awaitText("root@nosystemd:~# ");
    terminal.type("exit 7\n");
    expect(await terminal.ended).toBe(7);
    expectNoLogin(place);
  });

  test("ends with its terminal", async () => {
    const image = await openImage(place);
    const terminal = openTerminal(["nspawn-runner", "chroot-login", image], runner.environment);
    await terminal.awaitText(`root@${image}:~# `);
    terminal.type("touch /left; echo do''ne\n");
    await terminal.awaitText("done");
    terminal.close();
    await terminal.ended;
    expectNoLogin(place);
    expect(existsSync(`${place.root}/${image}/left`)).toBe(false);
  });

  test("writes files of their owners, and nothing besides", async () => {
    const image = await openImage(place);
    const look = () =>
      mustBash(`cd "$1"; find . -printf '%p %y %m %U %G %l\\n' | sort`, `${place.root}/${image}`);
    const before = await look();
    const script =
      "install -o 0 -g 0 -m 600 /dev/null /opt/a; install -o 1000 -g 5 -m 4755 /dev/null /opt/b; touch /tmp/c";
    expect(await runner.call("chroot-login", image, "--", "sh", "-c", script)).toMatchObject({
      code: 0,
    });
    const after = await look();
    const added = after.split("\n").filter((line) => !before.includes(`${line}\n`));
    expect(added).toEqual(["./opt/a f 600 0 0 ", "./opt/b f 4755 1000 5 "]);
    expect(after.split("\n").length).toBe(before.split("\n").length + 2);
    expectNoLogin(place);
  });

  test.each([
    ["a file", "echo own >etc/resolv.conf", "f own"],
    [
      "a link",
      "ln -sf ../run/systemd/resolve/stub-resolv.conf etc/resolv.conf",
      "l ../run/systemd/resolve/stub-resolv.conf",
    ],
    ["absent", "rm -f etc/resolv.conf", ""],
  ])("leaves an /etc/resolv.conf that is %s as it was", async (_what, make, expected) => {
    const image = await openImage(place, `rm -f etc/resolv.conf; ${make}`);
    const names = "grep -c ^nameserver /etc/resolv.conf";
    const ended = await runner.call(
      "chroot-login",
      image,
      "--",
      "sh",
      "-c",
      `echo nameserver 192.0.2.1 >>/dev/null; ${names} || true`,
    );
    expect(ended.code).toBe(0);
    const found = await mustBash(
      `cd "$1/etc"; find . -name resolv.conf -printf '%y %l'; [ -L resolv.conf ] || cat resolv.conf 2>/dev/null || true`,
      `${place.root}/${image}`,
    );
    expect(found.trim()).toBe(expected);
  });

  test("keeps an /etc/resolv.conf that was changed on purpose", async () => {
    const image = await openImage(place);
    await runner.call(
      "chroot-login",
      image,
      "--",
      "sh",
      "-c",
      "echo nameserver 192.0.2.1 >/etc/resolv.conf",
    );
    expect(await mustBash('cat "$1/etc/resolv.conf"', `${place.root}/${image}`)).toBe(
      "nameserver 192.0.2.1\n",
    );
  });

  test("that only looks cannot write", async () => {
    const ended = await login(
      runner,
      "nosystemd",
      "--read-only",
      "touch /etc/x; mount -o remount,rw / ; mount -o remount,bind,rw /; touch /etc/x; echo x >>/etc/passwd; test ! -e /etc/x",
    );
    expect(ended.stderr).toContain("Read-only file system");
    expect(ended.code).toBe(0);
    expectNoLogin(place);
  });

  test("goes beside others, of the same image too", async () => {
    const hold = "echo in; exec sleep 300";
    const held = ["--discard", "--read-only"].map((mode) =>
      runner.start("chroot-login", "nosystemd", mode, "--", "bash", "-c", hold),
    );
    for (const one of held) {
      later(() => one.kill("SIGTERM"));
      await one.awaitOutput("in\n");
    }
    const third = await login(runner, "nosystemd", "--discard", "echo third; exit 9");
    expect(third).toMatchObject({ code: 9, stdout: "third\n" });
    expect(await login(runner, "nobash", "--read-only", "echo other")).toMatchObject({
      stdout: "other\n",
    });
    for (const one of held) one.kill("SIGTERM");
    for (const one of held) expect((await one.ended).code).toBe(2);
    expectNoLogin(place);
  });

  test("that changes an image is the only one, and the next is told whose turn it is", async () => {
    const image = await openImage(place);
    const first = runner.start("chroot-login", image, "--", "sh", "-c", "echo in; exec sleep 300");
    later(() => first.kill("SIGTERM"));
    await first.awaitOutput("in\n");
    const second = await runner.call("chroot-login", image, "--", "true");
    expect(second.stderr).toMatch(
      /^ERROR: Cannot change the image ".*": process \d+ \("nspawn-runner chroot-login /,
    );
    expect(second.code).toBe(2);
    first.kill("SIGTERM");
    await first.ended;
    expect(await runner.call("chroot-login", image, "--", "true")).toMatchObject({ code: 0 });
    expectNoLogin(place);
  });

  test("whose machine is killed changes nothing, leaves nothing, and is no obstacle", async () => {
    const image = await openImage(place);
    const held = runner.start(
      "chroot-login",
      image,
      "--",
      "sh",
      "-c",
      "touch /left; echo in; exec sleep 300",
    );
    later(() => held.kill("SIGKILL"));
    await held.awaitOutput("in\n");
    await mustBash('systemctl kill --kill-whom=main --signal=KILL "$1"', loginUnits()[0] ?? "");
    expect((await held.ended).code).not.toBe(0);
    expectNoLogin(place);
    expect(
      await runner.call("chroot-login", image, "--", "test", "!", "-e", "/left"),
    ).toMatchObject({ code: 0 });
  });

  test("that was cut off is not left with success: nothing is published", async () => {
    const image = await openImage(place);
    const end = 'kill -TERM "$(pgrep -P "$1" -x systemd-run)"';
    const script = "touch /left; echo in; exec sleep 300";
    const held = runner.start("chroot-login", image, "--", "sh", "-c", script);
    later(() => held.kill("SIGKILL"));
    await held.awaitOutput("in\n");
    await mustBash(end, String(held.pid));
    const { code, stderr } = await held.ended;
    expect(stderr).toContain("was cut off: it had not ended by itself.");
    expect(code).toBe(2);
    // With a terminal systemd-run ends with 0 then, and leaves the shell at its prompt.
    const terminal = openTerminal(["nspawn-runner", "chroot-login", image], runner.environment);
    await terminal.awaitText(`root@${image}:~# `);
    terminal.type("touch /left; echo do''ne\n");
    await terminal.awaitText("done");
    await mustBash(end, String(terminal.pid));
    await terminal.awaitText("was cut off");
    expect(await terminal.ended).toBe(2);
    expectNoLogin(place);
    expect(existsSync(`${place.root}/${image}/left`)).toBe(false);
  });

  test("that never began is a failure of the host's, not an exit code of theirs", async () => {
    const image = await openImage(place, "rm -f bin/sh usr/bin/sh");
    const ended = await runner.call("chroot-login", image, "--discard", "--", "true");
    expect(ended.stderr).toContain("never began.");
    expect(ended.code).toBe(2);
    expectNoLogin(place);
  });

  test.each(["--discard", "--read-only"])(
    "%s that is killed leaves nothing behind",
    async (mode) => {
      const held = runner.start(
        "chroot-login",
        "nosystemd",
        mode,
        "--",
        "sh",
        "-c",
        "echo in; exec sleep 300",
      );
      await held.awaitOutput("in\n");
      held.kill("SIGKILL");
      expect(await login(runner, "nosystemd", mode, "echo next")).toMatchObject({
        stdout: "next\n",
      });
      await awaitReleased();
      await held.ended;
      expectNoLogin(place);
    },
  );

  test("that changes an image and is killed leaves what the next one removes", async () => {
    const image = await openImage(place);
    const held = runner.start(
      "chroot-login",
      image,
      "--",
      "sh",
      "-c",
      "touch /left; echo in; exec sleep 300",
    );
    await held.awaitOutput("in\n");
    held.kill("SIGKILL");
    expect(
      await runner.call("chroot-login", image, "--", "test", "!", "-e", "/left"),
    ).toMatchObject({ code: 0 });
    await held.ended;
    expectNoLogin(place);
  });
});

test("passes on the terminal's kind and a language that the image has, and nothing else", async () => {
  const [place] = PLACES;
  if (place === undefined) throw new Error("no place");
  const { environment } = openRunner(place);
  const show = [
    "nspawn-runner",
    "chroot-login",
    "nosystemd",
    "--discard",
    "--",
    "sh",
    "-c",
    "echo $TERM $LANG $SECRET $LD_PRELOAD",
  ];
  const words = async (more: Record<string, string>): Promise<string> => {
    const set = Object.entries(more).map(([name, value]) => `${name}=${value}`);
    return (
      await command(
        "env",
        `NSPAWN_RUNNER_CONFIG=${environment.NSPAWN_RUNNER_CONFIG}`,
        ...set,
        ...show,
      )
    ).stdout;
  };
  expect(await words({ TERM: "vt220", LANG: "C", SECRET: "s" })).toBe("vt220 C\n");
  expect(await words({ TERM: "vt220", LANG: "xx_XX.UTF-8" })).toBe("vt220 C.UTF-8\n");
  expect(await words({ TERM: "$(id)", LANG: "de_DE", LC_ALL: "C.UTF-8" })).toBe("C.UTF-8\n");
});
