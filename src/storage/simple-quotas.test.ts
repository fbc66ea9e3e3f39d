import { expect, test } from "bun:test";
import { findStray, parseGroups } from "./simple-quotas.ts";

/** As btrfs-progs 6.14 has it. */
const SHOWN = `Qgroupid    Referenced    Exclusive  Max referenced Child         Path
--------    ----------    ---------  -------------- -----         ----
0/5              16384        16384            none -             <toplevel>
0/257         41910272     41910272            none -             c1
0/258            16384        16384            none -             <under deletion>
1/5              16384        16384            none -             <0 member qgroups>
19520/257     41926656     41926656       104857600 0/257,0/258   <0 member qgroups>
19520/260            0            0       104857600 -             <0 member qgroups>
19520/261        16384        16384       104857600 0/262         <0 member qgroups>
`;

test("groups, what is left of their limits, and whether others are in them", () => {
  const groups = parseGroups(SHOWN);
  expect(groups).toHaveLength(7);
  expect(groups[1]).toEqual({ id: "0/257", leftBytes: undefined, isParent: false });
  expect(groups[4]).toEqual({ id: "19520/257", leftBytes: 62_930_944, isParent: true });
  expect(parseGroups("ERROR: can't list qgroups: quotas not enabled\n")).toEqual([]);
});

test("a group of ours is stray when the machine's subvolume and all in it are gone", () => {
  expect(findStray(parseGroups(SHOWN))).toEqual(["19520/260"]);
});
