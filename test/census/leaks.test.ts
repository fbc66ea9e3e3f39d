/** The census is proven: a leak of each kind is planted, and it names that one and nothing else. */
import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { cleanUpAfterEach, command, later, PLACES, uniqueName } from "../lab/harness.ts";
import { awaitCensus, takeCensus } from "./census.ts";
import { diffCensus, formatDifferences } from "./diff-census.ts";

cleanUpAfterEach();

const [place = { root: "/fs/btrfs/root" }] = PLACES;
const take = () => takeCensus({ roots: [place.root], except: [] });

/** What the first job on a host makes, and stays. */
const DIRECTORIES = [
  ...["machines", "drafts", "trash"].map((name) => `${place.root}/.${name}`),
  ...["id-ranges", "address-pairs"].map((name) => `/run/nspawn-runner/${name}`),
  "/run/systemd/nspawn/locks",
];
for (const directory of DIRECTORIES) mkdirSync(directory, { recursive: true, mode: 0o700 });

/** In a shell; `$0` is a name that nothing else has. */
interface Leak {
  readonly plant: string;
  readonly undo: string;
  /** What the census is to say; NAME is the leak's. */
  readonly told: string;
  /** Besides, when one thing is several: a process is in a namespace, a unit has a cgroup. */
  readonly also?: RegExp;
}

const HOLD = "sleep infinity </dev/null >/dev/null 2>&1 & echo $! >/run/$0.pid";
const LET_GO =
  "kill $(cat /run/$0.pid); tail --pid=$(cat /run/$0.pid) -f /dev/null; rm /run/$0.pid";
const HELD = /^(processes|files in \/run|processes of machines): /;
const UNIT = /^(units|cgroups|processes|files in \/run|descriptors of .*): /;

