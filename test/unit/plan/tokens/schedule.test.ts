import { expect } from 'chai';
import type { TokenRecord } from '../../../../src/plan/tokens/record.ts';
import { parseToken, serializeToken } from '../../../../src/plan/tokens/record.ts';
import { type FetchFailure, fetchWaitMs, overdueAt, recordOf } from '../../../../src/plan/tokens/schedule.ts';
import { tokenStateOf } from '../../../../src/plan/tokens/token-state.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = Date.parse('2026-03-01T12:00:00Z');
const token = (lifeMs: number, password = 'sample-token') => ({ username: 'AWS', password, expiresAt: NOW + lifeMs });
const fetched = (lifeMs: number, random = 0) => recordOf(token(lifeMs), undefined, '', NOW, random);

describe('A fetched token', () => {
  it('is refreshed at half of its life, and up to a twentieth later', () => {
    expect(fetched(12 * HOUR, 0).refreshAt - NOW).to.equal(6 * HOUR);
    expect(fetched(12 * HOUR, 1).refreshAt - NOW).to.equal(6.6 * HOUR);
    expect(fetched(15 * MINUTE, 0).refreshAt - NOW).to.equal(7.5 * MINUTE);
  });

  it('with a very short life is not asked for more often than every 5 seconds', () => expect(fetched(6000).refreshAt - NOW).to.equal(5000));

  it('that has expired already is asked for again in 5 seconds', () => expect(fetched(-1000).refreshAt - NOW).to.equal(5000));

  const same: [leftMs: number, askInMs: number][] = [
    [40 * MINUTE, 20 * MINUTE],
    [12 * MINUTE, 6 * MINUTE],
    [8 * MINUTE, 3 * MINUTE],
    [5.2 * MINUTE, 30_000],
    [4 * MINUTE, 30_000],
    [10_000, 10_000],
    [1000, 5000],
  ];
  for (const [leftMs, askInMs] of same) {
    it(`that comes again with ${leftMs / MINUTE} minutes left is asked for again in ${askInMs / MINUTE} minutes`, () => {
      const before = fetched(HOUR);
      const at = NOW + HOUR - leftMs;
      // Google says for how many seconds a token still works, so its end seems to move by up to a second.
      const again = recordOf({ ...token(HOUR), expiresAt: token(HOUR).expiresAt - 400 }, before, '', at, 1);
      expect(again).to.include({ obtainedAt: NOW, expiresAt: NOW + HOUR });
      expect(again.refreshAt - at).to.equal(askInMs);
    });
  }

  describe('is asked for', () => {
    const record = fetched(12 * HOUR);
    const at = (hours: number) => ({ wall: NOW + hours * HOUR, steady: hours * HOUR });
    const current = { record, seen: at(0) };
    const failure = (retryAtHours: number): FetchFailure => ({ attempts: 1, retryAt: retryAtHours * HOUR });
    const cases: Record<string, [situation: Parameters<typeof fetchWaitMs>[0], now: { wall: number; steady: number }, hours: number]> = {
      'at once if there is none': [{ current: undefined, failure: undefined, hasOtherProof: false }, at(0), 0],
      'when it is due': [{ current, failure: undefined, hasOtherProof: false }, at(1), 5],
      'at once if the keys are others': [{ current, failure: undefined, hasOtherProof: true }, at(1), 0],
      'after the back-off if it failed': [{ current, failure: failure(7), hasOtherProof: false }, at(6.5), 0.5],
      'when it is due, although the clock was set back': [
        { current, failure: undefined, hasOtherProof: false },
        { wall: NOW - 5 * HOUR, steady: 6 * HOUR },
        0,
      ],
      'when it is due, although the machine slept': [
        { current, failure: undefined, hasOtherProof: false },
        { wall: NOW + 6 * HOUR, steady: HOUR },
        0,
      ],
      'at once if it has expired meanwhile': [
        { current, failure: undefined, hasOtherProof: false },
        { wall: NOW + 13 * HOUR, steady: HOUR },
        0,
      ],
    };
    for (const [when, [situation, now, hours]] of Object.entries(cases))
      it(when, () => expect(Math.max(0, fetchWaitMs(situation, now)) / HOUR).to.equal(hours));
  });

  describe('counts as', () => {
    const record = fetched(12 * HOUR);
    const why = 'AWS gives no token: AccessDenied.';
    const state = (known: { record: TokenRecord | undefined; why: string | undefined }, hours: number) =>
      tokenStateOf('ecr.example.com', 'regcred-system/regcred-token-aws-1', known, NOW + hours * HOUR);

    it('loading before the first answer', () =>
      expect(state({ record: undefined, why: undefined }, 0)).to.deep.equal({ state: 'loading' }));
    it('unusable after a failed first attempt', () => expect(state({ record: undefined, why }, 0)).to.include({ state: 'unusable' }));
    it('present while it works', () => {
      const found = state({ record, why: undefined }, 11);
      expect(found).to.deep.include({ state: 'present', fetched: { expiresAt: NOW + 12 * HOUR, refreshAt: NOW + 6 * HOUR } });
      expect('auth' in found && Buffer.from(found.auth.auth, 'base64').toString()).to.equal('AWS:sample-token');
    });
    it('present while its refresh fails, and overdue a quarter of its life later', () => {
      expect(overdueAt(record) - NOW).to.equal(9 * HOUR);
      expect(state({ record, why }, 8.9)).to.deep.include({ fetched: { expiresAt: NOW + 12 * HOUR, refreshAt: NOW + 6 * HOUR } });
      expect(state({ record, why }, 9)).to.deep.include({
        fetched: {
          expiresAt: NOW + 12 * HOUR,
          refreshAt: NOW + 6 * HOUR,
          overdue: { reason: 'TokenFetchFailed', message: `Server ecr.example.com: ${why}` },
        },
      });
    });
    it('unusable when it has expired and the refresh fails', () => expect(state({ record, why }, 12)).to.include({ state: 'unusable' }));
    it('loading when it has expired and nothing was tried since', () =>
      expect(state({ record, why: undefined }, 12)).to.deep.equal({ state: 'loading' }));
  });

  it('is read as it was written, and never from a text that something else wrote', () => {
    const record = fetched(HOUR);
    expect(parseToken(serializeToken(record))).to.deep.equal(record);
    const { version, ...without } = JSON.parse(serializeToken(record));
    expect(version).to.equal(1);
    for (const text of [
      '',
      '{}',
      'null',
      '[1]',
      JSON.stringify(without),
      JSON.stringify({ version, ...without, password: '' }),
      JSON.stringify({ version, ...without, expiresAt: '1' }),
    ])
      expect(parseToken(text), text).to.equal(undefined);
  });
});
