import { expect } from 'chai';
import { parseRetryAfter } from '../../../src/net/retry-after.ts';

const NOW = Date.parse('2026-11-01T12:00:00Z');
const WEEK = 604_800;

describe('A Retry-After header', () => {
  const table: Record<string, readonly [text: string | undefined, seconds: number | undefined]> = {
    'that is missing asks for nothing': [undefined, undefined],
    'has a number of seconds': ['120', 120],
    'may have white space around it': [' 120\t', 120],
    'may be zero': ['0', 0],
    'has a date': ['Sun, 01 Nov 2026 12:01:00 GMT', 60],
    'with a date that is over asks for no wait': ['Sun, 01 Nov 2026 11:59:00 GMT', 0],
    'is a week at most': [`${WEEK}`, WEEK],
    'that is longer than a week counts as a week': [`${WEEK + 1}`, WEEK],
    'with a date after that week counts as a week': ['Sun, 01 Nov 2027 12:00:00 GMT', WEEK],
    'that is a word is ignored': ['later', undefined],
    'that is empty is ignored': ['', undefined],
  };
  for (const [what, [text, seconds]] of Object.entries(table)) it(what, () => expect(parseRetryAfter(text, NOW)).to.equal(seconds));

  it('with a date is rounded up to whole seconds', () => expect(parseRetryAfter('Sun, 01 Nov 2026 12:01:00 GMT', NOW + 1)).to.equal(60));
});
