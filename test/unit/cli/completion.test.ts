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
  version: '1.2.3',
  isTerminal: false,
  progress: () => {},
  print: () => {},
  say: () => {},
};

describe('Completion', () => {
  const program = new Command('regcred');
  for (const command of commands(world, nothing)) program.addCommand(command);
  const offered = async (...words: string[]) =>
    (await complete(program, words, world)).output
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t')[0]);

  const cases: Record<string, { words: string[]; want: string[] }> = {
    'offers the commands as the first word': {
      words: [''],
      want: ['create', 'status', 'check', 'doctor', 'web', 'report', 'cleanup', 'version', 'completion', ':4'],
    },
    'offers the flags of check': { words: ['check', 'acme', '--t'], want: ['--timeout', ':4'] },
    'completes the typed letters': { words: ['cl'], want: ['cleanup', ':4'] },
    'offers flags, but not hidden ones': { words: ['create', '--pa'], want: ['--password-stdin', ':4'] },
    'offers the values of a flag': { words: ['create', 'acme', '-o', ''], want: ['yaml', 'json', ':4'] },
    'offers the modes of verification': {
      words: ['create', 'acme', '--verification=Re'],
      want: ['--verification=Report', '--verification=Require', ':4'],
    },
    'offers them after an =, too': { words: ['cleanup', '--dry-run=s'], want: ['--dry-run=server', ':4'] },
    'ignores the = that bash passes as a word': { words: ['cleanup', '--dry-run', '=', 'c'], want: ['client', ':4'] },
    'leaves a file to the shell': { words: ['status', '--kubeconfig', ''], want: [':0'] },
    'leaves a file after an = to the shell, too': { words: ['create', 'acme', '--from-docker-config=/t'], want: [':0'] },
    'offers nothing for a new name': { words: ['create', ''], want: [':4'] },
    'offers nothing after an unknown command': { words: ['bogus', ''], want: [':4'] },
    'offers the shells': { words: ['completion', ''], want: ['bash', 'zsh', 'fish', ':4'] },
    'offers the kinds that doctor explains, and no space after a slash': {
      words: ['doctor', 'd'],
      want: ['deployment/', 'daemonset/', ':6'],
    },
    'offers them after a flag, too': { words: ['doctor', '-n', 'shop', 'st'], want: ['statefulset/', ':6'] },
    'offers a subject without a slash with a space after it': { words: ['doctor', 'im'], want: ['image', ':4'] },
    'offers nothing for an unknown kind': { words: ['doctor', 'node/'], want: [':4'] },
    'offers the formats of status': { words: ['status', '-o', ''], want: ['name', 'wide', 'yaml', 'json', ':4'] },
    'offers when to use colours': { words: ['doctor', '--color=a'], want: ['--color=auto', '--color=always', ':4'] },
    'offers no names, and reports no error, without a cluster': { words: ['status', '--kubeconfig', '/nowhere/config', ''], want: [':4'] },
  };
  for (const [what, { words, want }] of Object.entries(cases)) it(what, async () => expect(await offered(...words)).to.deep.equal(want));

  it('offers the contexts of the given kubeconfig', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'regcred-completion-'));
    const file = join(directory, 'config');
    writeFileSync(file, JSON.stringify({ contexts: ['prod', 'test'].map((name) => ({ name, context: { cluster: 'c', user: 'u' } })) }));
    expect(await offered('status', '--kubeconfig', file, '--context', 'p')).to.deep.equal(['prod', ':4']);
    rmSync(directory, { recursive: true });
  });
});
