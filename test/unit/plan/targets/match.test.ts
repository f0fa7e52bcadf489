import { expect } from 'chai';
import fc from 'fast-check';
import { matches, matchesGlob, matchesSelector, type Selector } from '../../../../src/plan/targets/match.ts';
import { cpuMs } from '../../../support/cpu-time.ts';

describe('A glob', () => {
  const table: Record<string, readonly [glob: string, name: string, want: boolean]> = {
    'without a wildcard matches exactly that name': ['shop', 'shop', true],
    'does not match a name that only begins with it': ['shop', 'shop-2', false],
    'does not match a name that only ends with it': ['shop', 'my-shop', false],
    'with * at the end matches names that begin with the rest': ['team-*', 'team-a', true],
    'with * also matches no characters': ['team-*', 'team-', true],
    'with * in the middle backtracks as far as needed': ['*-prod-eu', 'a-prod-us-prod-eu', true],
    'with * in the middle needs the text before and after it, without an overlap': ['ab*bc', 'abc', false],
    'with ? matches one character': ['team-?', 'team-a', true],
    'with ? does not match no character': ['team-?', 'team-', false],
    'with ? does not match two': ['team-?', 'team-ab', false],
    'that is empty matches no name': ['', 'shop', false],
    'matches a dot only with a dot': ['a.b', 'axb', false],
  };
  for (const [what, [glob, name, want]] of Object.entries(table)) it(what, () => expect(matchesGlob(glob, name)).to.equal(want));

  const text = fc.string({ unit: fc.constantFrom(...'ab*?-'), maxLength: 8 });

  it('matches what the equivalent regular expression matches', () => {
    const expression = (glob: string) => new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`);
    fc.assert(
      fc.property(text, text, (glob, name) => {
        expect(matchesGlob(glob, name)).to.equal(expression(glob).test(name));
      }),
      { numRuns: 2000 },
    );
  });

  it('that is hostile is matched quickly', () => {
    const start = cpuMs();
    expect(matchesGlob('*a'.repeat(60), `${'a'.repeat(253)}b`)).to.equal(false);
    expect(cpuMs() - start).to.be.below(2_000);
  });
});

describe('A selector', () => {
  const labels = { app: 'web', tier: 'front' };
  const expression = (key: string, operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', ...values: string[]): Selector => ({
    matchExpressions: [{ key, operator, ...(values.length > 0 && { values }) }],
  });
  const table: Record<string, readonly [Selector, boolean]> = {
    'matches an object with the label': [{ matchLabels: { app: 'web' } }, true],
    'does not match an object with another value': [{ matchLabels: { app: 'db' } }, false],
    'needs all its labels': [{ matchLabels: { app: 'web', tier: 'back' } }, false],
    'needs its labels and its expressions': [{ matchLabels: { app: 'web' }, ...expression('tier', 'DoesNotExist') }, false],
    'needs all its expressions': [
      {
        matchExpressions: [
          { key: 'app', operator: 'Exists' },
          { key: 'no', operator: 'Exists' },
        ],
      },
      false,
    ],
    'with In matches one of the values': [expression('app', 'In', 'db', 'web'), true],
    'with In does not match another value': [expression('app', 'In', 'db'), false],
    'with In does not match if the label is absent': [expression('no', 'In', 'web'), false],
    'with NotIn does not match one of the values': [expression('app', 'NotIn', 'web'), false],
    'with NotIn matches another value': [expression('app', 'NotIn', 'db'), true],
    'with NotIn matches if the label is absent': [expression('no', 'NotIn', 'web'), true],
    'with Exists matches if the label is present': [expression('app', 'Exists'), true],
    'with DoesNotExist does not match if the label is present': [expression('app', 'DoesNotExist'), false],
    'with DoesNotExist matches if the label is absent': [expression('no', 'DoesNotExist'), true],
    'does not match properties that every JavaScript object inherits': [expression('constructor', 'Exists'), false],
  };
  for (const [what, [selector, want]] of Object.entries(table)) it(what, () => expect(matchesSelector(selector, labels)).to.equal(want));

  const key = fc.constantFrom('app', 'tier', 'constructor', 'example.com/x');
  const value = fc.constantFrom('', 'a', 'b');
  const anyLabels = fc.dictionary(key, value);

  it('that is empty matches everything, and one of all labels of an object matches this object', () => {
    fc.assert(
      fc.property(anyLabels, (own) => {
        expect(matchesSelector({}, own)).to.equal(true);
        expect(matchesSelector({ matchLabels: {}, matchExpressions: [] }, own)).to.equal(true);
        expect(matchesSelector({ matchLabels: own }, own)).to.equal(true);
      }),
    );
  });

  it('has equivalent parts: matchLabels and In, NotIn and not In, DoesNotExist and not Exists', () => {
    fc.assert(
      fc.property(anyLabels, key, value, (own, name, wanted) => {
        const matchesWith = (operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist') =>
          matchesSelector(expression(name, operator, wanted), own);
        expect(matchesSelector({ matchLabels: { [name]: wanted } }, own)).to.equal(matchesWith('In'));
        expect(matchesWith('NotIn')).to.equal(!matchesWith('In'));
        expect(matchesWith('DoesNotExist')).to.equal(!matchesWith('Exists'));
      }),
    );
  });
});

describe('Names and a selector', () => {
  const object = { name: 'shop', labels: { pull: 'acme' } };
  const table: Record<string, readonly [Parameters<typeof matches>[0], boolean]> = {
    'match if one of the names matches': [{ names: ['team-*', 'sho?'] }, true],
    'match if only the selector matches': [{ names: ['team-*'], selector: { matchLabels: { pull: 'acme' } } }, true],
    'match if only a name matches': [{ names: ['shop'], selector: { matchLabels: { pull: 'other' } } }, true],
    'match nothing if neither matches': [{ names: ['team-*'], selector: { matchLabels: { pull: 'other' } } }, false],
    'match everything if the selector is empty': [{ selector: {} }, true],
    'match nothing if the list of names is empty': [{ names: [] }, false],
    'match nothing if neither is set': [{}, false],
    'match nothing if the whole selection is absent': [undefined, false],
  };
  for (const [what, [wanted, want]] of Object.entries(table)) it(what, () => expect(matches(wanted, object)).to.equal(want));
});
