import { expect } from 'chai';
import { type Sample, verdictOf } from '../../../scripts/soak/verdict.ts';

/** Samples whose values are a function of their number. */
const samples = (mebibytes: (n: number) => number, handles: (n: number) => number): Sample[] =>
  Array.from({ length: 40 }, (_, n) => ({ mebibytes: mebibytes(n), handles: handles(n) }));

describe('The verdict of a soak', () => {
  const cases: Record<string, { readonly of: Sample[]; readonly problems: readonly RegExp[] }> = {
    'is good if nothing moves': {
      of: samples(
        () => 100,
        () => 20,
      ),
      problems: [],
    },
    'is good if the memory goes up and down': {
      of: samples(
        (n) => 100 + (n % 5) * 8,
        (n) => 20 + (n % 3),
      ),
      problems: [],
    },
    'is good if the process only warms up': {
      of: samples(
        (n) => (n < 10 ? 60 + 4 * n : 100),
        (n) => Math.min(20, n),
      ),
      problems: [],
    },
    'is bad if the memory grows all the time': {
      of: samples(
        (n) => 100 + 2 * n,
        () => 20,
      ),
      problems: [/memory grew from 130 to 170/],
    },
    'is bad if connections stay open': {
      of: samples(
        () => 100,
        (n) => 20 + n,
      ),
      problems: [/connections grew from 35 to 55/],
    },
    'names both': {
      of: samples(
        (n) => 100 + 4 * n,
        (n) => 20 + n,
      ),
      problems: [/memory/, /connections/],
    },
  };
  for (const [what, { of, problems }] of Object.entries(cases)) {
    it(what, () => {
      const found = verdictOf(of).problems;
      expect(found).to.have.length(problems.length);
      for (const [n, problem] of problems.entries()) expect(found[n]).to.match(problem);
    });
  }

  it('needs enough samples', () => {
    expect(() =>
      verdictOf(
        samples(
          () => 1,
          () => 1,
        ).slice(0, 7),
      ),
    ).to.throw('run it longer');
  });
});
