/** What machines with a network of their own reach, and that nothing of it outlives them. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import {
  cleanUpAfterEach,
  command,
  expectNothingLeft,
  findMirror,
  later,
  type Machine,
  must,
  openRunner,
  type Place,
  start,
  uniqueName,
} from "./harness.ts";

cleanUpAfterEach();

const BTRFS: Place = { kind: "btrfs", root: "/fs/btrfs/root" };
const OVERLAY: Place = { kind: "overlay", root: "/fs/ext4/root" };
const PRIVATE = 'network = "private"\n';
const PAIRS = "/run/nspawn-runner/address-pairs";
const TABLE = ["inet", "nspawn_runner"];

/** A command that has to succeed; what it printed. */
/** A name outside that a machine has to reach: where this lab's packages come from. */
async function mirrorHost(): Promise<string> {
  return new URL(await findMirror()).hostname;
}

/** The machine's interface on the host, and its two addresses, from what it holds. */
function linkOf(machine: Machine): {
  readonly name: string;
  readonly host: string;
  readonly own: string;
} {
  const name = readdirSync(PAIRS).find(
    (entry) => readlinkSync(`${PAIRS}/${entry}`) === machine.name,
  );
  const number = Number.parseInt(name?.slice("nsr-".length) ?? "", 16);
  const text = (address: number): string =>
    [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
  return { name: name ?? "", host: text(number), own: text(number + 1) };
}

/** The kernel removes an interface soon after the last process of its namespace. */
async function expectInterfaceGone(name: string): Promise<void> {
  await must("timeout", "10", "bash", "-c", `while [ -e /sys/class/net/${name} ]; do :; done`);
}

/** A web server on all addresses of the host, or of where `inside` leads, which answers "here". */
async function serve(port: number, inside: readonly string[] = []): Promise<void> {
  const directory = (await must("mktemp", "-d")).trim();
  later(() => command("rm", "-r", directory));
  await must("bash", "-c", `echo here > ${directory}/index.html`);
  const server = start([...inside, "busybox", "httpd", "-f", "-p", String(port), "-h", directory]);
  later(async () => {
    server.kill("SIGKILL");
    await server.ended;
  });
  const poll = `until curl -so /dev/null localhost:${port}; do :; done`;
  await must(...inside, "timeout", "10", "bash", "-c", poll);
}

/** Serves "mine" at port 80; a machine of image trixie. */
const serveInMachine = (machine: Machine): Promise<unknown> =>
  machine.run(`
    mkdir /root/web; cd /root/web; echo mine > index.html
    python3 -m http.server 80 > /dev/null 2>&1 &
    until curl -so /dev/null localhost; do :; done
  `);

// 7: refused at once, not after a time-out.
const REFUSED = "7\n";
const ask = (url: string): string => `curl -s -m 5 ${url}; echo $?`;

describe.each([
  { place: BTRFS, image: "trixie" },
  { place: BTRFS, image: "nosystemd" },
  { place: OVERLAY, image: "trixie" },
  { place: OVERLAY, image: "nosystemd" },
])("a machine of $image on $place.kind", ({ place, image }) => {
  test("reaches the outside, has port 80, and its link dies with it", async () => {
    const runner = openRunner(place, PRIVATE);
    const machine = await runner.machine(image);
    const link = linkOf(machine);
    const looked = await machine.run(`
      cat /sys/class/net/*/mtu | sort -n | head -n 1
      ls /sys/class/net
      getent hosts ${await mirrorHost()} > /dev/null && echo resolves
      perl -MIO::Socket::INET -e 'IO::Socket::INET->new(LocalPort => 80, Listen => 1) or die' && echo port 80
      perl -MSocket=:all -e 'socket(S, PF_INET6, SOCK_STREAM, 0); bind(S, pack_sockaddr_in6(80, IN6ADDR_LOOPBACK)) or die' && echo IPv6 on loopback
      grep -c host0 /proc/net/if_inet6
      echo "nameserver 192.0.2.1" > /etc/resolv.conf && echo its own resolv.conf
    `);
    const uplink = (await must("bash", "-c", "cat /sys/class/net/eth0/mtu")).trim();
    expect(looked.stdout).toBe(
      `${uplink}\nhost0\nlo\nresolves\nport 80\nIPv6 on loopback\n0\nits own resolv.conf\n`,
    );
    expect(await must("ip", "-brief", "address", "show", link.name)).toContain(`${link.host}/31`);
    const again = await runner.machine(image);
    const updated = await again.run("apt-get -q update 2>&1");
    expect(updated.stdout).toContain("Reading package lists...");
    expect(updated.stdout).not.toMatch(/^(Err|W|E):/m);
    expect((await runner.call("cleanup", "--id", machine.name)).code).toBe(0);
    expectNothingLeft(place, machine.name);
    await expectInterfaceGone(link.name);
  });
});

const runner = openRunner(BTRFS, PRIVATE);

describe("two machines", () => {
  test("reach neither the host, nor each other, nor link-local addresses", async () => {
    await must("ip", "address", "add", "169.254.169.254/32", "dev", "lo");
    later(() => must("ip", "address", "del", "169.254.169.254/32", "dev", "lo"));
    await serve(8085);
    const [one, other] = await Promise.all([runner.machine("trixie"), runner.machine("trixie")]);
    await Promise.all([serveInMachine(one), serveInMachine(other)]);
    const [link, otherLink] = [linkOf(one), linkOf(other)];
    expect(link.own).not.toBe(otherLink.own);

    // What is refused below is there for those who may.
    expect(await must("curl", "-s", "-m", "5", `http://${link.own}/`)).toBe("mine\n");
    const [uplink = ""] =
      /\d+\.\d+\.\d+\.\d+/.exec(await must("ip", "-4", "-br", "addr", "show", "eth0")) ?? [];
    for (const address of [uplink, link.host, otherLink.host, "169.254.169.254"]) {
      expect(await must("curl", "-s", "-m", "5", `http://${address}:8085/`)).toBe("here\n");
      expect((await one.run(ask(`http://${address}:8085/`))).stdout).toBe(REFUSED);
    }
    expect((await one.run(ask(`http://${otherLink.own}/`))).stdout).toBe(REFUSED);
    expect((await one.run(ask("http://169.254.7.7/"))).stdout).toBe(REFUSED);
    expect((await one.run(`getent hosts ${await mirrorHost()} > /dev/null; echo $?`)).stdout).toBe(
      "0\n",
    );
  });

  test("cannot take another's address, nor speak IPv6 to the host", async () => {
    const [one, other] = await Promise.all([runner.machine("trixie"), runner.machine("trixie")]);
    const [link, otherLink] = [linkOf(one), linkOf(other)];
    const senders = [
      `ip saddr ${link.own}`,
      `ip saddr ${otherLink.own}`,
      "ip saddr 198.51.100.7",
      "ip6 saddr fd00:77::2",
    ];
    const count = senders.map((sender) => `iifname ${link.name} ${sender} counter;`).join(" ");
    // What comes out of the machine is counted before our rules, and behind them.
    later(() => must("nft", "delete", "table", "inet", "observed"));
    await must(
      "nft",
      `table inet observed {
        chain before { type filter hook prerouting priority raw; ${count} };
        chain behind { type filter hook prerouting priority filter; ${count} };
      }`,
    );
    const seen = async (chain: string): Promise<boolean[]> => {
      const listed = await must("nft", "list", "chain", "inet", "observed", chain);
      return Array.from(listed.matchAll(/packets (\d+)/g), ([, packets]) => packets !== "0");
    };
    await must("ip", "-6", "address", "add", "fd00:77::1/64", "dev", link.name, "nodad");
    await one.run(`
      ip address add ${otherLink.own}/32 dev host0
      ip address add 198.51.100.7/32 dev host0
      ip -6 address add fd00:77::2/64 dev host0 nodad
      send() {
        python3 -c 'import socket, sys; socket.create_connection(sys.argv[1:3], 1, (sys.argv[3], 0))' "$@"
      }
      for from in ${link.own} ${otherLink.own} 198.51.100.7; do send 192.0.2.1 53 $from; done
      send fd00:77::1 53 fd00:77::2
      true
    `);
    expect(await seen("before")).toEqual([true, true, true, true]);
    expect(await seen("behind")).toEqual([true, false, false, false]);
  });
});

test("a network beside the host is reached from a machine, and does not reach it", async () => {
  later(() => must("ip", "netns", "del", "beside"));
  await must("ip", "netns", "add", "beside");
  await must(
    "ip",
    "link",
    "add",
    "beside0",
    "type",
    "veth",
    "peer",
    "name",
    "far",
    "netns",
    "beside",
  );
  await must("ip", "address", "add", "198.51.100.1/24", "dev", "beside0");
  await must("ip", "link", "set", "beside0", "up");
  const beside = ["ip", "netns", "exec", "beside"];
  await must(...beside, "ip", "address", "add", "198.51.100.2/24", "dev", "far");
  await must(...beside, "ip", "link", "set", "lo", "up");
  await must(...beside, "ip", "link", "set", "far", "up");
  await must(...beside, "ip", "route", "add", "default", "via", "198.51.100.1");
  await serve(8087, beside);

  const machine = await runner.machine("trixie");
  await serveInMachine(machine);
  expect((await machine.run(ask("http://198.51.100.2:8087/"))).stdout).toBe("here\n0\n");
  const url = `http://${linkOf(machine).own}/`;
  expect(await must("curl", "-s", "-m", "5", url)).toBe("mine\n");
  // 28: no answer.
  expect((await command(...beside, "curl", "-s", "-m", "2", url)).code).toBe(28);
});

describe("the end of a machine", () => {
  test("by kill -9 leaves nothing", async () => {
    const machine = await runner.machine("trixie");
    const link = linkOf(machine);
    await must("systemctl", "kill", "--signal=KILL", machine.unit);
    await expectInterfaceGone(link.name);
    await must(
      "timeout",
      "10",
      "bash",
      "-c",
      `until [ "$(systemctl show -P ActiveState '${machine.unit}')" = inactive ]; do :; done`,
    );
    expect(readdirSync(PAIRS)).not.toContain(link.name);
  });

  test("is gc's to tidy where a driver died before there was a machine", async () => {
    const name = uniqueName();
    await must("mkdir", "-p", `/run/nspawn-runner/machines/${name}`, PAIRS);
    await must("ln", "-s", name, `${PAIRS}/nsr-0ad5fffe`);
    expect((await runner.call("gc")).code).toBe(0);
    expectNothingLeft(BTRFS, name);
  });

  test("a machine that does not boot is told of as such, and leaves nothing", async () => {
    later(() => command("btrfs", "subvolume", "delete", "/fs/btrfs/root/unbootable"));
    await must("btrfs", "subvolume", "create", "/fs/btrfs/root/unbootable");
    await must("mkdir", "-p", "/fs/btrfs/root/unbootable/usr/lib/systemd");
    await must("cp", "/bin/false", "/fs/btrfs/root/unbootable/usr/lib/systemd/systemd");
    const name = uniqueName();
    const ended = await runner.call("prepare", "--id", name, "unbootable");
    expect(ended).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`Cannot boot machine "${name}".`),
    });
    expectNothingLeft(BTRFS, name);
  });
});

