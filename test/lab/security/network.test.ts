/**
 * What a job with root in its machine does to the network around it: the host, other machines, a
 * cloud's metadata, the host's tables. Each attack is shown to work where nothing keeps it back.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import type { Socket } from "bun";
import {
  cleanUpAfterEach,
  command,
  later,
  type Machine,
  must,
  openRunner,
  type Place,
  scriptFile,
  start,
} from "../harness.ts";
import { hostAddress, serveNames } from "../name-server.ts";

cleanUpAfterEach();

const BTRFS: Place = { kind: "btrfs", root: "/fs/btrfs/root" };
const PAIRS = "/run/nspawn-runner/address-pairs";
const RULES = "/run/nspawn-runner/network-rules";
const TABLE = ["inet", "nspawn_runner"];

function linkOf({ name }: Machine): { name: string; host: string; own: string } {
  const link = readdirSync(PAIRS).find((entry) => readlinkSync(`${PAIRS}/${entry}`) === name) ?? "";
  const number = Number.parseInt(link.slice("nsr-".length), 16);
  const text = (address: number): string =>
    [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
  return { name: link, host: text(number), own: text(number + 1) };
}

/** A web server on an address of the host, or all, which answers "here". */
async function serve(port: number, address = "0.0.0.0"): Promise<void> {
  const directory = (await must("mktemp", "-d")).trim();
  later(() => command("rm", "-r", directory));
  await must("bash", "-c", `echo here > ${directory}/index.html`);
  const server = start([
    ...["busybox", "httpd", "-f", "-p", `${address}:${port}`, "-h", directory],
  ]);
  later(async () => {
    server.kill("SIGKILL");
    await server.ended;
  });
  const asked = address === "0.0.0.0" ? "127.0.0.1" : address;
  const poll = `until curl -so /dev/null ${asked}:${port}; do :; done`;
  await must("timeout", "10", "bash", "-c", poll);
}

/** What follows is done by a machine that nothing keeps back: the proof that an attack is one. */
async function removeRules(): Promise<void> {
  later(() => runner.call("gc"));
  await must("nft", "flush", "chain", ...TABLE, "from_machines");
}

/** Whoever watches the firewall begins another round when its nft ends. */
async function beginRound(): Promise<void> {
  await must(
    "bash",
    "-c",
    `cd /sys/fs/cgroup$(systemctl show -P ControlGroup nspawn-runner-watch-firewall)
     until for pid in $(cat cgroup.procs); do
       [ "$(cat /proc/$pid/comm)" = nft ] && kill $pid && exit 0
     done; false; do :; done`,
  );
}

/** Until a name that the machine may reach has that address. */
const knows = (link: string, address: string): string =>
  `until nft list set ${TABLE.join(" ")} ${link}-0 | grep -qF ${address}; do :; done`;

const ask = (url: string): string => `curl -s -m 3 ${url} || echo no`;
const open = openRunner(BTRFS, 'network = "host"\n');
const runner = openRunner(BTRFS);

