import { expect } from 'chai';
import fc from 'fast-check';
import { split, type TimedFile } from '../../../scripts/test/split.ts';

describe('The test files are split over processes', () => {
  const timed = (seconds: Record<string, number>): TimedFile[] => Object.entries(seconds).map(([file, s]) => ({ file, seconds: s }));
  const table: Record<string, { files: Record<string, number>; jobs: number; want: string[][] }> = {
    'the longest first, each to the process with the least work': {
      files: { a: 1, b: 5, c: 4, d: 2 },
      jobs: 2,
      want: [
        ['b', 'a'],
        ['c', 'd'],
      ],
    },
    'in a stable order for files with the same duration': { files: { b: 1, a: 1, c: 1 }, jobs: 2, want: [['a', 'c'], ['b']] },
    'over at most as many processes as there are files': { files: { a: 1 }, jobs: 3, want: [['a']] },
  };
  for (const [how, { files, jobs, want }] of Object.entries(table)) {
    it(how, () => expect(split(timed(files), jobs).map((share) => share.map(({ file }) => file))).to.deep.equal(want));
  }

  it('so that each file runs once', () => {
    const files = fc.uniqueArray(fc.record({ file: fc.string(), seconds: fc.nat(1000) }), { selector: ({ file }) => file });
    fc.assert(
      fc.property(files, fc.integer({ min: 1, max: 8 }), (all, jobs) => {
        const names = (some: readonly TimedFile[]) => some.map(({ file }) => file).sort();
        expect(names(split(all, jobs).flat())).to.deep.equal(names(all));
      }),
    );
  });
});
