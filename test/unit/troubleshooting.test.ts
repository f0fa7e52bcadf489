import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { REASON } from '../../src/api/reasons.ts';

const text = readFileSync('docs/troubleshooting.md', 'utf8');

describe('docs/troubleshooting.md', () => {
  const entries = new Map(
    text.split('\n').flatMap((line) => {
      const [, reason, ...cells] = /^\| `([A-Z]\w+)` \| (.+) \| (.+) \| (.+) \|$/.exec(line) ?? [];
      return reason === undefined ? [] : [[reason, cells] as const];
    }),
  );
  for (const reason of Object.values(REASON)) {
    it(`explains ${reason}: what it means, how to investigate it and how to fix it`, () => {
      const cells = entries.get(reason);
      expect(cells).to.have.lengthOf(3);
      for (const cell of cells ?? []) expect(cell.trim()).to.not.equal('');
    });
  }

  it('has no entry for an unknown reason', () => expect(Object.values(REASON)).to.include.members([...entries.keys()]));
});
