export type Format = 'yaml' | 'json';

/** Formats objects as kubectl does with -o, so that kubectl apply accepts them. */
export async function formatObjects(objects: readonly object[], format: Format): Promise<string> {
  switch (format) {
    case 'json': {
      const root = objects.length === 1 ? objects[0] : { apiVersion: 'v1', kind: 'List', items: objects };
      return `${JSON.stringify(root, null, 2)}\n`;
    }
    case 'yaml': {
      // Loaded on demand: the operator does not need it, and it takes memory.
      const { stringify } = await import('yaml');
      return objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');
    }
    default:
      return format satisfies never;
  }
}