const LEAKS: Readonly<Record<string, Leak>> = {
  "a mount": {
    plant: "mount -t tmpfs $0 /mnt",
    undo: "umount /mnt",
    told: "mounts: new: /mnt (tmpfs) (1)",
    also: /^units: new: mnt.mount|^cgroups: new: .*mnt.mount/,
  },
  "a mount namespace without a process": {
    plant: `
      coproc unshare --mount bash -c 'echo in; exec sleep infinity'
      read -r _ <&"\${COPROC[0]}"
      exec 3</proc/$COPROC_PID/ns/mnt # what is open keeps it
      ${HOLD}
      kill $COPROC_PID; wait $COPROC_PID || true`,
    undo: LET_GO,
    told: "namespaces without a process: new: mnt namespace (1)",
    also: HELD,
  },
  "a failed unit": {
    plant: "systemd-run --quiet --unit=$0 --property=Type=oneshot false || true",
    undo: "systemctl reset-failed $0",
    told: "units: new: NAME.service (loaded failed failed)",
    also: /^files in \/run: /,
  },
  "a slice": {
    plant: "systemctl start $0.slice",
    undo: "systemctl stop $0.slice",
    told: "units: new: NAME.slice (loaded active active)",
    also: UNIT,
  },
  "a scope": {
    plant: `systemd-run --quiet --scope --unit=$0 bash -c '${HOLD}' $0`,
    undo: LET_GO,
    told: "units: new: NAME.scope (loaded active running)",
    also: UNIT,
  },
  "a job of systemd that waits": {
    plant: `
      systemd-run --quiet --unit=$0-first --service-type=oneshot --no-block sleep infinity
      systemd-run --quiet --unit=$0 --property=After=$0-first.service --no-block true`,
    undo: "systemctl kill --signal=KILL $0-first; systemctl reset-failed $0-first; systemctl stop $0",
    told: "jobs of systemd: new: NAME.service start waiting (1)",
    also: /^(jobs of systemd|units|cgroups|processes|files in \/run|descriptors of .*): /,
  },
  "a cgroup": {
    plant: "mkdir /sys/fs/cgroup/$0",
    undo: "rmdir /sys/fs/cgroup/$0",
    told: "cgroups: new: NAME (1)",
  },
  "a name with machined": {
    plant: "touch /run/systemd/machines/$0",
    undo: "rm /run/systemd/machines/$0",
    told: "registered machines: new: NAME (1)",
    also: /^files in \/run: new: \/run\/systemd\/machines\//,
  },
  "a link": {
    plant: "ip link add $0 type veth peer name peer",
    undo: "ip link del $0",
    told: "links: new: NAME@peer (1)",
    also: /^links: new: peer@/,
  },
  "an address": {
    plant: "ip address add 10.255.255.1/32 dev lo",
    undo: "ip address del 10.255.255.1/32 dev lo",
    told: "addresses: new: inet 10.255.255.1/32 on lo (1)",
    also: /^routes: new: local 10.255.255.1/,
  },
  "a route": {
    plant: "ip route add blackhole 10.255.255.2",
    undo: "ip route del blackhole 10.255.255.2",
    told: "routes: new: blackhole 10.255.255.2 (1)",
  },
  "a routing rule": {
    plant: "ip rule add from 10.255.255.3 lookup main priority 7",
    undo: "ip rule del priority 7",
    told: "routing rules: new: 7:\tfrom 10.255.255.3 lookup main (1)",
  },
  "a neighbour": {
    plant: "ip neighbour add 10.255.255.4 dev eth0 lladdr 02:00:00:00:00:01 nud permanent",
    undo: "ip neighbour del 10.255.255.4 dev eth0",
    told: "neighbours: new: 10.255.255.4 dev eth0 lladdr 02:00:00:00:00:01 PERMANENT (1)",
  },
  "a table of the firewall": {
    plant: "nft add table inet $0",
    undo: "nft delete table inet $0",
    told: 'firewall: new: {"table":{"family":"inet","name":"NAME"}} (1)',
  },
  "a tracked connection": {
    plant: `
      nft "add table inet $0; add chain inet $0 c { type filter hook output priority 0; }
        add rule inet $0 c ct state new accept"
      ip address add 10.255.255.5/32 dev lo
      echo 1 >/proc/sys/net/netfilter/nf_conntrack_udp_timeout
      bash -c 'echo >/dev/udp/10.255.255.5/9' 2>/dev/null || true
      echo 30 >/proc/sys/net/netfilter/nf_conntrack_udp_timeout`,
    undo: "nft delete table inet $0; ip address del 10.255.255.5/32 dev lo",
    told: "tracked connections: new: udp src=10.255.255.5 dst=10.255.255.5 zone=0 (1)",
    also: /^(firewall|addresses|routes): /,
  },
  "a process": {
    plant: HOLD,
    undo: LET_GO,
    told: "processes: new: sleep in /lab-run (1)",
    also: HELD,
  },
  "a process with the id of a machine": {
    plant: `setpriv --reuid=1073741824 --clear-groups ${HOLD}`,
    undo: LET_GO,
    told: "processes of machines: new: sleep of uid 1073741824 (1)",
    also: HELD,
  },
  "a descriptor of PID 1": {
    plant: "systemd-run --quiet --unit=$0 --socket-property=ListenStream=/run/$0.sock true",
    undo: "systemctl stop $0.socket; rm -f /run/$0.sock",
    told: "descriptors of PID 1 and its like: changed: socket of PID 1",
    also: UNIT,
  },
  "an inotify group": {
    plant: "touch /run/$0; tail -f /run/$0 </dev/null >/dev/null 2>&1 & echo $! >/run/$0.pid",
    undo: `${LET_GO}; rm /run/$0`,
    told: "inotify groups: changed: inotify groups of uid 0",
    also: HELD,
  },
  "a held lock": {
    plant: `flock --no-fork /tmp/$0 ${HOLD}`,
    undo: `${LET_GO}; rm /tmp/$0`,
    told: "held locks: new: FLOCK by sleep in /lab-run (1)",
    also: /^(processes|files in \/(run|tmp)): /,
  },
  "a loop device": {
    plant: "truncate -s 1M /tmp/$0 && losetup -f /tmp/$0",
    undo: "losetup -j /tmp/$0 -O NAME -n | xargs losetup -d; rm /tmp/$0",
    told: "loop devices: new: /dev/loop",
    also: /^files in \/tmp: /,
  },
  "shared memory": {
    plant: "ipcmk -M 4096 >/run/$0",
    undo: "ipcrm --all=shm; rm /run/$0",
    told: "IPC objects: new: shm ",
    also: /^files in \/run: /,
  },
  semaphores: {
    plant: "ipcmk -S 1 >/run/$0",
    undo: "ipcrm --all=sem; rm /run/$0",
    told: "IPC objects: new: sem ",
    also: /^files in \/run: /,
  },
  "a message queue": {
    plant: "ipcmk -Q >/run/$0",
    undo: "ipcrm --all=msg; rm /run/$0",
    told: "IPC objects: new: msg ",
    also: /^files in \/run: /,
  },
  "a POSIX queue": {
    plant: "touch /dev/mqueue/$0",
    undo: "rm /dev/mqueue/$0",
    told: "IPC objects: new: mqueue NAME (1)",
  },
  "a setting of the kernel": {
    plant: "echo 1 >/proc/sys/net/ipv4/conf/all/proxy_arp",
    undo: "echo 0 >/proc/sys/net/ipv4/conf/all/proxy_arp",
    told: "sysctls: changed: net/ipv4/conf/all/proxy_arp (0 → 1)",
  },
  "a device": {
    plant: "mknod /dev/$0 c 1 3",
    undo: "rm /dev/$0",
    told: "devices: new: /dev/NAME (crw-r--r-- 0:0)",
  },
  "a device's owner": {
    plant: "chown 1073741824 /dev/full",
    undo: "chown 0 /dev/full",
    told: "devices: changed: /dev/full (crw-rw-rw- 0:0 → crw-rw-rw- 1073741824:0)",
  },
  "a subvolume": {
    plant: `btrfs -q subvolume create ${place.root}/$0`,
    undo: `btrfs -q subvolume delete --commit-after ${place.root}/$0; btrfs -q subvolume sync /fs/btrfs`,
    told: "subvolumes: new: /fs/btrfs: root/NAME (1)",
    also: /^files in root directories: /,
  },
  "a subvolume that is deleted and not cleaned": {
    plant: `
      btrfs -q subvolume create ${place.root}/$0
      touch ${place.root}/$0/file
      exec 3<${place.root}/$0/file # what is open keeps it
      ${HOLD}
      btrfs -q subvolume delete ${place.root}/$0
      btrfs -q filesystem sync /fs/btrfs`,
    undo: `${LET_GO}; btrfs -q filesystem sync /fs/btrfs; btrfs -q subvolume sync /fs/btrfs`,
    told: "subvolumes: new: /fs/btrfs: deleted, not cleaned (1)",
    also: HELD,
  },
  "a clone": {
    plant: `mkdir ${place.root}/.machines/$0`,
    undo: `rmdir ${place.root}/.machines/$0`,
    told: `clones: new: ${place.root}/.machines/NAME (drwxr-xr-x 0:0)`,
  },
  "a draft": {
    plant: `mkdir ${place.root}/.drafts/$0`,
    undo: `rmdir ${place.root}/.drafts/$0`,
    told: `drafts: new: ${place.root}/.drafts/NAME (drwxr-xr-x 0:0)`,
  },
  trash: {
    plant: `mkdir ${place.root}/.trash/$0`,
    undo: `rmdir ${place.root}/.trash/$0`,
    told: `trash: new: ${place.root}/.trash/NAME (drwxr-xr-x 0:0)`,
  },
  "nspawn's lock file": {
    plant: `touch ${place.root}/.#$0.lck`,
    undo: `rm ${place.root}/.#$0.lck`,
    told: `lock files: new: ${place.root}/.#NAME.lck (-rw-r--r-- 0:0)`,
  },
  "a lock file": {
    plant: "touch /run/systemd/nspawn/locks/$0",
    undo: "rm /run/systemd/nspawn/locks/$0",
    told: "lock files: new: /run/systemd/nspawn/locks/NAME (-rw-r--r-- 0:0)",
  },
  "a range of ids": {
    plant: "ln -s $0 /run/nspawn-runner/id-ranges/1",
    undo: "rm /run/nspawn-runner/id-ranges/1",
    told: "id ranges in use: new: /run/nspawn-runner/id-ranges/1 (lrwxrwxrwx 0:0 NAME)",
  },
  "a pair of addresses": {
    plant: "ln -s $0 /run/nspawn-runner/address-pairs/1",
    undo: "rm /run/nspawn-runner/address-pairs/1",
    told: "address pairs in use: new: /run/nspawn-runner/address-pairs/1 (lrwxrwxrwx 0:0 NAME)",
  },
  "a network namespace": {
    plant: "ip netns add $0",
    undo: "ip netns del $0; umount /run/netns; rmdir /run/netns",
    told: "network namespaces with a name: new: /run/netns/NAME (-r--r--r-- 0:0)",
    also: /^(namespaces without a process|mounts|units|cgroups|files in \/run): /,
  },
  "a temporary directory of a runner": {
    plant: "mkdir /tmp/custom-executor$0",
    undo: "rmdir /tmp/custom-executor$0",
    told: "temporary directories of runners: new: /tmp/custom-executorNAME (drwxr-xr-x 0:0)",
  },
  "a file in /run": {
    plant: "touch /run/$0",
    undo: "rm /run/$0",
    told: "files in /run: new: /run/NAME (-rw-r--r-- 0:0)",
  },
  "a file in /tmp": {
    plant: "touch /tmp/$0",
    undo: "rm /tmp/$0",
    told: "files in /tmp: new: /tmp/NAME (-rw-r--r-- 0:0)",
  },
  "a file in /dev/shm": {
    plant: "touch /dev/shm/$0",
    undo: "rm /dev/shm/$0",
    told: "files in /dev/shm: new: /dev/shm/NAME (-rw-r--r-- 0:0)",
  },
  "a user's journal": {
    plant: "touch /var/log/journal/$0.journal",
    undo: "rm /var/log/journal/$0.journal",
    told: "files in /var: new: /var/log/journal/NAME.journal (",
  },
  "an owner in an image": {
    plant: `chown 1073741824 ${place.root}/trixie`,
    undo: `chown 0 ${place.root}/trixie`,
    told: `files in root directories: changed: ${place.root}/trixie (drwxr-xr-x 0:0 → drwxr-xr-x 1073741824:0)`,
  },
};