/** Else who watches for machines of other tests may make the table again, and be told what is asked for. */
const stopWatcher = (): Promise<unknown> =>
  command("systemctl", "stop", "nspawn-runner-watch-firewall.service");

describe("the host's firewall", () => {
  test("may be loaded anew or changed: the next machine, or gc, makes it as it was", async () => {
    const machine = await runner.machine("nosystemd");
    const made = await must("nft", "-t", "list", "table", ...TABLE);
    for (const change of [
      ["flush", "ruleset"],
      ["flush", "table", ...TABLE],
      ["insert", "rule", ...TABLE, "from_machines", "accept"],
    ]) {
      await must("nft", ...change);
      await runner.machine("nosystemd");
      expect(await must("nft", "-t", "list", "table", ...TABLE)).toBe(made);
    }
    await must("nft", "flush", "ruleset");
    expect((await runner.call("gc")).code).toBe(0);
    expect(await must("nft", "-t", "list", "table", ...TABLE)).toBe(made);
    const updated = await machine.run("apt-get -q update 2>&1");
    expect(updated.stdout).not.toMatch(/^(Err|W|E):/m);
  });

  test("is not touched for a machine when all is as it was", async () => {
    await runner.machine("nosystemd");
    const handles = await must("nft", "-t", "--handle", "list", "table", ...TABLE);
    await runner.machine("nosystemd");
    expect(await must("nft", "-t", "--handle", "list", "table", ...TABLE)).toBe(handles);
  });

  test("of Docker lets machines out, by rules that are made once", async () => {
    later(() => must("nft", "delete", "table", "ip", "filter"));
    await must(
      "nft",
      "table ip filter { chain DOCKER-USER { }; chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; }; }",
    );
    later(() => must("rm", "/run/docker.sock"));
    await must("touch", "/run/docker.sock");
    await stopWatcher();
    await must("nft", "delete", "table", ...TABLE);
    const name = uniqueName();
    later(() => runner.call("cleanup", "--id", name));
    const prepared = await runner.call("prepare", "--id", name, "nosystemd");
    expect(prepared.stderr).not.toContain("WARNING");
    const machine = await runner.machine("nosystemd");
    const updated = await machine.run("apt-get -q update 2>&1");
    expect(updated.stdout).not.toMatch(/^(Err|W|E):/m);
    const rules = await must("nft", "list", "chain", "ip", "filter", "DOCKER-USER");
    expect(rules.match(/comment "nspawn-runner"/g)).toHaveLength(2);
    expect(rules).toContain('iifname "nsr-*" oifname "eth0"');
  });

  test("that drops what it forwards is told of", async () => {
    later(() => must("nft", "delete", "table", "inet", "strict"));
    await must(
      "nft",
      "table inet strict { chain forward { type filter hook forward priority filter; policy drop; }; }",
    );
    await stopWatcher();
    await command("nft", "delete", "table", ...TABLE);
    const name = uniqueName();
    later(() => runner.call("cleanup", "--id", name));
    const prepared = await runner.call("prepare", "--id", name, "nosystemd");
    expect(prepared.code).toBe(0);
    expect(prepared.stderr).toContain(
      `WARNING: The host's firewall drops forwarded packets (chain "inet strict forward")`,
    );
  });
});

