/** The table of `npm run e2e` in docs/reliability.md, between its markers. */

import { withMarkedPart } from '../../scripts/marked-part.ts';

export interface Figure {
  readonly what: string;
  readonly value: string;
}

const MARKERS = { begin: '<!-- e2e: written by `npm run e2e -- --write` -->', end: '<!-- /e2e -->' };

/** The page with these figures between the markers. Throws if they are missing. */
export const withFigures = (page: string, figures: readonly Figure[]): string =>
  withMarkedPart(page, MARKERS, () => ['| | |', '| --- | --- |', ...figures.map(({ what, value }) => `| ${what} | ${value} |`)].join('\n'));
