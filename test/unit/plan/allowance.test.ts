import { expect } from 'chai';
import { type Allowance, EVENTS, spend } from '../../../src/plan/allowance.ts';

const MINUTE = 60_000;

describe('The Events of one object', () => {
  let allowance: Allowance | undefined;
  beforeEach(() => (allowance = undefined));
  const asked = (now: number) => {
    const { granted, after } = spend(allowance, now, EVENTS);
    allowance = after;
    return granted;
  };
  /** How many are granted of one a second, from and to in minutes. */
  const ofOneASecond = (from: number, to: number) =>
    Array.from({ length: (to - from) * 60 }, (_, second) => asked(from * MINUTE + second * 1000)).filter(Boolean).length;

  it('are ten at once, and then none', () =>
    expect(Array.from({ length: 12 }, () => asked(0))).to.deep.equal([...Array(10).fill(true), false, false]));

  it('are twelve an hour where somebody asks for one every second', () => {
    expect(ofOneASecond(0, 60)).to.be.within(21, 22);
    expect(ofOneASecond(60, 120)).to.equal(12);
    expect(ofOneASecond(120, 24 * 60)).to.be.at.most(22 * 12);
  });

  it('are ten again after a quiet hour, and not more', () => {
    ofOneASecond(0, 1);
    expect(Array.from({ length: 12 }, () => asked(61 * MINUTE)).filter(Boolean)).to.have.lengthOf(10);
    expect(Array.from({ length: 12 }, () => asked(24 * 60 * MINUTE)).filter(Boolean)).to.have.lengthOf(10);
  });

  it('that were withheld are counted until one is granted', () => {
    for (let times = 0; times < 15; times++) asked(0);
    expect(allowance?.withheld).to.equal(5);
    expect(asked(5 * MINUTE)).to.equal(true);
    expect(allowance?.withheld).to.equal(0);
  });
});
