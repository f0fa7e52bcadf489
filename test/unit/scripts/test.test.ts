import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';

const ROOT = resolve(import.meta.dirname, '../../..');

describe('npm test', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'regcred-test-'));
    mkdirSync(join(directory, 'deep'));
    writeFileSync(join(directory, 'config.json'), '{}');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  /** Runs these test files. The counts are in the last three lines. */
  function run(files: Record<string, string>, ...args: string[]) {
    for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text);
    const config = ['--config', join(directory, 'config.json')];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['scripts/test.ts', ...config, ...(args.length > 0 ? args : [directory])],
      {
        cwd: ROOT,
        encoding: 'utf8',
      },
    );
    const counts = stdout.trim().split('\n').slice(-3);
    return { status, stdout, stderr, counts: counts.map((line) => Number(line.trim().split(' ')[0])) };
  }

  const PASSES = `it('passes', () => {}); it.skip('is skipped', () => {});`;
  const table: Record<string, { files: Record<string, string>; counts: number[]; says?: string[] }> = {
    'adds up the counts of all processes': {
      files: { 'a.test.ts': PASSES, 'deep/b.test.ts': PASSES, 'other.ts': 'throw 1' },
      counts: [2, 2, 0],
    },
    'shows a failing case, and fails': {
      files: { 'a.test.ts': PASSES, 'b.test.ts': `it('fails', () => { throw new Error('on purpose'); });` },
      counts: [1, 1, 1],
      says: ['fails', 'Error: on purpose', 'b.test.ts:1'],
    },
    'counts a failing hook': {
      files: {
        'a.test.ts': PASSES,
        'b.test.ts': `describe('x', () => { before(() => { throw new Error('on purpose'); }); it('is not run', () => {}); });`,
      },
      counts: [1, 1, 1],
      says: ['"before all" hook', 'on purpose'],
    },
    'fails if a process exits before its tests are done, even with exit code 0': {
      files: { 'a.test.ts': PASSES, 'b.test.ts': `it('exits', () => process.exit(0)); it('is not run', () => {});` },
      counts: [1, 1, 1],
      says: ['ended with exit code 0 before its tests were done', 'b.test.ts'],
    },
    'fails if a process is killed': {
      files: { 'a.test.ts': PASSES, 'b.test.ts': `it('is killed', (done) => process.kill(process.pid, 'SIGKILL'));` },
      counts: [1, 1, 1],
      says: ['was ended by SIGKILL before its tests were done'],
    },
    'fails if something keeps a process running after its last case, and names it': {
      files: { 'a.test.ts': PASSES, 'b.test.ts': `it('passes', () => void setTimeout(() => {}, 120_000));` },
      counts: [2, 1, 1],
      says: ['had not ended 10 s after its tests were done', 'Still open:', 'Timeout', 'b.test.ts'],
    },
    'fails if a file cannot be loaded, and shows the cause': {
      files: { 'a.test.ts': PASSES, 'b.test.ts': `throw new Error('on purpose');` },
      counts: [1, 1, 1],
      says: ['ended with exit code 1 before its tests were done', 'on purpose'],
    },
    'fails if something fails after the last case': {
      files: {
        'a.test.ts': PASSES,
        'b.test.ts': `it('passes', () => void process.once('exit', () => { process.exitCode = 7; process.reallyExit(7); }));`,
      },
      counts: [2, 1, 1],
      says: ['ended with exit code 7 although no case failed'],
    },
  };
  for (const [what, { files, counts, says = [] }] of Object.entries(table)) {
    it(what, () => {
      const ran = run(files, '--jobs', '2', directory);
      expect(ran.counts, JSON.stringify(ran)).to.deep.equal(counts);
      for (const text of says) expect(ran.stdout).to.contain(text);
      expect(ran.status).to.equal(counts[2] === 0 ? 0 : 1);
    });
  }

  it('runs one file, or the requested cases', () => {
    const files = { 'a.test.ts': `it('one', () => {}); it('two', () => {});`, 'b.test.ts': PASSES };
    expect(run(files, join(directory, 'a.test.ts')).counts).to.deep.equal([2, 0, 0]);
    expect(run(files, '--grep', 'two|skipped', directory).counts).to.deep.equal([1, 1, 0]);
  });

  it('fails if no case runs', () => {
    expect(run({ 'a.test.ts': PASSES }, '--grep', 'nothing is called so', directory).status).to.equal(1);
    const { status, stderr } = run({ 'a.test.ts': PASSES }, join(directory, 'b.test.ts'));
    expect(status).to.equal(1);
    expect(stderr).to.contain('There is no file or directory').and.contain('b.test.ts');
  });

  it('does not fail if every case is skipped, and says so', () => {
    const { status, stdout } = run({ 'a.test.ts': `it.skip('is skipped', () => {});` });
    expect(status).to.equal(0);
    expect(stdout).to.contain('Every case was skipped. The reasons are above.');
  });

  it('fails if no file is found', () => {
    const { status, stderr } = run({ 'other.ts': '' });
    expect(status).to.equal(1);
    expect(stderr).to.contain('There are no test files in what was named.');
  });
}).timeout(120_000);
