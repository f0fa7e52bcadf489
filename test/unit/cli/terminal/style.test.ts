import { stripVTControlCharacters } from 'node:util';
import { expect } from 'chai';
import { COLOURED, type ColourChoice, PLAIN, styleFor } from '../../../../src/cli/terminal/style.ts';
import { columns } from '../../../../src/cli/terminal/text.ts';

describe('Colours and symbols', () => {
  const cases: Record<string, { choice?: ColourChoice; env?: Record<string, string>; isTerminal?: boolean; want: boolean }> = {
    'are on a terminal': { isTerminal: true, want: true },
    'are not in a pipe': { isTerminal: false, want: false },
    'are off with NO_COLOR': { isTerminal: true, env: { NO_COLOR: '1' }, want: false },
    'are on with an empty NO_COLOR': { isTerminal: true, env: { NO_COLOR: '' }, want: true },
    'are off on a dumb terminal': { isTerminal: true, env: { TERM: 'dumb' }, want: false },
    'are off with --color=never': { choice: 'never', isTerminal: true, want: false },
    'are in a pipe with --color=always': { choice: 'always', isTerminal: false, want: true },
    'are on with --color=always, although NO_COLOR is set': { choice: 'always', isTerminal: true, env: { NO_COLOR: '1' }, want: true },
  };
  for (const [what, { choice = 'auto', env = {}, isTerminal = true, want }] of Object.entries(cases))
    it(what, () => expect(styleFor(choice, { env, isTerminal })).to.equal(want ? COLOURED : PLAIN));

  const rows = [
    ['NAME', 'READY', 'AGE'],
    ['acme', { text: 'False', tone: 'bad' }, '3d'],
    ['a', { text: 'True', tone: 'good' }, '12d'],
  ] as const;
  it('are absent from a plain table', () => expect(columns(rows)).to.equal('NAME   READY   AGE\nacme   False   3d\na      True    12d\n'));
  it('leave the columns of a table aligned', () => {
    const text = columns(rows, COLOURED);
    expect(text).to.contain('\u001b[31m✘ False\u001b[0m').and.contain('\u001b[32m✔ True\u001b[0m');
    const visible = stripVTControlCharacters(text);
    expect(visible).to.equal('NAME   READY     AGE\nacme   ✘ False   3d\na      ✔ True    12d\n');
  });
  it('do not let text of others through to the terminal', () =>
    expect(columns([['NAME', { text: '\u001b[2Jacme', tone: 'good' }]], COLOURED)).to.not.contain('\u001b[2J'));
});
