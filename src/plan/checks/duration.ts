const UNIT_MS = { h: 3_600_000, m: 60_000, s: 1000 } as const;

/** Milliseconds of a duration such as `6h` or `1h30m`. The schema of the API has validated it. */
export function durationMs(text: string): number {
  return Array.from(text.matchAll(/(\d+)([hms])/g)).reduce(
    (sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS],
    0,
  );
}
