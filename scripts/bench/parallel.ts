/** More at once gain nothing on the machines that this was tried on. */
export const CONNECTIONS = 32;

/** Runs all calls, at most so many at once. */
export async function inParallel(calls: readonly (() => Promise<unknown>)[], width = CONNECTIONS): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let call = calls[next++]; call; call = calls[next++]) await call();
  };
  await Promise.all(Array.from({ length: width }, lane));
}