describe("addresses of the host and its cloud", () => {
  test("every host address, its loopback by any way, and metadata are refused, and told", async () => {
    const own = ["192.0.2.200", "169.254.169.254", "100.100.100.200", "168.63.129.16"];
    for (const address of own) await hostAddress(address);
    await serve(8091);
    const unprotected = await open.machine("trixie");
    for (const address of [...own, "127.0.0.1"]) {
      expect((await unprotected.run(ask(`http://${address}:8091/`))).stdout).toBe("here\n");
    }
    const machine = await runner.machine("trixie");
    const link = linkOf(machine);
    for (const address of [...own, link.host, "127.0.0.1"]) {
      expect((await machine.run(ask(`http://${address}:8091/`))).stdout).toBe("no\n");
    }
    // The host's loopback, sent out of the machine's own link.
    const routed = await machine.run(
      `ip route add local 127.0.0.0/8 dev lo table 9 2> /dev/null
       ip rule add pref 0 to 127.0.0.9 lookup main; ip rule del pref 0 lookup local; ip rule add pref 1 lookup local
       ip route add 127.0.0.9/32 via ${link.host} dev host0; ${ask("http://127.0.0.9:8091/")}`,
    );
    expect(routed.stdout).toEndWith("no\n");
    const failed = await machine.run("curl -s -m 3 http://192.0.2.200:8091/; exit 3");
    expect(failed.stderr).toContain("Refused by this host's network rules: ");
    expect(failed.stderr).toContain("192.0.2.200 port 8091/tcp");
    // Also of a job whose scripts do not mind, at its end.
    const script = scriptFile(ask("http://192.0.2.200:8091/"));
    const step = await runner.call("run", "--id", machine.name, script, "build_script");
    expect(step).toMatchObject({ code: 0, stderr: "" });
    const last = await runner.call(
      ...["run", "--id", machine.name, scriptFile("true"), "cleanup_file_variables"],
    );
    expect(last.stderr).toMatch(
      /Refused by this host's network rules \(\d+ packets to [2-9] places\): /,
    );
    expect(last.stderr).toContain("169.254.169.254 port 8091/tcp");
  });

  test("a name that leads to the host is no way around", async () => {
    await hostAddress("192.0.2.200");
    await serve(8092);
    const names = new Map([["rebound.test", "192.0.2.200"]]);
    await serveNames("192.0.2.53", names);
    const resolved = openRunner(BTRFS, 'network_resolvers = ["192.0.2.53"]\n');
    const machine = await resolved.machine("trixie");
    expect((await machine.run("getent hosts rebound.test")).stdout).toContain("192.0.2.200");
    expect((await machine.run(ask("http://rebound.test:8092/"))).stdout).toBe("no\n");
    const mapped = ask("'http://[::ffff:192.0.2.200]:8092/'");
    expect((await machine.run(mapped)).stdout).toBe("no\n");
    // Only port 53 of the name server is there.
    await serve(853, "192.0.2.53");
    const others = ask("http://192.0.2.53:853/");
    expect((await machine.run(others)).stdout).toBe("no\n");
    await removeRules();
    for (const attack of [ask("http://rebound.test:8092/"), mapped, others]) {
      expect((await machine.run(attack)).stdout).toBe("here\n");
    }
  });
});

describe("the host's tables", () => {
  /** By the machine's link alone. */
  const neighbours = async (link: string): Promise<number> =>
    (await must("ip", "neighbour", "show", "dev", link)).split("\n").length;

  const forge = `python3 -c '
import socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("host0", 0))
mac = s.getsockname()[4]
own = open("/proc/net/fib_trie").read()
for i in range(1, 101):
    sender = bytes([198, 51, 100, i])
    arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, mac, sender, bytes(6), bytes(map(int, "HOST".split("."))))
    s.send(b"\\xff" * 6 + mac + struct.pack("!H", 0x806) + arp)
'; ping -c 1 -W 1 HOST > /dev/null 2>&1; true`;

  test("forged senders of ARP are no neighbours", async () => {
    const machine = await runner.machine("trixie");
    const link = linkOf(machine);
    const script = forge.replaceAll("HOST", link.host);
    const before = await neighbours(link.name);
    expect((await machine.run(script)).code).toBe(0);
    expect(await neighbours(link.name)).toBeLessThanOrEqual(before + 1);
    await must("bash", "-c", `echo 0 > /proc/sys/net/ipv4/conf/${link.name}/rp_filter`);
    await machine.run(script);
    expect(await neighbours(link.name)).toBeGreaterThan(before + 50);
  });

  test("of connections one machine fills no more than its share, and others connect", async () => {
    const [one, other] = await Promise.all([runner.machine("trixie"), runner.machine("trixie")]);
    const flood = `python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sent = 0
for host in range(1, 5):
    for port in range(1024, 6024):
        try:
            s.sendto(b"x", ("198.51.100.%d" % host, port)); sent += 1
        except OSError: pass
print(sent)
'`;
    const tracked = async (machine: Machine): Promise<number> =>
      Number(
        await must(
          "bash",
          "-c",
          `grep -c "src=${linkOf(machine).own} " /proc/net/nf_conntrack || true`,
        ),
      );
    const limit = 8192;
    expect(Number((await one.run(flood)).stdout)).toBeGreaterThan(limit);
    expect(await tracked(one)).toBeGreaterThan(limit / 2);
    expect(await tracked(one)).toBeLessThanOrEqual(limit + 273);
    const last = ["--id", one.name, scriptFile("true"), "cleanup_file_variables"];
    expect((await runner.call("run", ...last)).stderr).toMatch(/too fast: \d+ packets of new ones/);
    const served = `getent hosts $(grep -rhoE '://[^/ :]+' /etc/apt/sources.list /etc/apt/sources.list.d | head -n 1 | tail -c +4)`;
    expect((await other.run(`${served} > /dev/null; echo $?`)).stdout).toBe("0\n");
    // They go with the machine, before another has its address.
    const { own } = linkOf(one);
    expect((await runner.call("cleanup", "--id", one.name)).code).toBe(0);
    const left = `grep -c "src=${own} " /proc/net/nf_conntrack || true`;
    expect(await must("bash", "-c", left)).toBe("0\n");
    // Without the rules there is no such bound.
    await removeRules();
    await other.run(flood);
    expect(await tracked(other)).toBeGreaterThan(limit + 273);
  });
});

