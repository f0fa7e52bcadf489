import { expect } from 'chai';
import type { Step } from '../../../../src/cli/doctor/observed.ts';
import { exitCodeOf, formatFindings, formatNames } from '../../../../src/cli/doctor/print.ts';
import { COLOURED, PLAIN } from '../../../../src/cli/terminal/style.ts';

describe('The text of the doctor', () => {
  const finding = (...marks: Step['mark'][]) => ({
    subject: 'pod/web-0',
    namespace: 'shop',
    steps: marks.map((mark, n): Step => ({ check: 'Image', mark, reason: 'R', message: `step ${n}`, fix: `fix ${n}` })),
  });
  const lines = (...marks: Step['mark'][]) =>
    formatFindings([finding(...marks)])
      .trimEnd()
      .split('\n');

  it('has a mark for each step, and the fix of the first wrong one', () =>
    expect(lines('ok', 'unseen', 'note', 'wrong', 'wrong')).to.deep.equal([
      'pod/web-0 in namespace shop',
      '✔ step 0',
      '? step 1',
      '· step 2',
      '✘ step 3',
      '  → fix 3',
      '✘ step 4',
    ]));
  it('has the fix of the first unseen step, if none is wrong', () =>
    expect(lines('unseen', 'unseen')).to.include('  → fix 0').and.not.include('  → fix 1'));
  it('has the fix of every step with -o wide', () => {
    const text = formatFindings([finding('wrong', 'wrong', 'ok')], { style: PLAIN, withAllFixes: true });
    for (const n of [0, 1, 2]) expect(text).to.contain(`  → fix ${n}`);
  });
  it('has a colour for each mark on a terminal', () => {
    const text = formatFindings([finding('ok', 'wrong', 'unseen')], { style: COLOURED, withAllFixes: false });
    expect(text)
      .to.contain('\u001b[32m✔\u001b[0m step 0')
      .and.contain('\u001b[31m✘\u001b[0m step 1')
      .and.contain('\u001b[33m?\u001b[0m step 2');
  });
  it('names no namespace for the whole cluster', () =>
    expect(formatFindings([{ ...finding('ok'), subject: 'all namespaces', namespace: '' }])).to.match(/^all namespaces\n/));
  it('has only the subjects with something wrong or unknown with -o name', () =>
    expect(
      formatNames([finding('wrong'), { ...finding('ok', 'note'), subject: 'pod/web-1' }, { ...finding('unseen'), subject: 'pod/web-2' }]),
    ).to.equal('pod/web-0\npod/web-2\n'));
  it('has no control characters', () => {
    const [, line] = formatFindings([
      { ...finding(), steps: [{ check: 'Kubelet', mark: 'wrong', reason: 'R', message: 'a\u001b[2Jb\u202ec\nd' }] },
    ]).split('\n');
    expect(line).to.equal('✘ a [2Jb c d');
  });

  const codes: Record<string, readonly [marks: Step['mark'][], code: number]> = {
    'nothing is wrong': [['ok', 'note'], 0],
    'something is wrong': [['ok', 'unseen', 'wrong'], 1],
    'something is unseen': [['ok', 'unseen'], 2],
  };
  for (const [what, [marks, code]] of Object.entries(codes))
    it(`has exit code ${code} if ${what}`, () => expect(exitCodeOf([finding(...marks)])).to.equal(code));
});
