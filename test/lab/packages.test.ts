/** Packages that a job adds to its image: installed once, cloned ever after, on btrfs and overlay. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { openDeclared } from "./declare.ts";
import {
  cleanUpAfterEach,
  command,
  later,
  openRunner,
  PLACES,
  start,
  uniqueName,
} from "./harness.ts";

cleanUpAfterEach();

const SCRIPT = "#!/bin/sh\nhello; cat /etc/made; ls -A /var/lib/apt/lists /tmp";

/**
 * An image whose package manager is apt in name: the real one takes seconds a time, and is tried once
 * below. It installs what it has, which is "hello", and a mark that tells one installation from
 * another.
 */
const FAKE_APT = `#!/bin/sh
case "$*" in
  *update*) [ ! -e /etc/unreachable ] || { echo "E: cannot reach the mirror" >&2; exit 100; } ;;
  *"install -- "*hello)
    printf '#!/bin/sh\\necho hello\\n' >/bin/hello
    chmod +x /bin/hello
    cat /proc/sys/kernel/random/uuid >/etc/made
    ;;
  *install*) echo "E: Unable to locate package" >&2; exit 100 ;;
esac`;

const create = (place: { readonly root: string }, more = ""): Record<string, unknown> => ({
  create: {
    command: `cp -a ${place.root}/nobash/. "$1"\ncat >"$1/bin/apt-get" <<'END'\n${FAKE_APT}\nEND\nchmod +x "$1/bin/apt-get"\ncd "$1"\n${more}`,
  },
});

const kept = (root: string): string[] =>
  existsSync(`${root}/.packages`)
    ? readdirSync(`${root}/.packages`).filter((name) => !name.includes("."))
    : [];

const removeKept = (root: string): Promise<unknown> =>
  command(
    "bash",
    "-c",
    `for tree in ${root}/.packages/*; do btrfs -q subvolume delete "$tree" 2>/dev/null || rm -rf "$tree"; done`,
  );

describe.each(PLACES.filter(({ kind }) => kind !== "tmpfs"))("packages on $kind", (place) => {
  afterAll(() => removeKept(place.root));

  const prepare = async (
    runner: ReturnType<typeof openRunner>,
    image: string,
    packages: string,
  ): Promise<{ name: string; code: number; stderr: string; output: string }> => {
    const name = uniqueName();
    later(() => runner.call("cleanup", "--id", name));
    // As a job asks for it: by its variable.
    const prepared = await start(["nspawn-runner", "prepare", "--id", name, image], {
      ...runner.environment,
      CUSTOM_ENV_NSPAWN_PACKAGES: packages,
    }).ended;
    if (prepared.code !== 0) return { ...prepared, name, output: "" };
    const script = (await command("mktemp")).stdout.trim();
    await Bun.write(script, SCRIPT);
    const ran = await runner.call("run", "--id", name, script);
    return { ...prepared, name, output: ran.stdout };
  };

  test("are installed by the first job, and cloned for the next ones", async () => {
    const { runner, declare } = openDeclared(place);
    declare("extended", create(place));
    await runner.call("chroot-create");
    const first = await prepare(runner, "extended", "hello");
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining("Adding hello") });
    expect(first.output).toMatch(/^hello\n[0-9a-f-]{36}\n/);
    const second = await prepare(runner, "extended", " hello  hello ");
    expect(second.stderr).not.toContain("Adding");
    expect(second.output).toBe(first.output);
    // The image itself has nothing of it, and no job ever sees another's changes.
    const plain = await runner.machine("extended");
    expect((await plain.run("#!/bin/sh\nls /bin/hello")).code).toBe(1);
  });

  test("are installed once for two jobs that ask at the same time", async () => {
    const { runner, declare } = openDeclared(place);
    declare("together", create(place, "sed -i 's/^case/sleep 1; case/' bin/apt-get"));
    await runner.call("chroot-create");
    const both = await Promise.all([
      prepare(runner, "together", "hello"),
      prepare(runner, "together", "hello"),
    ]);
    const [one, other] = both;
    expect(one?.output).toMatch(/^hello\n[0-9a-f-]{36}\n/);
    expect(other?.output).toBe(one?.output ?? "");
    const said = both.map(({ stderr }) => stderr).join("");
    expect(said).toContain("which installs the same packages");
  });

  test("are installed anew when the image changes, and what was goes", async () => {
    const { runner, declare } = openDeclared(place);
    declare("changing", create(place));
    await runner.call("chroot-create");
    const before = await prepare(runner, "changing", "hello");
    const old = kept(place.root);
    await runner.call("cleanup", "--id", before.name);
    declare("changing", create(place, "echo 2 >etc/second"));
    await runner.call("chroot-maintenance");
    const after = await prepare(runner, "changing", "hello");
    expect(after.stderr).toContain("Adding hello");
    expect(after.output).not.toBe(before.output);
    expect(old.filter((key) => kept(place.root).includes(key))).toEqual([]);
  });
});