describe("rules of one machine", () => {
  test("only what is allowed is reached, by name as it changes, and the rules end with it", async () => {
    for (const address of ["203.0.113.1", "203.0.113.2"]) await hostAddress(address);
    await serve(8093);
    const names = new Map([["allowed.test", "203.0.113.1"]]);
    await serveNames("192.0.2.53", names);
    const lines = 'network_resolvers = ["192.0.2.53"]\n';
    const strict = openRunner(
      BTRFS,
      `${lines}network_allow = ["198.51.100.1"]\nnetwork_open = ["allowed.test:8093"]\n`,
    );
    const machine = await strict.machine("trixie");
    const { name } = linkOf(machine);
    const reach = async (address: string): Promise<string> =>
      (await machine.run(ask(`http://${address}:8093/`))).stdout;
    expect(await reach("203.0.113.1")).toBe("here\n");
    expect(await reach("203.0.113.2")).toBe("no\n");
    names.set("allowed.test", "203.0.113.2");
    expect((await strict.call("internal-follow-names")).code).toBe(0);
    expect(await reach("203.0.113.2")).toBe("here\n");

    // A firewall that is loaded anew takes them away; gc brings them back, whole.
    await must("nft", "flush", "ruleset");
    expect((await strict.call("gc")).code).toBe(0);
    expect(await must("nft", "list", "chain", ...TABLE, name)).toContain("198.51.100.1");
    expect(await reach("192.0.2.53")).toBe("no\n");

    expect((await strict.call("cleanup", "--id", machine.name)).code).toBe(0);
    expect(readdirSync(RULES)).not.toContain(name);
    expect(await must("nft", "-t", "list", "table", ...TABLE)).not.toContain(name);
  });

  test("a network is opened with the host's own addresses in it, and no more of the host", async () => {
    for (const address of ["203.0.113.1", "192.0.2.200"]) await hostAddress(address);
    await serve(8096);
    const opened = openRunner(BTRFS, 'network_open = ["203.0.113.0/24:8096"]\n');
    const machine = await opened.machine("trixie");
    expect((await machine.run(ask("http://203.0.113.1:8096/"))).stdout).toBe("here\n");
    expect((await machine.run(ask("http://192.0.2.200:8096/"))).stdout).toBe("no\n");
    const plain = await runner.machine("trixie");
    expect((await plain.run(ask("http://203.0.113.1:8096/"))).stdout).toBe("no\n");
  });

  test("a name that is known later is followed by the watcher, and known after a flush", async () => {
    for (const address of ["203.0.113.1", "203.0.113.2"]) await hostAddress(address);
    await serve(8097);
    const names = new Map<string, string>();
    await serveNames("192.0.2.53", names);
    const lines = 'network_resolvers = ["192.0.2.53"]\nnetwork_open = ["later.test:8097"]\n';
    const machine = await openRunner(BTRFS, lines).machine("trixie");
    const reach = async (address: string): Promise<string> =>
      (await machine.run(ask(`http://${address}:8097/`))).stdout;
    expect(await reach("203.0.113.1")).toBe("no\n");
    for (const address of ["203.0.113.1", "203.0.113.2"]) {
      names.set("later.test", address);
      await beginRound();
      await must("timeout", "30", "bash", "-c", knows(linkOf(machine).name, address));
      expect(await reach(address)).toBe("here\n");
    }
    // What was learnt is there again at once, and nobody has to answer for it.
    names.clear();
    await must("nft", "flush", "ruleset");
    expect((await runner.call("internal-restore-firewall")).code).toBe(0);
    expect(await reach("203.0.113.1")).toBe("here\n");
    expect(await reach("203.0.113.2")).toBe("here\n");
  });

  test("what a dead driver's nft made opens nothing to who has that interface next", async () => {
    later(() => runner.call("gc"));
    await hostAddress("192.0.2.200");
    await serve(8098);
    await runner.machine("nosystemd");
    const range = 'network_range = "172.29.7.0/29"\n';
    const links = ["00", "02", "04", "06"].map((end) => `nsr-ac1d07${end}`);
    const plant = (): Promise<unknown> =>
      must(
        "nft",
        links
          .map(
            (link) => `
              add chain ${TABLE.join(" ")} ${link}
              add rule ${TABLE.join(" ")} ${link} accept
              add set ${TABLE.join(" ")} ${link}-0 { type ipv4_addr; size 4096; flags timeout; }
              add element ${TABLE.join(" ")} machines { "${link}" : jump ${link} }`,
          )
          .join("\n"),
      );
    await plant();
    const machine = await openRunner(BTRFS, range).machine("trixie");
    expect(links).toContain(linkOf(machine).name);
    expect((await machine.run(ask("http://192.0.2.200:8098/"))).stdout).toBe("no\n");
    expect((await runner.call("gc")).code).toBe(0);
    expect(await must("nft", "-t", "list", "table", ...TABLE)).not.toContain("nsr-ac1d07");
    // It is an attack: where nobody looks, who has the interface reaches what it lets pass.
    await plant();
    expect((await machine.run(ask("http://192.0.2.200:8098/"))).stdout).toBe("here\n");
    await must("nft", "flush", "chain", ...TABLE, linkOf(machine).name);
  });

  test("two configurations with ranges and name servers of their own leave each other's alone", async () => {
    const elsewhere = openRunner(BTRFS, 'network_range = "172.29.0.0/16"\n');
    const one = await runner.machine("nosystemd");
    const handles = await must("nft", "-t", "--handle", "list", "table", ...TABLE);
    const other = await elsewhere.machine("nosystemd");
    expect(linkOf(other).own).toStartWith("172.29.");
    expect(await must("nft", "-t", "--handle", "list", "table", ...TABLE)).toBe(handles);
    for (const machine of [one, other]) {
      const updated = await machine.run("apt-get -q update 2>&1");
      expect(updated.stdout).not.toMatch(/^(Err|W|E):/m);
    }
  });

  test("root inside, with all that its namespace lets it do, changes nothing of them", async () => {
    await hostAddress("192.0.2.200");
    await serve(8094);
    const machine = await runner.machine("trixie");
    const link = linkOf(machine);
    const attack = (gateway: string): string => `
      nft flush ruleset 2> /dev/null
      ip link set host0 down; ip link set host0 address 02:00:00:00:00:01; ip link set host0 name nsr-mine
      ip link set nsr-mine up; ip route add default via ${gateway}
      ip link add nsr-fake type dummy; ip link set nsr-fake up
      ${ask("http://192.0.2.200:8094/")}
    `;
    expect((await machine.run(attack(link.host))).stdout).toEndWith("no\n");
    expect((await machine.run("ip -br link")).stdout).toContain("nsr-mine");
    // It works on rules that are in the namespace of those whom they hold.
    later(() => command("ip", "netns", "del", "weak"));
    await must(
      "bash",
      "-ec",
      `ip netns add weak
       ip link add weak0 type veth peer name host0 netns weak
       ip address add 198.51.100.0/31 dev weak0; ip link set weak0 up
       ip -n weak address add 198.51.100.1/31 dev host0; ip -n weak link set host0 up
       ip -n weak route add default via 198.51.100.0
       ip netns exec weak nft 'table inet held { chain out { type filter hook output priority 0; ip daddr 192.0.2.200 reject; }; }'`,
    );
    const inside = (script: string): Promise<string> =>
      must("ip", "netns", "exec", "weak", "bash", "-c", script);
    expect(await inside(ask("http://192.0.2.200:8094/"))).toBe("no\n");
    expect(await inside(attack("198.51.100.0"))).toEndWith("here\n");
  });
});

