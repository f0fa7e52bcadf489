import { expect } from 'chai';
import { type TokenBucket, takeToken } from '../../../src/queue/token-bucket.ts';

const MINUTE = 60_000;
/** The rate of Events per credential, as src/status/event-writer.ts has it. */
const RATE = { capacity: 10, refillMs: 5 * MINUTE };

describe('A bucket of ten tokens that gains one every five minutes', () => {
  let bucket: TokenBucket | undefined;
  beforeEach(() => (bucket = undefined));
  const request = (now: number) => {
    const { granted, after } = takeToken(bucket, now, RATE);
    bucket = after;
    return granted;
  };
  /** How many are granted of one request a second. `from` and `to` are in minutes. */
  const grantedOfOneASecond = (from: number, to: number) =>
    Array.from({ length: (to - from) * 60 }, (_, second) => request(from * MINUTE + second * 1000)).filter(Boolean).length;

  it('grants ten at once, and then none', () =>
    expect(Array.from({ length: 12 }, () => request(0))).to.deep.equal([...Array(10).fill(true), false, false]));

  it('grants twelve an hour if one is requested every second', () => {
    expect(grantedOfOneASecond(0, 60)).to.be.within(21, 22);
    expect(grantedOfOneASecond(60, 120)).to.equal(12);
    expect(grantedOfOneASecond(120, 24 * 60)).to.be.at.most(22 * 12);
  });

  it('grants ten again after a quiet hour, and not more', () => {
    grantedOfOneASecond(0, 1);
    expect(Array.from({ length: 12 }, () => request(61 * MINUTE)).filter(Boolean)).to.have.lengthOf(10);
    expect(Array.from({ length: 12 }, () => request(24 * 60 * MINUTE)).filter(Boolean)).to.have.lengthOf(10);
  });

  it('counts the denied requests until one is granted', () => {
    for (let times = 0; times < 15; times++) request(0);
    expect(bucket?.denied).to.equal(5);
    expect(request(5 * MINUTE)).to.equal(true);
    expect(bucket?.denied).to.equal(0);
  });
});
