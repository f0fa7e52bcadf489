/** Reproducible random numbers: the same seed gives the same moments, order and choices. */
export interface Chance {
  readonly seed: number;
  /** At least 0, less than 1. */
  next(): number;
  /** An integer between the two bounds, inclusive. */
  between(least: number, most: number): number;
  pick<T>(from: readonly T[]): T;
  /** That many different elements. */
  some<T>(from: readonly T[], count: number): T[];
}

/** mulberry32: small, and good enough for choosing moments. */
export function chance(seed: number): Chance {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least: number, most: number) => least + Math.floor(next() * (most - least + 1));
  const pick = <T>(from: readonly T[]) => from[between(0, from.length - 1)] as T;
  return {
    seed,
    next,
    between,
    pick,
    some: (from, count) => {
      const left = [...from];
      return Array.from(
        { length: Math.min(count, left.length) },
        () => left.splice(between(0, left.length - 1), 1)[0] as (typeof left)[number],
      );
    },
  };
}
