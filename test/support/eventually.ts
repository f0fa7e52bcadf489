import { setTimeout as delay } from 'node:timers/promises';

/** Longer than anything takes: a test that gets here has failed. */
const DEADLINE_MS = 30_000;
const POLL_MS = 20;

/** Waits until `probe` stops throwing, and returns what it returns. After the deadline fails with what it last threw. */
export async function eventually<T>(what: string, probe: () => Promise<T> | T, deadlineMs = DEADLINE_MS): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await probe();
    } catch (cause) {
      if (performance.now() > end)
        throw new Error(`Not within ${deadlineMs / 1000} s: ${what}. Last seen: ${(cause as Error).message}`, { cause });
    }
    await delay(POLL_MS);
  }
}
