import { expect } from 'chai';
import { withRun } from '../../../scripts/gitops/page.ts';
import { versions } from '../../gitops/programs.ts';

const BEGIN = '<!-- gitops: written by `npm run test:gitops` -->';
const END = '<!-- /gitops -->';

describe('The versions of GitOps tools in the docs', () => {
  const run = { versions: { 'Argo CD': '3.5.3', 'source-controller': '1.9.0' }, passed: 7, date: '2026-01-02' };

  it('replace those of the last run, and leave the rest of the page as it is', () => {
    const once = withRun(`Before\n${BEGIN}\nold\n${END}\nAfter`, run);
    expect(once.split('\n')).to.deep.equal([
      'Before',
      BEGIN,
      'Run of 2026-01-02: 7 cases passed.',
      '',
      '| program | version |',
      '| --- | --- |',
      '| Argo CD | 3.5.3 |',
      '| source-controller | 1.9.0 |',
      END,
      'After',
    ]);
    expect(withRun(once, run)).to.equal(once);
  });

  it('need their markers', () => expect(() => withRun('A page without markers', run)).to.throw(/The markers .* are missing/));

  it('are those that the tests build', () => {
    for (const [program, version] of Object.entries(versions())) expect(version, program).to.match(/^\d+\.\d+\.\d+$/);
  });
});