describe("what a host has to have", () => {
  test("a range that is in use is refused, with the setting and one that is free", async () => {
    later(() => must("ip", "route", "del", "10.213.40.0/24"));
    await must("ip", "route", "add", "10.213.40.0/24", "dev", "eth0");
    const name = uniqueName();
    const ended = await runner.call("prepare", "--id", name, "nosystemd");
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(
      `10.213.0.0/16, is in use on this host: it has a route to 10.213.40.0/24 by "eth0".`,
    );
    expect(ended.stderr).toContain("Set network_range in the configuration");
    expect(ended.stderr).toContain('such as "172.29.0.0/16"');
    expectNothingLeft(BTRFS, name);
    const elsewhere = openRunner(BTRFS, `${PRIVATE}network_range = "172.29.0.0/16"\n`);
    const machine = await elsewhere.machine("nosystemd");
    expect(linkOf(machine).own).toStartWith("172.29.");
    const updated = await machine.run("apt-get -q update 2>&1");
    expect(updated.stdout).not.toMatch(/^(Err|W|E):/m);
  });

  test("a range that leads nowhere is free, and a default route that does is no uplink", async () => {
    const [usual = ""] = (await must("ip", "route", "show", "default")).split("\n");
    const routes = [
      ["blackhole", "10.213.0.0/16"],
      ["unreachable", "default", "metric", "4"],
    ];
    later(async () => {
      for (const route of routes) await command("ip", "route", "del", ...route);
      await must("ip", "route", "replace", ...usual.trim().split(" "));
    });
    for (const route of routes) await must("ip", "route", "add", ...route);
    // Behind what leads nowhere: the host itself reaches nothing by it, and prepare does not mind.
    await must("ip", "route", "add", ...usual.trim().split(" "), "metric", "5");
    later(() => command("ip", "route", "del", ...usual.trim().split(" "), "metric", "5"));
    await must("ip", "route", "del", ...usual.trim().split(" "));
    const machine = await runner.machine("trixie");
    const mtu = readFileSync("/sys/class/net/eth0/mtu", "utf8");
    expect((await machine.run("cat /sys/class/net/host0/mtu")).stdout).toBe(mtu);
    await serveInMachine(machine);
    expect(await must("curl", "-s", "-m", "5", `http://${linkOf(machine).own}/`)).toBe("mine\n");
  });

  test.each([
    ["nft", "nftables"],
    ["ip", "iproute2"],
  ])(
    "without %s the package is named, and the host's network needs none",
    async (missing, packageName) => {
      const directory = (await must("mktemp", "-d")).trim();
      later(() => command("rm", "-r", directory));
      await must(
        "bash",
        "-c",
        `for program in /usr/sbin/* /usr/bin/*; do ln -s $program ${directory}/ 2> /dev/null; done; rm ${directory}/${missing}`,
      );
      const name = uniqueName();
      const prepare = ["/usr/local/bin/nspawn-runner", "prepare", "--id", name, "nosystemd"];
      const ended = await start(prepare, { ...runner.environment, PATH: directory }).ended;
      expect(ended.code).toBe(2);
      expect(ended.stderr).toContain(`this host has no command "${missing}".`);
      expect(ended.stderr).toContain(`Install the package "${packageName}"`);
      expectNothingLeft(BTRFS, name);
      const plain = openRunner(BTRFS, 'network = "host"\n');
      later(() => plain.call("cleanup", "--id", name));
      expect((await start(prepare, { ...plain.environment, PATH: directory }).ended).code).toBe(0);
    },
  );

  test("an uplink's MTU is that of machines, at both ends", async () => {
    const path = "/sys/class/net/eth0/mtu";
    const usual = readFileSync(path, "utf8").trim();
    later(() => must("ip", "link", "set", "eth0", "mtu", usual));
    await must("ip", "link", "set", "eth0", "mtu", "1380");
    const machine = await runner.machine("nosystemd");
    expect((await machine.run("cat /sys/class/net/host0/mtu")).stdout).toBe("1380\n");
    expect(readFileSync(`/sys/class/net/${linkOf(machine).name}/mtu`, "utf8")).toBe("1380\n");
    const updated = await machine.run("apt-get -q update 2>&1");
    expect(updated.stdout).not.toMatch(/^(Err|W|E):/m);
  });

  test("forwarding is switched on, and said with --verbose", async () => {
    const path = "/proc/sys/net/ipv4/ip_forward";
    await must("bash", "-c", `echo 0 > ${path}`);
    const name = uniqueName();
    later(() => runner.call("cleanup", "--id", name));
    const ended = await runner.call("prepare", "--verbose", "--id", name, "nosystemd");
    expect(ended.stderr).toContain("Switched on the forwarding of IPv4 packets");
    expect(readFileSync(path, "utf8")).toBe("1\n");
  });
});

