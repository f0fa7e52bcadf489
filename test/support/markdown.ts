/** The anchors of all headings, as GitHub makes them. */
export const anchorsOf = (markdown: string): string[] =>
  Array.from(markdown.matchAll(/^#+ (.+)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );

/** What stands in the blocks of YAML, one after the other. */
export const yamlIn = (markdown: string): string[] =>
  Array.from(markdown.matchAll(/^ *```yaml\n(.*?)^ *```$/gms), ([, block = '']) => block);
