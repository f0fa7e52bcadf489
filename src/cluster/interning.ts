/** The largest number of remembered values. */
const MAX_VALUES = 1000;

/** Values with longer JSON are not remembered. The operator did not write them, so they rarely repeat. */
const MAX_JSON_LENGTH = 2000;

const known = new Map<string, unknown>();

/**
 * Returns the same object for equal values. A thousand Secrets of one credential then share their labels, annotations, owners and hash. This
 * halves the memory of a record.
 */
export function interned<T>(value: T): T {
  const key = JSON.stringify(value);
  if (key.length > MAX_JSON_LENGTH) return value;
  if (known.size >= MAX_VALUES) known.clear();
  if (!known.has(key)) known.set(key, JSON.parse(key)); // A copy: the caller may keep and change its own.
  return known.get(key) as T;
}
