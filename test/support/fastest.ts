const ATTEMPTS = 5;

/**
 * Returns the time of the fastest of a few attempts in milliseconds, and prints it. An attempt returns its own time. The machine of the tests has
 * other work: the fastest attempt is what the program needs. An attempt that takes less than `promisedMs` is the last one.
 */
export async function fastest(what: string, promisedMs: number, attempt: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  while (times.length < ATTEMPTS && !times.some((ms) => ms < promisedMs)) times.push(await attempt());
  const ms = Math.min(...times);
  console.log(`      ${what} after ${ms.toFixed(0)} ms, the fastest of ${times.length}`);
  return ms;
}
