import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readAudited } from '../support/audit.ts';

describe('The audit log', () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'regcred-audit-'));
    file = join(directory, 'audit.log');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const line = (name: string, size = 0) =>
    JSON.stringify({
      verb: 'create',
      requestURI: `/api/v1/secrets?${'x'.repeat(size)}`,
      objectRef: { resource: 'secrets', name },
      requestReceivedTimestamp: '2026-01-01T00:00:00Z',
      stageTimestamp: '2026-01-01T00:00:01Z',
      user: {},
    });
  const namesFrom = (from: number) => {
    const { audited, end } = readAudited(file, from);
    return { names: audited.map(({ name }) => name), end };
  };

  it('is read whole if it is longer than what is read at once', () => {
    const names = Array.from({ length: 40 }, (_, at) => `secret-ü-${at}`);
    appendFileSync(file, names.map((name) => `${line(name, 1_000_003)}\n`).join(''));
    expect(namesFrom(0).names).to.deep.equal(names);
  });

  it('is read up to the last complete line, and continues from there', () => {
    const second = `${line('second')}\n`;
    appendFileSync(file, `${line('first')}\n${second.slice(0, 40)}`);
    const { names, end } = namesFrom(0);
    expect(names).to.deep.equal(['first']);
    appendFileSync(file, second.slice(40));
    expect(namesFrom(end).names).to.deep.equal(['second']);
  });
});
