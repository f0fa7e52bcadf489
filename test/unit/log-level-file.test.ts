import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { followLevelFile } from '../../src/log-level-file.ts';
import { soon } from '../support/eventually.ts';
import { recordingLog } from '../support/reconcilers.ts';

describe('The file with the level of the log', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'regcred-level-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('changes the level while the operator runs, and back when it is gone', async () => {
    const file = join(directory, 'level');
    const log = Object.assign(recordingLog(), { level: 'info' });
    followLevelFile(log, 'info', file, 5);
    const write = (text: string) => {
      // As the kubelet does: the file has the old text or the new one.
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    };
    write('debug\n');
    await soon('the level is debug', () => expect(log.level).to.equal('debug'));
    write('error');
    await soon('the level is error', () => expect(log.level).to.equal('error'));
    rmSync(file);
    await soon('the level is the configured one', () => expect(log.level).to.equal('info'));
    expect(log.lines).to.deep.equal(Array(3).fill('The level of the log changed.'));
  });

  it('is not read twice at once, because the older of two reads could end last', async () => {
    const log = Object.assign(recordingLog(), { level: 'info' });
    let reads = 0;
    let underWay = 0;
    let most = 0;
    followLevelFile(log, 'info', 'level', 1, async () => {
      most = Math.max(most, ++underWay);
      await delay(20);
      underWay--;
      reads++;
      return 'debug';
    });
    await soon('it was read three times', () => expect(reads).to.be.at.least(3));
    expect(most).to.equal(1);
  });

  it('is ignored while it holds anything else, and one line says so', async () => {
    const file = join(directory, 'level');
    const log = Object.assign(recordingLog(), { level: 'info' });
    writeFileSync(file, 'verbose');
    followLevelFile(log, 'info', file, 5);
    await soon('a line says so', () => expect(log.lines.join()).to.contain('does not hold one of debug, info, warn, error'));
    writeFileSync(file, 'warn');
    await soon('the level is warn', () => expect(log.level).to.equal('warn'));
    expect(log.lines).to.have.lengthOf(2);
  });

  for (const [was, level, writer] of [
    ['info', 'error', 'info'],
    ['error', 'debug', 'debug'],
  ] as const) {
    it(`says so at the level ${writer} when it changes from ${was} to ${level}, so that the line is visible`, async () => {
      const log = Object.assign(recordingLog(), { level: was as string });
      const seen: string[] = [];
      const file = join(directory, 'level');
      writeFileSync(file, level);
      followLevelFile(Object.assign(log, { info: () => void seen.push(log.level) }), was, file, 5);
      await soon('it has changed', () => expect(log.level).to.equal(level));
      expect(seen).to.deep.equal([writer]);
    });
  }
});
