import { expect } from 'chai';
import { type FaultRecord, merged, type Row } from '../../faults/record.ts';

const row = (fault: string, times: number, longestRecoveryMs: number, lost = 0): Row => ({
  fault,
  times,
  meanwhile: '',
  longestRecoveryMs,
  lost,
  figures: {},
});
const record = (more: Partial<FaultRecord>): FaultRecord => ({
  date: '2026-01-01',
  seed: 7,
  seconds: 10,
  checks: 1,
  failed: false,
  rows: [],
  ...more,
});

describe('The record of the fault suite', () => {
  it('merges the records of all processes, which ran at the same time', () => {
    const first = record({ seconds: 30, checks: 5, rows: [row('none', 1, 400, 1), row('a', 2, 100)] });
    const second = record({ date: '2026-01-02', seconds: 20, checks: 6, rows: [row('none', 1, 500), row('b', 3, 200, 1)] });
    expect(merged([first, second])).to.deep.equal(
      record({ date: '2026-01-02', seconds: 30, checks: 11, rows: [row('none', 2, 500, 1), row('a', 2, 100), row('b', 3, 200, 1)] }),
    );
  });

  it('has failed if the record of one process has', () => {
    expect(merged([record({}), record({ failed: true })]).failed).to.equal(true);
  });
});
