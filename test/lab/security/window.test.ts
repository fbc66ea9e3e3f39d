/**
 * Between a machine's start and its rules, and between its end and the next use of its addresses, there is
 * no moment in which a packet gets through that must not: twenty times, a thousand in a soak.
 */
import { expect, test } from "bun:test";
import { SOAKS } from "../../soak/soaks.ts";
import {
  cleanUpAfterEach,
  command,
  later,
  openRunner,
  type Place,
  uniqueName,
} from "../harness.ts";

cleanUpAfterEach();

const PLACE: Place = { kind: "btrfs", root: "/fs/btrfs/root" };
const STARTS = SOAKS ? 1000 : 20;
const TABLE = ["inet", "nspawn_runner"];
const [ADDRESS, PORT] = ["192.0.2.200", 8101];
/** Of four machines: each start but the first few has addresses that another has had. */
const RANGE = "172.29.9.0/29";

async function must(...argv: string[]): Promise<string> {
  const ended = await command(...argv);
  if (ended.code !== 0) throw new Error(`${argv.join(" ")}: ${ended.stderr}`);
  return ended.stdout;
}

/** An image whose first shell sends to the host as soon as anything can be sent, and never stops. */
async function makeFlooding(): Promise<string> {
  const name = uniqueName();
  const tree = `${PLACE.root}/${name}`;
  later(() => command("btrfs", "subvolume", "delete", tree));
  await must("btrfs", "subvolume", "snapshot", `${PLACE.root}/nosystemd`, tree);
  const flood = `use Socket; socket(S, PF_INET, SOCK_DGRAM, 17);
my $to = pack_sockaddr_in(${PORT}, inet_aton("${ADDRESS}"));
while (1) { send(S, "attack", 0, $to); select(undef, undef, undef, 0.0005) }`;
  await must(
    "bash",
    "-ec",
    `cd "$1"; shell=$(readlink -f bin/sh); mv -T "$(realpath bin/sh)" bin/sh.real
     printf '#!/bin/sh.real\n[ -e /run/floods ] || { : >/run/floods; perl -e "$(cat /flood)" >/dev/null 2>&1 & }\nexec /bin/sh.real "$@"\n' >bin/sh
     chmod 755 bin/sh; printf '%s' "$2" >flood`,
    "bash",
    tree,
    flood,
  );
  return name;
}

test(
  `of ${STARTS} starts none has a packet for the host, and no connection outlives its machine`,
  async () => {
    later(() => command("ip", "address", "del", `${ADDRESS}/32`, "dev", "lo"));
    await must("ip", "address", "add", `${ADDRESS}/32`, "dev", "lo");
    let heard = 0;
    const { promise: arrived, resolve } = Promise.withResolvers<void>();
    const listener = await Bun.udpSocket({
      hostname: ADDRESS,
      port: PORT,
      socket: {
        data: () => {
          heard += 1;
          resolve();
        },
      },
    });
    later(() => listener.close());
    const image = await makeFlooding();
    const runner = openRunner(PLACE, `network_range = "${RANGE}"\n`);
    /** Of all that the range's machines have. */
    const tracked = (): Promise<string> =>
      must("bash", "-c", "grep -c 'src=172[.]29[.]9[.]' /proc/net/nf_conntrack || true");
    const start = async (): Promise<string> => {
      const name = uniqueName();
      later(() => runner.call("cleanup", "--id", name));
      expect(await runner.call("prepare", "--id", name, image)).toMatchObject({ code: 0 });
      return name;
    };

    for (let count = 0; count < STARTS; count += 1) {
      // Nor where the table is not there yet.
      if (count % 2 === 0) await command("nft", "delete", "table", ...TABLE);
      const name = await start();
      expect((await runner.call("cleanup", "--id", name)).code).toBe(0);
      expect({ count, heard, tracked: await tracked() }).toEqual({
        count,
        heard: 0,
        tracked: "0\n",
      });
    }

    // It floods: where no rules are, it arrives.
    await start();
    later(() => runner.call("gc"));
    await must("nft", "flush", "chain", ...TABLE, "from_machines");
    await arrived;
  },
  { timeout: STARTS * 10_000 },
);
