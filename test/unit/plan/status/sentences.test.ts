import { expect } from 'chai';
import { REASON } from '../../../../src/api/reasons.ts';
import type { PlacementFacts, PodRecoveryFacts, SourcesFacts, StatusFacts } from '../../../../src/plan/status/facts.ts';
import { statusOf } from '../../../../src/plan/status/status.ts';
import { readySources, verificationFacts } from '../../../support/builders.ts';

const placed = (desired: number, synced: number, pending: number): PlacementFacts => ({
  counters: { desired, synced, failed: 0, conflicted: 0 },
  pending,
  failures: [],
});
const problem = { reason: REASON.sourceMissing, message: 'Secret regcred-system/robot does not exist.' };

const modes = ['sync', 'suspend', 'cleanup', 'retain'] as const;
const injections = [
  'injected',
  'byNameOnly',
  'bySelectorOnly',
  'noAccounts',
  'off',
  'notInstalled',
  'notServed',
  'unreadable',
  'unknown',
] as const satisfies readonly StatusFacts['injection'][];
const sources: readonly SourcesFacts[] = [{ state: 'loading' }, readySources(1), { state: 'invalid', problems: [problem] }];
const verification = verificationFacts();
const placements = [placed(0, 0, 0), placed(2, 2, 0), placed(2, 1, 1), placed(2, 1, 0)];
const recoveries: readonly PodRecoveryFacts[] = [
  { state: 'starting' },
  { state: 'blind', why: 'pods is forbidden' },
  { state: 'watching', notEvicted: [] },
  { state: 'watching', notEvicted: [{ reason: REASON.forbidden, message: 'shop/web-1: pods "web-1" is forbidden' }] },
];

describe('The message of every condition', () => {
  for (const mode of modes) {
    it(`consists of complete sentences (${mode})`, () => {
      for (const injection of injections) {
        for (const source of sources) {
          for (const secrets of placements) {
            for (const podRecovery of recoveries) {
              const ref = { kind: 'RegistryCredential', namespace: '', name: 'acme' } as const;
              const facts = {
                ref,
                generation: 1,
                secretName: 'acme',
                mode,
                isSuspended: mode === 'suspend',
                selectsAccounts: true,
                injection,
              };
              const accounts = placed(0, 0, 0);
              const { conditions = [] } = statusOf(
                { ...facts, verification, sources: source, secrets, accounts, podRecovery },
                undefined,
                new Date(0),
              );
              expect(conditions).to.have.lengthOf(8);
              for (const { type, message } of conditions) {
                expect(message, type)
                  .to.match(/^([A-Z0-9]|spec[.]).*[.]$/)
                  .and.not.match(/ {2}|[.]{2}|undefined/);
              }
            }
          }
        }
      }
    });
  }
});