describe("who listens beside a machine", () => {
  /** Says what it has heard, once somebody sends "end" to port 9999. */
  const listen = (link: string): string => `python3 -uc '
import select, socket, struct
def udp(port, group):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", port))
    if group:
        index = socket.if_nametoindex("${link}")
        s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("=4s4si", socket.inet_aton(group), bytes(4), index))
    return s
arp = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x806))
kinds = {arp: "arp", udp(5353, "224.0.0.251"): "mdns", udp(5355, "224.0.0.252"): "llmnr", udp(9998, "239.1.2.3"): "multicast", udp(9997, None): "broadcast"}
last = udp(9999, None)
heard = set()
print("listens")
while True:
    ready = select.select(list(kinds) + [last], [], [])[0]
    for s in ready:
        if s is not last and b"attack" in s.recv(2048): heard.add(kinds[s])
    if ready == [last]: break
print(" ".join(sorted(heard)) or "nothing")
'`;
  const shout = (link: string): string => `python3 -c '
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"${link}")
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 9)
for place in [("224.0.0.251", 5353), ("224.0.0.252", 5355), ("239.1.2.3", 9998), ("255.255.255.255", 9997)]:
    try: s.sendto(b"attack", place)
    except OSError: pass
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(("${link}", 0))
mac = raw.getsockname()[4]
who = struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, mac, bytes([198, 51, 100, 9]), bytes(6), bytes([198, 51, 100, 8]))
raw.send(b"\\xff" * 6 + mac + struct.pack("!H", 0x806) + who + b"attack")
'`;
  const ALL = "arp broadcast llmnr mdns multicast";
  const end = (address: string): string => `echo end > /dev/udp/${address}/9999`;

  test("hears no multicast, mDNS, LLMNR, broadcast or ARP: neither another machine nor the host", async () => {
    const [one, other] = await Promise.all([runner.machine("trixie"), runner.machine("trixie")]);
    const beside = other.start(listen("host0"));
    await beside.awaitOutput("listens");
    const host = start(["bash", "-c", listen(linkOf(one).name)]);
    await host.awaitOutput("listens");
    expect(await one.run(shout("host0"))).toMatchObject({ code: 0 });
    await must("bash", "-c", end(linkOf(other).own));
    await must("bash", "-c", end("127.0.0.1"));
    expect((await beside.ended).stdout).toEndWith("\nnothing\n");
    // ARP is how the host knows its peer; it takes no neighbour from it, which is tested above.
    expect((await host.ended).stdout).toEndWith("\narp\n");

    // Without the rules the host hears all, and on a link that both share so does the other.
    await removeRules();
    const unprotected = start(["bash", "-c", listen(linkOf(one).name)]);
    await unprotected.awaitOutput("listens");
    await one.run(shout("host0"));
    await must("bash", "-c", end("127.0.0.1"));
    expect((await unprotected.ended).stdout).toEndWith(`\n${ALL}\n`);
    for (const name of ["near", "far"]) later(() => command("ip", "netns", "del", name));
    await must(
      "bash",
      "-ec",
      `ip netns add near; ip netns add far
       ip -n near link add host0 type veth peer name host0 netns far
       ip -n near address add 198.51.100.0/31 dev host0; ip -n near link set host0 up
       ip -n far address add 198.51.100.1/31 dev host0; ip -n far link set host0 up
       for name in near far; do ip -n $name route add default dev host0; done`,
    );
    const within = (name: string, script: string): string[] => [
      ...["ip", "netns", "exec", name, "bash", "-c", script],
    ];
    const far = start(within("far", listen("host0")));
    await far.awaitOutput("listens");
    await must(...within("near", `${shout("host0")}; ${end("198.51.100.1")}`));
    expect((await far.ended).stdout).toEndWith(`\n${ALL}\n`);
  });
});

