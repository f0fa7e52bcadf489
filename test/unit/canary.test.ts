import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { Canaries, secretsIn } from '../support/canary.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SUPPORT = resolve(import.meta.dirname, '../support');
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('A canary', () => {
  const value = 'sample "päss" +/?&=word';
  const config = JSON.stringify({ auths: { 'registry.example.com': { auth: base64(`robot:${value}`), password: value } } });
  const forms: Record<string, string> = {
    plain: value,
    'JSON-escaped': JSON.stringify({ password: value }),
    'URI-encoded': `?q=${encodeURIComponent(value)}`,
    'in hex': Buffer.from(value).toString('hex'),
    'in base64': base64(value),
    'in base64 without padding': base64(value).replaceAll('=', ''),
    'in base64url': Buffer.from(value).toString('base64url'),
    'in base64 behind a username': base64(`robot:${value}`),
    'in base64 behind a username with one more character': base64(`robot2:${value}`),
    'in base64 behind a username with two more characters': base64(`robot22:${value}`),
    'in base64url behind a username': Buffer.from(`r:${value}`).toString('base64url'),
    'in the base64 of a docker config': base64(config),
  };
  for (const [what, form] of Object.entries(forms)) {
    it(`is found ${what}`, () => {
      const canaries = new Canaries();
      canaries.plant(value, 'a test');
      canaries.say('the log', `before ${form} after`);
      const [leak] = canaries.leaks();
      expect(leak).to.include({ value, where: 'the log' });
    });
  }

  it('is not found in other texts', () => {
    const canaries = new Canaries();
    canaries.plant(value, 'a test');
    canaries.plant('sample-password', 'a test');
    canaries.say('the log', `${base64('robot:another-password')} another [withheld] ${value.slice(1)} SAMPLE-PASSWORD`);
    expect(canaries.leaks()).to.deep.equal([]);
  });

  it('that is too short for a search is reported', () => {
    const canaries = new Canaries();
    canaries.plant('x', 'sources/robot, key password');
    expect(canaries.tooPlain()).to.deep.equal(['"x" in sources/robot, key password']);
  });

  const found: Record<string, { type: string; key: string; text: string; want: string[] }> = {
    'the password of a basic-auth Secret': { type: 'kubernetes.io/basic-auth', key: 'password', text: value, want: [value] },
    'not the username of a basic-auth Secret': { type: 'kubernetes.io/basic-auth', key: 'username', text: 'robot', want: [] },
    'not the account of an ECR login of imps': { type: 'cisco.com/aws-ecr-login-config', key: 'accountID', text: '123456789012', want: [] },
    'the key of an ECR login of imps': { type: 'cisco.com/aws-ecr-login-config', key: 'secretKey', text: value, want: [value] },
    'any value of an Opaque Secret': { type: 'Opaque', key: 'token', text: value, want: [value] },
    'both forms of the password in a docker config': { type: 'Opaque', key: 'config.json', text: config, want: [value, value] },
    'the entry of a legacy config': { type: 'x', key: '.dockercfg', text: `{"a":{"auth":"${base64('u:p:q')}"}}`, want: ['p:q'] },
    'the password, each hash and their key in a state Secret': {
      type: 'Opaque',
      key: 'state.json',
      text: JSON.stringify({ key: 'k', checks: [['h', { result: 'Refused' }]], released: [['a', { auth: base64('u:p'), source: 'n/s' }]] }),
      want: ['p', 'k', 'h'],
    },
    'the whole text of a broken docker config': { type: 'Opaque', key: 'config.json', text: `${config}x`, want: [`${config}x`] },
  };
  for (const [what, { type, key, text, want }] of Object.entries(found)) {
    it(`is ${what}`, () => expect(secretsIn(type, key, text).sort()).to.deep.equal(want.sort()));
  }

  it('fails the whole run if an operator printed it, and only then', () => {
    const scratch = mkdtempSync(join(tmpdir(), 'regcred-canary-'));
    try {
      const run = (said: string) => {
        const spec = join(scratch, 'spec.test.ts');
        writeFileSync(
          spec,
          `import { keepOutput } from ${JSON.stringify(join(SUPPORT, 'canary.ts'))};
           import { canaries } from ${JSON.stringify(join(SUPPORT, 'hooks.ts'))};
           it('passes', () => { canaries.plant('sample-password', 'a test'); keepOutput('log', 1, ${JSON.stringify(said)}); });`,
        );
        const mocha = [join(ROOT, 'node_modules/mocha/bin/mocha.js'), '--no-config', '--require', join(SUPPORT, 'hooks.ts'), spec];
        return spawnSync(process.execPath, mocha, { cwd: ROOT, encoding: 'utf8' });
      };
      const silent = run('all is well');
      expect(silent.stdout).to.contain('No secret came out: 1 planted values were looked for in {"log":1}');
      expect(silent.status).to.equal(0);
      const loud = run(`authorization=Basic ${base64('robot:sample-password')}`);
      expect(loud.stdout).to.contain('Secret values came out (1)').and.contain('base64 of something that holds it plain');
      expect(loud.status).to.equal(1);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }).timeout(30_000);
});
