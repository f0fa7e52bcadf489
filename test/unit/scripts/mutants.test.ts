import { expect } from 'chai';
import { mutationsOf } from '../../../scripts/mutants/mutations.ts';
import { testsOf } from '../../../scripts/mutants/tests-of.ts';

/** All texts that one mutation makes of a source. */
const mutantsOf = (source: string) =>
  mutationsOf(source).map(({ start, end, with: replacement }) => source.slice(0, start) + replacement + source.slice(end));

describe('The mutations of a source file', () => {
  const table: Record<string, { source: string; want: string[] }> = {
    'replace a comparison': { source: 'const a = (b: number) => b === c;', want: ['const a = (b: number) => b !== c;'] },
    'replace a logical operator': { source: 'export const a = b && c', want: ['export const a = b || c'] },
    'negate a condition': { source: 'export const a = b ? c : d', want: ['export const a = !(b) ? c : d'] },
    'remove a negation': { source: 'export const a = !b', want: ['export const a = b'] },
    'remove a statement': { source: 'f();', want: [';'] },
    'flip a boolean': { source: 'export const a = true', want: ['export const a = false'] },
    'add one to a small number': { source: 'export const a = 1', want: ['export const a = 2'] },
    'double a large number': { source: 'export const a = 1_000', want: ['export const a = 2000'] },
    'are none in a negative number': { source: 'export const a = -1', want: [] },
    'change the condition of a comparison function, and not the numbers, of which only the sign counts': {
      source: 'export const a = b < c ? -1 : 1',
      want: ['export const a = !(b < c) ? -1 : 1', 'export const a = b <= c ? -1 : 1'],
    },
    'replace a method by its counterpart': { source: 'export const a = b.some(c)', want: ['export const a = b.every(c)'] },
    'are none in types': { source: 'type A = { readonly b: true | 1 }', want: [] },
    'are none in texts that are joined': { source: "export const a = 'one two' + b", want: [] },
    'are none for a property that every object has': { source: 'export const a = b.constructor', want: [] },
  };
  for (const [what, { source, want }] of Object.entries(table)) {
    it(what, () => expect(mutantsOf(source)).to.deep.equal(want));
  }
});

describe('The tests of a source file', () => {
  const imports: Record<string, readonly string[]> = {
    'test/unit/a.test.ts': ['src/b.ts'],
    'test/unit/far.test.ts': ['src/c.ts'],
    'test/unit/near.test.ts': ['src/a.ts'],
    'test/unit/other.test.ts': ['src/d.ts'],
    'src/b.ts': ['src/a.ts'],
    'src/c.ts': ['src/b.ts'],
    // A cycle must not make the search endless.
    'src/d.ts': ['src/d.ts'],
  };
  const tests = Object.keys(imports).filter((file) => file.startsWith('test/'));

  it('are those that reach it by imports: first its own, then the nearest', () =>
    expect(testsOf('src/a.ts', tests, (file) => imports[file] ?? [])).to.deep.equal([
      'test/unit/a.test.ts',
      'test/unit/near.test.ts',
      'test/unit/far.test.ts',
    ]));
});
