/** The anchors of all headings, as GitHub generates them. */
export const anchorsOf = (markdown: string): string[] =>
  Array.from(markdown.matchAll(/^#+ (.+)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );

/** The texts of all YAML blocks, in order. */
export const yamlIn = (markdown: string): string[] =>
  Array.from(markdown.matchAll(/^ *```yaml\n(.*?)^ *```$/gms), ([, block = '']) => block);
