import { expect } from 'chai';
import type { RegistryCredentialStatus } from '../../../../src/api/types.ts';
import { announcementsOf } from '../../../../src/plan/status/announcements.ts';

type Outcome = readonly [type: string, status: 'True' | 'False' | 'Unknown', reason: string];

const statusWith = ([type, status, reason]: Outcome): RegistryCredentialStatus => ({
  conditions: [{ type, status, reason, message: `${reason}.`, lastTransitionTime: '2026-01-01T00:00:00Z' }],
});

describe('What is announced of a status', () => {
  const cases: Record<string, { history: readonly Outcome[]; want: readonly string[] }> = {
    'is that a credential is Ready, once': {
      history: [
        ['Ready', 'True', 'Synced'],
        ['Ready', 'Unknown', 'Placing'],
        ['Ready', 'True', 'Synced'],
      ],
      want: ['info Synced'],
    },
    'is each new reason of Ready': {
      history: [
        ['Ready', 'False', 'SourceMissing'],
        ['Ready', 'False', 'NotJSON'],
      ],
      want: ['warn SourceMissing', 'warn NotJSON'],
    },
    'is that a registry refuses the credentials, and that it accepts them again': {
      history: [
        ['Verified', 'Unknown', 'Verifying'],
        ['Verified', 'False', 'RegistryRefused'],
        ['Verified', 'Unknown', 'Verifying'],
        ['Verified', 'False', 'RegistryRefused'],
        ['Verified', 'True', 'NotRefused'],
        ['Verified', 'True', 'Proven'],
      ],
      want: ['warn RegistryRefused', 'info NotRefused'],
    },
    'is nothing if a registry accepts new credentials': {
      history: [
        ['Verified', 'Unknown', 'Verifying'],
        ['Verified', 'True', 'NotRefused'],
        ['Verified', 'Unknown', 'RegistryUnreachable'],
      ],
      want: [],
    },
    'is each step of an expiry, and its end': {
      history: [
        ['Expiring', 'False', 'NotSoon'],
        ['Expiring', 'True', 'ExpiresSoon'],
        ['Expiring', 'True', 'Expired'],
        ['Expiring', 'False', 'NoExpiryKnown'],
        ['Expiring', 'False', 'NotSoon'],
      ],
      want: ['warn ExpiresSoon', 'warn Expired', 'info NoExpiryKnown'],
    },
    'is nothing of other conditions': { history: [['SecretsSynced', 'False', 'Forbidden']], want: [] },
  };
  for (const [what, { history, want }] of Object.entries(cases)) {
    it(what, () => {
      const last = new Map<string, string>();
      const told: string[] = [];
      for (const outcome of history) {
        const { announcements, settled } = announcementsOf(undefined, statusWith(outcome), last);
        for (const [type, one] of settled) last.set(type, one);
        told.push(...announcements.map(({ level, reason }) => `${level} ${reason}`));
      }
      expect(told).to.deep.equal(want);
    });
  }

  it('by a new leader is only what is different from the status that it found', () => {
    const refused = statusWith(['Verified', 'False', 'RegistryRefused']);
    expect(announcementsOf(refused, refused, new Map()).announcements).to.deep.equal([]);
    const accepted = announcementsOf(refused, statusWith(['Verified', 'True', 'Proven']), new Map()).announcements;
    expect(accepted).to.deep.equal([
      { level: 'info', line: 'The registries accept the credentials again.', reason: 'Proven', message: 'Proven.' },
    ]);
  });

  it('is the recovery also if the first status of a leader term, between the two, is not settled', () => {
    const refused = statusWith(['Verified', 'False', 'RegistryRefused']);
    const verifying = statusWith(['Verified', 'Unknown', 'Verifying']);
    const accepted = statusWith(['Verified', 'True', 'NotRefused']);
    const first = announcementsOf(refused, verifying, new Map());
    expect(first.announcements).to.deep.equal([]);
    const { announcements } = announcementsOf(verifying, accepted, first.settled);
    expect(announcements.map(({ reason }) => reason)).to.deep.equal(['NotRefused']);
  });
});
