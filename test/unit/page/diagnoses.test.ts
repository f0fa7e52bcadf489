import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { Diagnoses } from '../../../src/page/diagnoses.ts';
import type { FindingView } from '../../../src/page/messages.ts';
import type { WaitingPod } from '../../../src/plan/coverage/needs.ts';

const pod = (name: string): WaitingPod => ({
  namespace: 'shop',
  name,
  uid: `uid-${name}`,
  owner: undefined,
  images: ['a'],
  reason: '',
  createdAt: 0,
});

describe('The diagnoses of pods that wait', () => {
  let asked: string[];
  let now: number;
  let news: number;
  let finding: FindingView | undefined;
  let diagnoses: Diagnoses;
  beforeEach(() => {
    asked = [];
    now = 0;
    news = 0;
    finding = {
      subject: '',
      steps: [
        { mark: 'ok', message: 'fine' },
        { mark: 'wrong', message: 'bad', fix: 'do it' },
        { mark: 'wrong', message: 'worse' },
      ],
    };
    const doctor = {
      pod: async (_: string, name: string) => {
        asked.push(name);
        return finding;
      },
    };
    diagnoses = new Diagnoses(
      doctor,
      () => now,
      () => news++,
    );
  });

  const settle = async () => {
    await diagnoses.done();
    await turn();
  };

  it('come in the background, and are the first wrong step', async () => {
    expect(diagnoses.of(pod('web-0'))).to.equal(undefined);
    await settle();
    expect(news).to.equal(1);
    expect(diagnoses.of(pod('web-0'))).to.deep.equal({ message: 'bad', fix: 'do it' });
    await settle();
    expect(asked).to.deep.equal(['web-0']);
  });

  it('are made again when they are old, and are news only if they differ', async () => {
    diagnoses.of(pod('web-0'));
    await settle();
    now = 60_000;
    expect(diagnoses.of(pod('web-0'))?.message).to.equal('bad');
    await settle();
    expect([asked.length, news]).to.deep.equal([2, 1]);
    now = 120_000;
    finding = undefined;
    diagnoses.of(pod('web-0'));
    await settle();
    expect([asked.length, news]).to.deep.equal([3, 2]);
  });

  it('are for a few pods only', async () => {
    for (let at = 0; at < 100; at++) diagnoses.of(pod(`web-${at}`));
    await settle();
    expect(asked).to.have.length(20);
  });
});
