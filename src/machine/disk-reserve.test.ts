import { expect, test } from "bun:test";
import { findGuilty, findShortage, planReserve } from "./disk-reserve.ts";

const GIB = 2 ** 30;
const EXT4 = {
  magic: 1,
  sizeBytes: 20 * GIB,
  freeBytes: 10 * GIB,
  inodes: 1_000_000,
  freeInodes: 500_000,
};
const RESERVE = { bytes: GIB, inodes: 20_000 };

test("a twentieth of the bytes is kept, 4 GiB at most, and a fiftieth of the inodes", () => {
  expect(planReserve(EXT4)).toEqual(RESERVE);
  expect(planReserve({ ...EXT4, sizeBytes: 4096 * GIB, inodes: 0 })).toEqual({
    bytes: 4 * GIB,
    inodes: 0,
  });
});

test.each([
  ["nothing", {}, undefined],
  ["bytes", { freeBytes: GIB - 1 }, "bytes"],
  ["inodes", { freeInodes: 19_999 }, "inodes"],
  ["nothing where inodes are made as needed", { inodes: 0, freeInodes: 0 }, undefined],
] as const)("there is too little of %s", (_title, facts, expected) => {
  const now = { ...EXT4, ...facts };
  expect(findShortage(now, planReserve({ ...EXT4, inodes: now.inodes }))).toBe(expected);
});

test("who has taken most goes, and nobody who has taken little", () => {
  const hog = { name: "hog", use: { bytes: 5 * GIB, inodes: 3 } };
  const sower = { name: "sower", use: { bytes: GIB / 8, inodes: 400_000 } };
  const victim = { name: "victim", use: { bytes: GIB / 8, inodes: 4999 } };
  expect(findGuilty([victim, hog, sower], "bytes", RESERVE)?.name).toBe("hog");
  expect(findGuilty([victim, hog, sower], "inodes", RESERVE)?.name).toBe("sower");
  expect(findGuilty([victim, sower], "bytes", RESERVE)).toBeUndefined();
  expect(findGuilty([victim], "inodes", RESERVE)).toBeUndefined();
  expect(findGuilty([], "bytes", RESERVE)).toBeUndefined();
});
