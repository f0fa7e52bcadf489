export type Format = 'yaml' | 'json';

/** Objects as kubectl takes them, and as it prints them with -o. */
export async function printed(objects: readonly object[], format: Format): Promise<string> {
  switch (format) {
    case 'json': {
      const whole = objects.length === 1 ? objects[0] : { apiVersion: 'v1', kind: 'List', items: objects };
      return `${JSON.stringify(whole, null, 2)}\n`;
    }
    case 'yaml': {
      // Evaluated for those who print YAML: the operator has no use for it, and memory is counted there.
      const { stringify } = await import('yaml');
      return objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');
    }
    default:
      return format satisfies never;
  }
}
