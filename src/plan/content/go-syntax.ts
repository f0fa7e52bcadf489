/** JSON and base64 as Go reads them, and so Docker and the kubelet. Both are more lenient, or more strict, than Node.js. */

/** A JSON object; undefined if the text is not one. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined; // The error of JSON.parse quotes the text, which is secret.
  }
}

/** The value as a JSON object; undefined if it is not one. */
export const asObject = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;

/** A field by its name in any case. Of several such fields, the last that is not null, as in Go's encoding/json. */
export function fieldOf(object: Record<string, unknown>, name: string): unknown {
  return Object.keys(object)
    .filter((key) => key.toLowerCase() === name.toLowerCase())
    .map((key) => object[key])
    .findLast((value) => value !== null);
}

/**
 * Decodes base64, padded or not. It may contain line breaks, but no other foreign characters: Node's own decoder skips those.
 * Undefined if the text is not base64.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const joined = text.replace(/[\r\n]/g, '');
  const unpadded = joined.replace(/={1,2}$/, '');
  if (unpadded === '' || unpadded.length % 4 === 1 || !/^[A-Za-z0-9+/]*$/.test(unpadded)) return undefined;
  if (unpadded.length !== joined.length && joined.length % 4 !== 0) return undefined;
  return Buffer.from(unpadded, 'base64');
}
