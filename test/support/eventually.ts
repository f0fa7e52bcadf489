import { setTimeout as delay } from 'node:timers/promises';

/** Longer than any correct operation takes on a busy machine: a test that reaches it fails. */
const DEADLINE_MS = 90_000;
/** The deadline in test/unit. .mocharc.unit.json gives a case 20 s: a case that hangs reports what it waited for. */
const SOON_MS = 15_000;
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

/** As `eventually`, for the cases in test/unit: nothing that they wait for is outside of the process. */
export const soon = <T>(what: string, probe: () => Promise<T> | T, deadlineMs = SOON_MS): Promise<T> => eventually(what, probe, deadlineMs);
