/** Choices that a seed repeats. Pure. */

export interface Random {
  /** From 0 up to, without, 1. */
  fraction(): number;
  pick<T>(from: readonly [T, ...T[]]): T;
  /** The same items in another order. */
  shuffle<T>(items: readonly T[]): T[];
}

/** mulberry32: 32 bits of state are plenty to choose whom to kill. */
export function openRandom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    fraction,
    pick: (from) => from[Math.floor(fraction() * from.length)] ?? from[0],
    shuffle: (items) =>
      items
        .map((item) => ({ item, place: fraction() }))
        .sort((one, other) => one.place - other.place)
        .map(({ item }) => item),
  };
}