test("a machine without a network has loopback alone", async () => {
  const none = openRunner(BTRFS, 'network = "none"\n');
  for (const image of ["trixie", "nosystemd"]) {
    const machine = await none.machine(image);
    const looked = await machine.run("ls /sys/class/net; cat /proc/net/route | wc -l");
    expect(looked.stdout).toBe("lo\n1\n");
  }
});

describe("machines that images are built in", () => {
  test.each([
    ["have a network of their own", "", "test -e /sys/class/net/host0"],
    [
      "have the host's where that is set",
      'build_network = "host"\n',
      "test -e /sys/class/net/eth0",
    ],
  ])("%s", async (_title, setting, check) => {
    const definitions = (await must("mktemp", "-d")).trim();
    later(() => command("rm", "-r", definitions));
    writeFileSync(
      `${definitions}/probed.yaml`,
      `- hosts: all
  vars:
    nspawn_runner_create: {from: nosystemd}
    nspawn_runner_packages: [hello]
    nspawn_runner_test: hello && ${check}
`,
    );
    const builder = openRunner(BTRFS, `definitions_directory = "${definitions}"\n${setting}`);
    later(() => builder.call("chroot-remove", "probed"));
    const created = await builder.call("chroot-create", "probed");
    expect(created).toMatchObject({ code: 0 });
    const machine = await builder.machine("probed");
    expect((await machine.run("hello")).stdout).toBe("Hello, world!\n");
  });
});
