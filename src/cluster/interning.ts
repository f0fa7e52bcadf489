/** The largest number of remembered values. */
const MAX_VALUES = 1000;

/** Longer objects are remembered field by field. Longer lists and texts are not remembered. */
const MAX_JSON_LENGTH = 2000;

const known = new Map<string, unknown>();

/**
 * Returns the same object for equal values. A thousand Secrets of one credential then share their labels, annotations, owners and hash. This
 * halves the memory of a record.
 */
export function interned<T>(value: T): T {
  if (value === undefined) return value;
  const key = JSON.stringify(value);
  if (key.length > MAX_JSON_LENGTH) return withInternedFields(value);
  if (known.size >= MAX_VALUES) known.clear();
  if (!known.has(key)) known.set(key, JSON.parse(key)); // A copy: the caller may keep and change its own.
  return known.get(key) as T;
}

function withInternedFields<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([field, part]) => [field, interned(part)])) as T;
}
