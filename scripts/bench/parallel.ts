/** A higher number was not faster on the tested machines. */
export const CONNECTIONS = 32;

/** Runs all calls, at most CONNECTIONS at the same time. `first` may get calls meanwhile: they go before the rest. */
export async function inParallel(
  calls: readonly (() => Promise<unknown>)[],
  width = CONNECTIONS,
  first: (() => Promise<unknown>)[] = [],
): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let call = first.shift() ?? calls[next++]; call; call = first.shift() ?? calls[next++]) await call();
  };
  await Promise.all(Array.from({ length: width }, lane));
}