/** Says what it hears of a service of the host, once both are connected. */
const listenTo = (address: string, port: number): string => `python3 -uc '
import socket
s = socket.create_connection(("${address}", ${port}), 3)
s.sendall(b"hello")
print("connected")
s.settimeout(3)
try: print("heard", s.recv(16).decode())
except OSError: print("heard nothing")
'`;

describe("a foreign flush of the ruleset", () => {
  const WATCHER = "nspawn-runner-watch-firewall.service";
  const listens = `until awk '$2 == 12 && $4 != "00000000"' /proc/net/netlink | grep -q .; do :; done`;
  const closed = `until nft list table ${TABLE.join(" ")} > /dev/null 2>&1; do :; done`;

  test("opens no machine for long, gc or not", async () => {
    await hostAddress("192.0.2.200");
    await serve(8095);
    const machine = await runner.machine("trixie");
    const reach = async (): Promise<string> =>
      (await machine.run(ask("http://192.0.2.200:8095/"))).stdout;
    expect(await reach()).toBe("no\n");

    // It works where nobody looks.
    await must("systemctl", "stop", WATCHER);
    await must("nft", "flush", "ruleset");
    expect(await reach()).toBe("here\n");
    expect((await runner.call("internal-restore-firewall")).code).toBe(0);
    expect(await reach()).toBe("no\n");

    // What was begun meanwhile does not go on, also where the host's packet is the next.
    for (const [rules, heard] of [
      [[], "nothing"],
      [["nft", "flush", "chain", ...TABLE, "from_host"], "late"],
    ] as const) {
      const { promise: greeted, resolve } = Promise.withResolvers<Socket>();
      const service = Bun.listen({
        hostname: "192.0.2.200",
        port: 8099,
        socket: { data: (socket) => resolve(socket) },
      });
      later(() => service.stop(true));
      await must("systemctl", "stop", WATCHER);
      await must("nft", "flush", "ruleset");
      const begun = machine.start(listenTo("192.0.2.200", 8099));
      await begun.awaitOutput("connected");
      const socket = await greeted;
      expect((await runner.call("internal-restore-firewall")).code).toBe(0);
      if (rules.length > 0) await must(...rules);
      socket.write("late");
      expect((await begun.ended).stdout).toEndWith(`heard ${heard}\n`);
      service.stop(true);
    }
    expect((await runner.call("internal-restore-firewall")).code).toBe(0);

    // Restoring has started who looks.
    await must("timeout", "20", "bash", "-c", listens);
    await must("nft", "flush", "ruleset");
    await must("timeout", "10", "bash", "-c", closed);
    expect(await reach()).toBe("no\n");
  });
});
