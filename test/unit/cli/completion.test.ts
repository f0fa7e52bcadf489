import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Command } from 'commander';
import { commands } from '../../../src/cli/commands.ts';
import { complete } from '../../../src/cli/completion.ts';

const nothing = async () => {};
const world = {
  env: {},
  home: '/nowhere',
  program: 'regcred',
  input: async () => undefined,
  now: () => new Date(0),
  print: () => {},
  say: () => {},
};

describe('Completion', () => {
  const program = new Command('regcred');
  for (const command of commands(world, nothing)) program.addCommand(command);
  const offered = async (...words: string[]) =>
    (await complete(program, words)).output
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t')[0]);

  const cases: Record<string, { words: string[]; want: string[] }> = {
    'of the first word offers the commands': { words: [''], want: ['create', 'status', 'doctor', 'cleanup', 'completion', ':4'] },
    'goes on with what was typed': { words: ['cl'], want: ['cleanup', ':4'] },
    'offers flags, but not those that are hidden': { words: ['create', '--p'], want: ['--password-stdin', ':4'] },
    'offers the values of a flag': { words: ['create', 'acme', '-o', ''], want: ['yaml', 'json', ':4'] },
    'offers them behind an =, too': { words: ['cleanup', '--dry-run=s'], want: ['--dry-run=server', ':4'] },
    'takes an = that bash has made a word of for none': { words: ['cleanup', '--dry-run', '=', 'c'], want: ['client', ':4'] },
    'leaves a file to the shell': { words: ['status', '--kubeconfig', ''], want: [':0'] },
    'leaves it so behind an =': { words: ['create', 'acme', '--from-docker-config=/t'], want: [':0'] },
    'has nothing for a new name': { words: ['create', ''], want: [':4'] },
    'has nothing behind a command that there is not': { words: ['bogus', ''], want: [':4'] },
    'offers the shells': { words: ['completion', ''], want: ['bash', 'zsh', 'fish', ':4'] },
    'has no names, and no error, where there is no cluster': { words: ['status', '--kubeconfig', '/nowhere/config', ''], want: [':4'] },
  };
  for (const [what, { words, want }] of Object.entries(cases)) it(what, async () => expect(await offered(...words)).to.deep.equal(want));

  it('offers the contexts of the kubeconfig that is named', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'regcred-completion-'));
    const file = join(directory, 'config');
    writeFileSync(file, JSON.stringify({ contexts: ['prod', 'test'].map((name) => ({ name, context: { cluster: 'c', user: 'u' } })) }));
    expect(await offered('status', '--kubeconfig', file, '--context', 'p')).to.deep.equal(['prod', ':4']);
    rmSync(directory, { recursive: true });
  });
});
