import { expect } from 'chai';
import { costOf, namespacePatternCost } from '../../../../src/plan/injection/cost.ts';

describe('The cost of a rule', () => {
  const selector = {
    matchLabels: { pull: 'acme', tier: 'back' },
    matchExpressions: [
      { key: 'a', operator: 'In' as const, values: ['x', 'y', 'z'] },
      { key: 'b', operator: 'Exists' as const },
    ],
  };
  const table: Record<string, readonly [Parameters<typeof costOf>[0], more: number]> = {
    'is 60 for nothing but the name of a Secret': [{}, 0],
    'has one for each account': [{ accounts: ['a', 'b'] }, 2],
    'has one for each excluded namespace': [{ excludes: ['a', 'b', 'c'] }, 3],
    // The API server counts a tenth of the text, up to 253 characters and one more, times a quarter of the expression, both rounded up.
    'has 26 for four characters of an expression for accounts': [{ accountPattern: '^(a)$.*b' }, 52],
    'has 26 more for the next character': [{ accountPattern: '^(a)$.*bc' }, 78],
    'has 7 for four characters of an expression for excluded namespaces': [{ excludePattern: '^(a)$.*b' }, 14],
    'has 7 for four characters of an expression for named namespaces': [{ namedPattern: '^(a)$.*bc' }, 21],
    'has 20 for a label, 30 for an expression and one for each of its values': [{ selector }, 40 + 60 + 3],
    'has the same for the selector of excluded namespaces': [{ excludeSelector: selector }, 40 + 60 + 3],
    'is the sum of its parts': [
      { accounts: ['a'], excludes: ['b'], accountPattern: 'abcd', excludePattern: 'abcd', namedPattern: 'abcd' },
      42,
    ],
  };
  for (const [what, [conditions, more]] of Object.entries(table)) {
    it(what, () => expect(costOf(conditions)).to.equal(60 + more));
  }

  it('has 7 for four characters of an expression that leads to it', () =>
    expect(['abcd', 'abcde'].map(namespacePatternCost)).to.deep.equal([7, 14]));
});
