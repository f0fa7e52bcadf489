import { expect } from 'chai';
import type { Intent } from '../../../src/plan/placement/intent.ts';
import { CredentialState, CredentialStates } from '../../../src/status/credential-state.ts';
import { placement } from '../../../src/status/placement-counts.ts';
import { placementRecorder } from '../../../src/status/record-placement.ts';
import { intent } from '../../support/builders.ts';
import { refTo } from '../../support/reconcilers.ts';

describe('A recorded placement', () => {
  /** One credential with a Secret in shop and references in team, as of the time 0. */
  function recorder(mode: Intent['mode']) {
    const states = new CredentialStates();
    const state = states.setState(refTo('acme'), new CredentialState(0, 1));
    states.setIntent(intent({ mode }));
    const called: string[] = [];
    const clock = { now: 0 };
    const record = placementRecorder(states, () => clock.now, {
      changed: ({ name }) => void called.push(`changed ${name}`),
      cleanedUp: ({ name }) => void called.push(`cleaned up ${name}`),
    });
    record(refTo('acme'), 'secrets', 'shop', placement.removing());
    record(refTo('acme'), 'accounts', 'team', placement.removing());
    called.length = 0;
    clock.now = 7;
    return { record, state, called };
  }

  it('may change the status', () => {
    const { record, state, called } = recorder('sync');
    record(refTo('acme'), 'secrets', 'shop', placement.synced());
    expect(state.secrets.counters()).to.deep.include({ desired: 1, synced: 1 });
    expect(called).to.deep.equal(['changed acme']);
  });

  it('of a credential that was forgotten meanwhile is dropped', () => {
    const { record, called } = recorder('sync');
    record(refTo('other'), 'secrets', 'shop', placement.synced());
    expect(called).to.deep.equal([]);
  });

  it('is progress of a cleanup if something was removed, and only then', () => {
    const { record, state } = recorder('cleanup');
    record(refTo('acme'), 'secrets', 'shop', placement.removing());
    record(refTo('acme'), 'secrets', 'never-placed', undefined);
    expect(state.progressAt).to.equal(0);
    record(refTo('acme'), 'secrets', 'shop', undefined);
    expect(state.progressAt).to.equal(7);
  });

  for (const mode of ['cleanup', 'retain'] as const) {
    it(`ends the deletion when it was the last one (${mode})`, () => {
      const { record, called } = recorder(mode);
      record(refTo('acme'), 'secrets', 'shop', undefined);
      expect(called).to.deep.equal(['changed acme']);
      record(refTo('acme'), 'accounts', 'team', undefined);
      expect(called).to.deep.equal(['changed acme', 'changed acme', 'cleaned up acme']);
    });
  }

  it('does not end the life of a credential that is not deleted', () => {
    const { record, state, called } = recorder('sync');
    record(refTo('acme'), 'secrets', 'shop', undefined);
    record(refTo('acme'), 'accounts', 'team', undefined);
    expect(state.isEmpty).to.equal(true);
    expect(called).to.not.include('cleaned up acme');
  });
});
