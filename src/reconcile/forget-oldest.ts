/** No event reports that a remembered object was deleted, so each memory is bounded. */
const MAX_REMEMBERED = 10_000;

/** Drops the oldest entries beyond the bound. */
export function forgetOldest(remembered: Map<string, unknown>): void {
  for (const oldest of remembered.keys()) {
    if (remembered.size <= MAX_REMEMBERED) return;
    remembered.delete(oldest);
  }
}
