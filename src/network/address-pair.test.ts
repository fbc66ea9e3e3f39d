import { expect, test } from "bun:test";
import fc from "fast-check";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { type AddressRange, parseRange, rangeSize } from "../text/address.ts";
import { type MachineName, parseMachineName } from "../text/names.ts";
import {
  type AddressPair,
  type PairHost,
  releaseAddressPair,
  takeAddressPair,
} from "./address-pair.ts";
import { INTERFACES_DIRECTORY, PAIRS_DIRECTORY } from "./network-paths.ts";

/** Claims in memory; interfaces that others made; names that are random for a seed. */
function pairHost(options: { interfaces?: readonly string[]; seed?: number } = {}): PairHost {
  const { host } = openComputer().start();
  for (const name of options.interfaces ?? []) {
    host.files.ensureDirectory(`${INTERFACES_DIRECTORY}/${name}`, 0o755);
  }
  let random = options.seed ?? 1;
  return {
    files: host.files,
    claims: host.claims,
    randomName: (length) => {
      random = (random * 48_271) % 0x7fff_ffff;
      return random.toString(36).padStart(length, "0").slice(-length);
    },
  };
}

const machine = (number: number): MachineName => parseMachineName(`job-${number}`);
const range = (text: string): AddressRange => parseRange(text) ?? { first: 0, prefix: 0 };

test("no two live machines share an address, whatever comes and goes", () => {
  const steps = fc.array(fc.record({ take: fc.boolean(), machine: fc.nat(40) }), { maxLength: 80 });
  const ranges = fc.constantFrom("10.0.0.0/8", "10.213.0.0/16", "192.168.7.0/25");
  fc.assert(
    fc.property(steps, ranges, fc.integer({ min: 1, max: 1e9 }), (sequence, text, seed) => {
      const host = pairHost({ seed });
      const live = new Map<number, AddressPair>();
      for (const step of sequence) {
        if (!step.take) {
          releaseAddressPair(host, machine(step.machine));
          live.delete(step.machine);
        } else if (!live.has(step.machine)) {
          live.set(step.machine, takeAddressPair(host, machine(step.machine), range(text)));
        }
        const pairs = [...live.values()];
        const addresses = pairs.flatMap((pair) => [pair.host, pair.machine]);
        expect(new Set(addresses).size).toBe(addresses.length);
        expect(new Set(pairs.map((pair) => pair.interface)).size).toBe(pairs.length);
        for (const pair of pairs) {
          expect(Buffer.byteLength(pair.interface)).toBeLessThanOrEqual(15);
          expect(pair.machine).toBe(pair.host + 1);
          expect(pair.host % 2).toBe(0);
          expect(pair.host).toBeGreaterThanOrEqual(range(text).first);
          expect(pair.machine).toBeLessThan(range(text).first + rangeSize(range(text)));
        }
      }
      for (const number of live.keys()) releaseAddressPair(host, machine(number));
      expect(host.claims.list(PAIRS_DIRECTORY)).toEqual([]);
    }),
  );
});

test("a range is used to its last pair, and then says so", () => {
  const host = pairHost();
  const taken = Array.from(
    { length: 4 },
    (_, index) => takeAddressPair(host, machine(index), range("10.0.0.0/29")).interface,
  );
  expect(taken.sort()).toEqual(["nsr-0a000000", "nsr-0a000002", "nsr-0a000004", "nsr-0a000006"]);
  expect(() => takeAddressPair(host, machine(9), range("10.0.0.0/29"))).toThrow(
    "Cannot find two free addresses in 10.0.0.0/29 for another machine.",
  );
  releaseAddressPair(host, machine(2));
  expect(takeAddressPair(host, machine(9), range("10.0.0.0/29")).interface).toBeString();
});

test("an interface that outlives its machine keeps its addresses", () => {
  const interfaces = ["nsr-0a000000", "nsr-0a000002", "nsr-0a000004"];
  const host = pairHost({ interfaces });
  expect(takeAddressPair(host, machine(1), range("10.0.0.0/29")).interface).toBe("nsr-0a000006");
});
