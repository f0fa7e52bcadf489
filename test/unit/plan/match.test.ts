import { expect } from 'chai';
import fc from 'fast-check';
import { matches, matchesGlob, matchesSelector, type Selector } from '../../../src/plan/match.ts';

describe('A glob', () => {
  const table: Record<string, readonly [glob: string, name: string, want: boolean]> = {
    'without a wildcard matches the very name': ['shop', 'shop', true],
    'does not match a name that only begins with it': ['shop', 'shop-2', false],
    'does not match a name that only ends with it': ['shop', 'my-shop', false],
    'with * at the end matches what begins so': ['team-*', 'team-a', true],
    'with * matches nothing at all, too': ['team-*', 'team-', true],
    'with * in the middle goes back as far as it must': ['*-prod-eu', 'a-prod-us-prod-eu', true],
    'with ? matches one character': ['team-?', 'team-a', true],
    'with ? does not match none': ['team-?', 'team-', false],
    'with ? does not match two': ['team-?', 'team-ab', false],
    'that is empty matches no name': ['', 'shop', false],
    'takes a dot for a dot': ['a.b', 'axb', false],
  };
  for (const [what, [glob, name, want]] of Object.entries(table)) it(what, () => expect(matchesGlob(glob, name)).to.equal(want));

  const text = fc.string({ unit: fc.constantFrom(...'ab*?-'), maxLength: 8 });

  it('matches what the regular expression made from it matches', () => {
    const expression = (glob: string) => new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`);
    fc.assert(
      fc.property(text, text, (glob, name) => {
        expect(matchesGlob(glob, name)).to.equal(expression(glob).test(name));
      }),
      { numRuns: 2000 },
    );
  });

  it('that is hostile takes no time', () => {
    const start = performance.now();
    expect(matchesGlob('*a'.repeat(60), `${'a'.repeat(253)}b`)).to.equal(false);
    expect(performance.now() - start).to.be.below(100);
  });
});

describe('A selector', () => {
  const labels = { app: 'web', tier: 'front' };
  const expression = (key: string, operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', ...values: string[]): Selector => ({
    matchExpressions: [{ key, operator, ...(values.length > 0 && { values }) }],
  });
  const table: Record<string, readonly [Selector, boolean]> = {
    'with the label matches': [{ matchLabels: { app: 'web' } }, true],
    'with another value does not match': [{ matchLabels: { app: 'db' } }, false],
    'wants all its labels': [{ matchLabels: { app: 'web', tier: 'back' } }, false],
    'wants labels and expressions': [{ matchLabels: { app: 'web' }, ...expression('tier', 'DoesNotExist') }, false],
    'wants all its expressions': [
      {
        matchExpressions: [
          { key: 'app', operator: 'Exists' },
          { key: 'no', operator: 'Exists' },
        ],
      },
      false,
    ],
    'In holds for one of the values': [expression('app', 'In', 'db', 'web'), true],
    'In does not hold for another value': [expression('app', 'In', 'db'), false],
    'In does not hold where the label is absent': [expression('no', 'In', 'web'), false],
    'NotIn does not hold for one of the values': [expression('app', 'NotIn', 'web'), false],
    'NotIn holds for another value': [expression('app', 'NotIn', 'db'), true],
    'NotIn holds where the label is absent': [expression('no', 'NotIn', 'web'), true],
    'Exists holds where the label is there': [expression('app', 'Exists'), true],
    'DoesNotExist does not hold where the label is there': [expression('app', 'DoesNotExist'), false],
    'DoesNotExist holds where the label is absent': [expression('no', 'DoesNotExist'), true],
    'finds no label that every object of JavaScript has': [expression('constructor', 'Exists'), false],
  };
  for (const [what, [selector, want]] of Object.entries(table)) it(what, () => expect(matchesSelector(selector, labels)).to.equal(want));

  const key = fc.constantFrom('app', 'tier', 'constructor', 'example.com/x');
  const value = fc.constantFrom('', 'a', 'b');
  const anyLabels = fc.dictionary(key, value);

  it('that is empty matches everything, and one made of its own labels every object', () => {
    fc.assert(
      fc.property(anyLabels, (own) => {
        expect(matchesSelector({}, own)).to.equal(true);
        expect(matchesSelector({ matchLabels: {}, matchExpressions: [] }, own)).to.equal(true);
        expect(matchesSelector({ matchLabels: own }, own)).to.equal(true);
      }),
    );
  });

  it('by matchLabels is one by In with one value, NotIn the opposite of In, DoesNotExist of Exists', () => {
    fc.assert(
      fc.property(anyLabels, key, value, (own, name, wanted) => {
        const holds = (operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist') => matchesSelector(expression(name, operator, wanted), own);
        expect(matchesSelector({ matchLabels: { [name]: wanted } }, own)).to.equal(holds('In'));
        expect(holds('NotIn')).to.equal(!holds('In'));
        expect(holds('DoesNotExist')).to.equal(!holds('Exists'));
      }),
    );
  });
});

describe('Names and a selector', () => {
  const object = { name: 'shop', labels: { pull: 'acme' } };
  const table: Record<string, readonly [Parameters<typeof matches>[0], boolean]> = {
    'match by one of the names': [{ names: ['team-*', 'sho?'] }, true],
    'match by the selector alone': [{ names: ['team-*'], selector: { matchLabels: { pull: 'acme' } } }, true],
    'match by a name alone': [{ names: ['shop'], selector: { matchLabels: { pull: 'other' } } }, true],
    'match nothing where neither does': [{ names: ['team-*'], selector: { matchLabels: { pull: 'other' } } }, false],
    'match everything by an empty selector': [{ selector: {} }, true],
    'match nothing where there are no names': [{ names: [] }, false],
    'match nothing where neither is given': [{}, false],
    'match nothing where they are absent': [undefined, false],
  };
  for (const [what, [wanted, want]] of Object.entries(table)) it(what, () => expect(matches(wanted, object)).to.equal(want));
});
