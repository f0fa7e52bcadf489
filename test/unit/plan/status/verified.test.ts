import { expect } from 'chai';
import type { Result } from '../../../../src/plan/checks/interpret.ts';
import { verified } from '../../../../src/plan/status/verified.ts';

const said = (result: Result, n = 0) => ({ result, message: `${result}${n || ''}.` });

describe('The condition Verified', () => {
  const alone: Record<Result, readonly [status: string, reason: string]> = {
    Proven: ['True', 'Proven'],
    NotRefused: ['True', 'NotRefused'],
    Public: ['Unknown', 'Public'],
    Unreachable: ['Unknown', 'RegistryUnreachable'],
    Pending: ['Unknown', 'Verifying'],
    Refused: ['False', 'RegistryRefused'],
    NotAsked: ['Unknown', 'NotAsked'],
  };
  for (const [result, [status, reason]] of Object.entries(alone)) {
    it(`of a server that is ${result} is ${status}, with its message`, () =>
      expect(verified([said(result as Result)], true)).to.deep.equal({ status, reason, message: `${result}.` }));
  }

  it('of several servers is that of the weakest', () => {
    const strengths: readonly Result[] = ['Refused', 'Pending', 'Unreachable', 'Public', 'NotRefused', 'Proven', 'NotAsked'];
    for (const [n, weaker] of strengths.entries()) {
      for (const stronger of strengths.slice(n + 1)) {
        expect(verified([said(stronger), said(weaker)], true).message, `${weaker} beside ${stronger}`).to.equal(`${weaker}.`);
      }
    }
  });

  it('names three servers, and counts the others', () => {
    const message = (n: number) =>
      verified(
        Array.from({ length: n }, (_, i) => said('Refused', i + 1)),
        true,
      ).message;
    expect(message(3)).to.equal('Refused1. Refused2. Refused3.');
    expect(message(4)).to.equal('Refused1. Refused2. Refused3. And 1 more server, see status.registries.');
    expect(message(5)).to.contain('And 2 more servers');
  });

  it('says that checks are off, and that there is no server yet', () => {
    expect(verified([said('NotAsked')], false)).to.deep.include({ status: 'Unknown', reason: 'VerificationDisabled' });
    expect(verified([], true)).to.deep.include({ status: 'Unknown', reason: 'Verifying' });
  });
});
