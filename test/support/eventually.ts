import { setTimeout as delay } from 'node:timers/promises';

/** Longer than any correct operation takes: a test that reaches it fails. */
const DEADLINE_MS = 30_000;
const POLL_MS = 20;

/** Retries `probe` until it does not throw, and returns its result. After the deadline, throws with the last error as the cause. */
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
