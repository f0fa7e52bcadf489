const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000 };

/** Milliseconds of a duration such as `6h` or `1h30m`. The schema of the API has validated it. */
export function durationMs(text: string): number {
  return Array.from(text.matchAll(/(\d+)([hms])/g)).reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNIT_MS[unit as string] ?? 0),
    0,
  );
}
