import { expect } from 'chai';
import { type TestedVersion, withRows } from '../../../scripts/kubernetes/table.ts';

const BEGIN = '<!-- kubernetes: written by `npm run test:kubernetes` -->';
const END = '<!-- /kubernetes -->';
const page = (...rows: string[]) => ['Before', BEGIN, '| Kubernetes | passed |', '| --- | --- |', ...rows, END, 'After'].join('\n');

const tested = (version: string): TestedVersion => ({
  version,
  passed: 7,
  skipped: 1,
  failed: 0,
  reasons: ['It is too old.'],
  date: '2026-01-02',
});
/** The versions in the table of a page, in order. */
const versionsIn = (text: string) => Array.from(text.matchAll(/^\| (\d\S+)/gm), ([, version]) => version);

describe('The table of Kubernetes versions', () => {
  const table: Record<string, { rows: string[]; tested: string[]; want: string[] }> = {
    'gets a row for each version, in order of the versions': { rows: [], tested: ['v1.37.2', 'v1.30.14'], want: ['1.30.14', '1.37.2'] },
    'keeps the rows of other versions': { rows: ['| 1.36.3 | 5 |'], tested: ['v1.37.2'], want: ['1.36.3', '1.37.2'] },
    'has one row for a minor version: that of the last run': { rows: ['| 1.36.1 | 5 |'], tested: ['v1.36.3'], want: ['1.36.3'] },
  };
  for (const [what, { rows, tested: versions, want }] of Object.entries(table)) {
    it(what, () => expect(versionsIn(withRows(page(...rows), versions.map(tested)))).to.deep.equal(want));
  }

  it('has the counts, the date and the reasons, and leaves the rest of the page as it is', () => {
    const result = withRows(page(), [tested('v1.30.14')]);
    expect(result).to.include('| 1.30.14 | 7 | 1 | 0 | 2026-01-02 | It is too old. |');
    expect(result.split('\n').at(0)).to.equal('Before');
    expect(result.split('\n').at(-1)).to.equal('After');
  });

  it('needs its markers', () => expect(() => withRows('A page without markers', [])).to.throw(/The markers .* are missing/));
});
