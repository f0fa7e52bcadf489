import { expect } from 'chai';
import { ProgressLine } from '../../../../src/cli/terminal/progress-line.ts';

describe('The progress of a long command', () => {
  let written: string;
  let now: number;
  const line = (isTerminal: boolean, width = 80) => {
    written = '';
    now = 5000;
    return new ProgressLine({ write: (text) => (written += text), isTerminal, width, now: () => now });
  };

  it('is one line on a terminal, which replaces the one before', () => {
    const progress = line(true);
    progress.show('1 of 9 steps done.');
    now += 200;
    progress.show('2 of 9 steps done.');
    expect(written).to.equal('\r\u001b[2K1 of 9 steps done.\r\u001b[2K2 of 9 steps done.');
  });

  it('changes ten times a second at most', () => {
    const progress = line(true);
    for (let n = 0; n < 1000; n++, now++) progress.show(`${n}`);
    expect(written.split('\r')).to.have.lengthOf(11);
  });

  it('fits into the terminal', () => {
    line(true, 10).show('a long line that would wrap');
    expect(written).to.equal('\r\u001b[2Ka long li');
  });

  it('makes room for other output, and comes back at once', () => {
    const progress = line(true);
    progress.show('one');
    progress.clear();
    expect(written.endsWith('\r\u001b[2K')).to.equal(true);
    progress.clear();
    progress.show('two');
    expect(written).to.equal('\r\u001b[2Kone\r\u001b[2K\r\u001b[2Ktwo');
  });

  it('is plain in a pipe: nothing for short work, and then a line every two seconds', () => {
    const progress = line(false);
    for (let n = 0; n < 50; n++, now += 100) progress.show(`${n}`);
    progress.clear();
    expect(written).to.equal('20\n40\n');
  });
});
