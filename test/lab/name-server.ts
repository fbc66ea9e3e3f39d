/** A name server of a test's own, on an address that the host has for the time of it. */
import { command, later } from "./harness.ts";

/** An address of the host that is there for the time of a test. */
export async function hostAddress(address: string): Promise<void> {
  later(() => command("ip", "address", "del", `${address}/32`, "dev", "lo"));
  const added = await command("ip", "address", "add", `${address}/32`, "dev", "lo");
  if (added.code !== 0) throw new Error(added.stderr);
}

/** A name server of one's own, whose answers can be changed. */
export async function serveNames(address: string, names: Map<string, string>): Promise<void> {
  await hostAddress(address);
  const socket = await Bun.udpSocket({
    hostname: address,
    port: 53,
    socket: {
      data: (server, message, port, from) => {
        const query = Buffer.from(message);
        const labels: string[] = [];
        let at = 12;
        for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
          labels.push(query.toString("latin1", at + 1, at + 1 + length));
          at += length + 1;
        }
        const question = query.subarray(12, at + 5);
        const found = query.readUInt16BE(at + 1) === 1 ? names.get(labels.join(".")) : undefined;
        const head = Buffer.from([
          ...query.subarray(0, 2),
          0x81,
          0x80,
          0,
          1,
          0,
          found ? 1 : 0,
          0,
          0,
          0,
          0,
        ]);
        const answer = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4];
        const bytes = found === undefined ? [] : [...answer, ...found.split(".").map(Number)];
        server.send(Buffer.concat([head, question, Buffer.from(bytes)]), port, from);
      },
    },
  });
  later(() => socket.close());
}
