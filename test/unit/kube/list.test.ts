import { expect } from 'chai';
import { nextPageSize } from '../../../src/kube/list.ts';

const MIB = 2 ** 20;

describe('The size of the next page of a list', () => {
  const cases: Record<string, { size: number; mib: number; want: number }> = {
    'is four times as large after a small answer': { size: 500, mib: 0.125, want: 2000 },
    'is as large as fits into 2 MiB': { size: 2000, mib: 1, want: 4000 },
    'is smaller after an answer of more than 2 MiB': { size: 8000, mib: 8, want: 2000 },
    'is never below 500, as the first one': { size: 500, mib: 400, want: 500 },
    'is never above 10,000': { size: 10_000, mib: 1, want: 10_000 },
  };
  for (const [what, { size, mib, want }] of Object.entries(cases)) {
    it(what, () => expect(nextPageSize(size, mib * MIB)).to.equal(want));
  }
});