// After a boot with many mounts PID 1 looks at them when the next one comes, which ours would be.
beforeAll(async () => {
  await command("systemctl", "daemon-reload");
  while (diffCensus(take(), take()).length > 0);
});

describe("the census", () => {
  test("of a host that does nothing stays the same", () => {
    expect(formatDifferences(diffCensus(take(), take()))).toBe("");
  });

  test.each(Object.entries(LEAKS))("names %s", async (_title, leak) => {
    // A dash is a level in the name of a slice.
    const name = uniqueName().replaceAll("-", "_");
    const told = leak.told.replaceAll("NAME", name);
    const before = take();
    const planted = await command("bash", "-euc", leak.plant, name);
    later(async () => expect(formatDifferences(await awaitCensus(before, take))).toBe(""));
    later(() => command("bash", "-uc", leak.undo, name));
    expect(planted).toMatchObject({ code: 0, stderr: "" });
    const lines = formatDifferences(diffCensus(before, take())).split("\n");
    const others = lines.filter((line) => !line.startsWith(told));
    expect({ told: others.length < lines.length, lines }).toMatchObject({ told: true });
    expect(others.filter((line) => !leak.also?.test(line))).toEqual([]);
  });

  test("has a leak of each kind planted", () => {
    const told = new Set(Object.values(LEAKS).map(({ told }) => told.split(": ")[0]));
    // A namespace that a process is in is told with the process: one would not be a leak without.
    expect(Object.keys(take()).filter((kind) => !told.has(kind))).toEqual(["namespaces"]);
  });
});
