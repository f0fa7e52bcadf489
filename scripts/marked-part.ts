/** The parts of the docs that a command writes: they stand between two comments. */
export interface Markers {
  readonly begin: string;
  readonly end: string;
}

/**
 * The page with another part between its markers.
 *
 * @param partOf gives the new part from the one before it, both without the line breaks beside the markers
 * @throws if a marker is missing
 */
export function withMarkedPart(page: string, { begin, end }: Markers, partOf: (before: string) => string): string {
  const [above, rest] = page.split(begin);
  const [part, below] = rest?.split(end) ?? [];
  if (above === undefined || part === undefined || below === undefined)
    throw new Error(`The markers ${begin} and ${end} are missing. Add them where the part belongs.`);
  return [above, begin, '\n', partOf(part), '\n', end, below].join('');
}
