import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import { transports } from 'winston';
import { type Log, type LogFormat, type LogLevel, makeLog } from '../../src/log.ts';

const SAMPLE = 'sample-password';

/** The lines that a log writes. */
function logged(level: LogLevel, format: LogFormat, say: (log: Log) => void): string[] {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const log = makeLog(level, format);
  for (const transport of log.transports) transport.silent = true;
  log.add(new transports.Stream({ stream }));
  say(log);
  return text.split('\n').filter((line) => line !== '');
}

function one(keys: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const [line, ...more] = logged('info', 'json', (log) => log.info('It happened.', keys));
  expect(more).to.deep.equal([]);
  return JSON.parse(line as string);
}

describe('The log', () => {
  it('writes one JSON object per line', () => {
    const { timestamp, ...rest } = one({ namespace: 'shop', failed: 2, text: 'of two\nlines' });
    expect(rest).to.deep.equal({ level: 'info', message: 'It happened.', namespace: 'shop', failed: 2, text: 'of two\nlines' });
    expect(new Date(timestamp as string).toISOString()).to.equal(timestamp);
  });

  it('writes nothing below its level', () => {
    const say = (log: Log) => {
      for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level](level);
    };
    const levels = (level: LogLevel) => logged(level, 'json', say).map((line) => JSON.parse(line).level);
    expect(levels('debug')).to.deep.equal(['debug', 'info', 'warn', 'error']);
    expect(levels('warn')).to.deep.equal(['warn', 'error']);
  });

  it('writes the message of an error, and nothing else of it', () => {
    const error = Object.assign(new TypeError('It broke.', { cause: SAMPLE }), { response: SAMPLE });
    expect(one({ error, errors: [error], inner: { error } })).to.deep.include({
      error: 'It broke.',
      errors: ['It broke.'],
      inner: { error: 'It broke.' },
    });
  });

  const withheld: Record<string, Readonly<Record<string, unknown>>> = {
    'the data of a Secret': { data: { '.dockerconfigjson': SAMPLE } },
    'the data of a Secret in an object': { secret: { metadata: { name: 'acme' }, data: { username: 'robot', password: SAMPLE } } },
    'the stringData of a Secret': { secret: { stringData: { password: SAMPLE } } },
    'values in a list': { secrets: [[{ data: SAMPLE }], { stringData: SAMPLE }] },
    'a docker config': { config: { auths: { 'registry.example.com': { username: 'robot' } }, note: 1 }, auths: SAMPLE },
    'an auth': { entry: { auth: SAMPLE } },
    'a password': { Password: SAMPLE, entry: { password: SAMPLE } },
    tokens: { token: SAMPLE, entry: { identitytoken: SAMPLE, identityToken: SAMPLE, registrytoken: SAMPLE } },
    'a header': { request: { headers: { Authorization: `Bearer ${SAMPLE}` } } },
    'the body of a request': { request: { body: { a: SAMPLE } }, action: { patch: { b: [SAMPLE] } } },
  };
  for (const [what, keys] of Object.entries(withheld)) {
    it(`withholds ${what}`, () => {
      const before = structuredClone(keys);
      for (const format of ['json', 'text'] as const) {
        const [line] = logged('info', format, (log) => log.info('It happened.', keys));
        expect(line).to.contain('[withheld]').and.not.contain(SAMPLE);
      }
      // The caller still uses the logged object.
      expect(keys).to.deep.equal(before);
    });
  }

  it('withholds nothing else', () => {
    const keys = { secret: { name: 'acme', dataKeys: ['password'] }, flags: [true, null, 1.5], nothing: null };
    expect(one(keys)).to.deep.include(keys);
  });

  it('writes a line of text for a terminal', () => {
    const say = (log: Log) => log.warn('It happened.', { credential: 'acme', counts: { failed: 2 }, error: new Error('It broke.') });
    const [line, ...more] = logged('info', 'text', say);
    expect(more).to.deep.equal([]);
    expect(line).to.match(/^\d\d:\d\d:\d\d\.\d{3} warn {2}It happened\. {2}credential=acme {2}counts=\{"failed":2\} {2}error=It broke\.$/);
  });

  it('writes to standard error, because standard output is for results', () => {
    const say = "for (const level of ['debug', 'info', 'warn', 'error']) makeLog('debug', 'text')[level]('It happened.');";
    const args = ['--input-type=module', '--eval', `import { makeLog } from './src/log.ts'; ${say}`];
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: resolve(import.meta.dirname, '../..'), encoding: 'utf8' });
    expect(stdout).to.equal('');
    expect(stderr.match(/It happened\./g)).to.have.length(4);
  }).timeout(20_000);
});