const btrfs = { kind: "btrfs", root: "/fs/btrfs/root" } as const;

describe("what a job may ask for", () => {
  afterAll(() => removeKept(btrfs.root));

  const ask = async (more: string, packages: string) => {
    const { runner, declare } = openDeclared(btrfs, more);
    declare("asked", create(btrfs));
    await runner.call("chroot-create");
    const name = uniqueName();
    later(() => runner.call("cleanup", "--id", name));
    return runner.call("prepare", "--id", name, "asked", "--packages", packages);
  };

  test.each([
    ["-y hello", '"-y" in NSPAWN_PACKAGES cannot be the name of a package'],
    ["hello;reboot", "cannot be the name of a package"],
    ["hello ./x.deb", "cannot be the name of a package"],
    ["nonesuch", "Unable to locate package"],
  ])("%j is the author's fault, and leaves nothing", async (packages, words) => {
    const refused = await ask("", packages);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(words) });
    expect(readdirSync(`${btrfs.root}/.drafts`)).toEqual([]);
  });

  test("an administrator can switch it off", async () => {
    const refused = await ask("job_packages = false\n", "hello");
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("may not add") });
  });

  test("a repository that cannot be reached is not the author's fault", async () => {
    const { runner, declare } = openDeclared(btrfs);
    declare("cut-off", create(btrfs, ": >etc/unreachable"));
    await runner.call("chroot-create");
    const name = uniqueName();
    const refused = await runner.call("prepare", "--id", name, "cut-off", "--packages", "hello");
    expect(refused.code).toBe(2);
  });

  test("the least recently used go first", async () => {
    await removeKept(btrfs.root);
    const { runner, declare } = openDeclared(btrfs, "job_packages_count = 2\n");
    for (const image of ["first", "second", "third"]) {
      declare(image, create(btrfs, `echo ${image} >etc/image`));
    }
    await runner.call("chroot-create");
    const use = async (image: string): Promise<string> => {
      const name = uniqueName();
      const { stderr } = await runner.call("prepare", "--id", name, image, "--packages", "hello");
      await runner.call("cleanup", "--id", name);
      return stderr;
    };
    await use("first");
    await use("second");
    await use("first");
    expect(await use("third")).toContain("Adding hello");
    expect(kept(btrfs.root)).toHaveLength(2);
    expect(await use("first")).not.toContain("Adding");
    expect(await use("second")).toContain("Adding hello");
  });

  test("apt itself installs a package of Debian", async () => {
    const runner = openRunner(btrfs);
    const name = uniqueName();
    later(() => runner.call("cleanup", "--id", name));
    const prepared = await runner.call("prepare", "--id", name, "trixie", "--packages", "hello");
    expect(prepared).toMatchObject({ code: 0, stderr: expect.stringContaining("Adding hello") });
    const script = (await command("mktemp")).stdout.trim();
    await Bun.write(
      script,
      "#!/bin/sh\nhello -g Hi; ls -A /var/lib/apt/lists; dpkg -s hello | grep ^Status",
    );
    const ran = await runner.call("run", "--id", name, script);
    expect(ran.stdout).toBe("Hi\nStatus: install ok installed\n");
  });
});
