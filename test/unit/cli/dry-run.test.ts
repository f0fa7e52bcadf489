import { expect } from 'chai';
import { withDryRunValue } from '../../../src/cli/cleanup/dry-run.ts';

describe('--dry-run on the command line', () => {
  const cases: Record<string, { words: string; want: string }> = {
    'alone is the dry run': { words: 'cleanup --all --dry-run', want: 'cleanup --all --dry-run=client' },
    'does not take a NAME as its value': { words: 'cleanup --dry-run acme', want: 'cleanup --dry-run=client acme' },
    'does not take a flag as its value': { words: 'cleanup --dry-run --all', want: 'cleanup --dry-run=client --all' },
    'may have its value as the next word': { words: 'cleanup --dry-run server acme', want: 'cleanup --dry-run server acme' },
    'may have its value after =': { words: 'cleanup --dry-run=none acme', want: 'cleanup --dry-run=none acme' },
    'keeps a wrong value, which is refused later': { words: 'cleanup --dry-run=nope acme', want: 'cleanup --dry-run=nope acme' },
  };
  for (const [what, { words, want }] of Object.entries(cases))
    it(what, () => expect(withDryRunValue(words.split(' ')).join(' ')).to.equal(want));
});
