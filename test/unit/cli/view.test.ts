import { expect } from 'chai';
import { type Credential, details, readyOf, table } from '../../../src/cli/view.ts';

const NOW = new Date('2026-01-08T12:00:00Z');
const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000).toISOString();
const condition = (type: string, status: 'True' | 'False' | 'Unknown', reason: string, message: string, observedGeneration = 1) => ({
  type,
  status,
  reason,
  message,
  observedGeneration,
  lastTransitionTime: ago(300),
});
const all = { desired: 15, synced: 15, failed: 0, conflicted: 0 };
const EXISTS = 'A Secret of this name is there and is not ours. Delete it.';

function credential(name: string, status?: Credential['status'], metadata: object = {}): Credential {
  return {
    metadata: { name, generation: 1, creationTimestamp: ago(3 * 86_400), ...metadata },
    spec: { namespaces: { names: ['*'] } } as Credential['spec'],
    ...(status && { status: { secretName: name, summary: '15/15', namespaces: all, serviceAccounts: all, ...status } }),
  };
}

const good = credential('acme', { conditions: [condition('Ready', 'True', 'Synced', 'The Secret acme is in place in 15 namespaces.')] });
const bad = credential('shop', {
  summary: '14/15',
  namespaces: { desired: 15, synced: 14, failed: 0, conflicted: 1 },
  failuresTotal: 21,
  failures: [{ namespace: 'team-a', kind: 'Secret', name: 'shop', reason: 'SecretExists', message: EXISTS }],
  conditions: [
    condition('Ready', 'False', 'SecretExists', '1 namespace of 15 is not as wanted.'),
    condition('SourcesReady', 'True', 'Resolved', 'All sources are valid.'),
    condition('SecretsSynced', 'False', 'SecretExists', '1 namespace of 15 is not as wanted.'),
    condition('ServiceAccountsSynced', 'True', 'Synced', 'The reference is in place.'),
  ],
});
const lines = (text: string) => text.trimEnd().split('\n');

describe('The table of status', () => {
  it('has a line for each, by name, and the sentence of those that are not Ready', () =>
    expect(lines(table([bad, good], NOW))).to.deep.equal([
      'NAME   READY   REASON         NAMESPACES   SECRET   AGE',
      'acme   True    Synced         15/15        acme     3d',
      'shop   False   SecretExists   14/15        shop     3d',
      '',
      'shop: 1 namespace of 15 is not as wanted.',
    ]));

  it('says so where there are none', () => expect(table([], NOW)).to.contain('There are no RegistryCredentials.'));

  it('tells of one that the operator has not seen to see whether it runs', () => {
    const [, row, , message] = lines(table([credential('late')], NOW));
    expect(row).to.match(/^late {3}Unknown {3}NotSeenYet +3d$/);
    expect(message).to.contain('has not looked at this yet').and.contain('kubectl get deployment');
  });

  const ages: Record<string, number> = { '0s': -5, '119s': 119, '2m': 120, '179m': 10_799, '3h': 10_800, '47h': 172_799, '2d': 172_800 };
  for (const [age, seconds] of Object.entries(ages)) {
    it(`says ${age} after ${seconds} seconds`, () =>
      expect(lines(table([credential('acme', good.status, { creationTimestamp: ago(seconds) })], NOW))[1]).to.match(
        new RegExp(` ${age}$`),
      ));
  }

  it('says nothing that a terminal obeys', () => {
    const message = 'a\u001b[2Jb\u202ec\nd';
    const hostile = credential('acme', { conditions: [condition('Ready', 'False', 'Refused', message)] });
    for (const text of [table([hostile], NOW), details(hostile, NOW)]) expect(text).to.contain('a [2Jb c d');
  });
});

describe('The details of status', () => {
  it('say what failed, why, and what to do, each sentence once', () =>
    expect(lines(details(bad, NOW))).to.deep.equal([
      'Name:              shop',
      'Ready:             False (SecretExists)',
      'Secret:            shop',
      'Namespaces:        14 of 15 in place, 1 in conflict',
      'ServiceAccounts:   15 of 15 in place',
      'Age:               3d',
      '',
      '1 namespace of 15 is not as wanted.',
      '',
      'CONDITION               STATUS   REASON         SINCE',
      'SourcesReady            True     Resolved       5m',
      'SecretsSynced           False    SecretExists   5m',
      'ServiceAccountsSynced   True     Synced         5m',
      '',
      'NAMESPACE   KIND     NAME   REASON         WHY, AND WHAT TO DO',
      `team-a      Secret   shop   SecretExists   ${EXISTS}`,
      'and 20 more that failed',
    ]));

  it('of one that the operator has never seen are few', () =>
    expect(lines(details(credential('late'), NOW)).slice(0, 3)).to.deep.equal([
      'Name:    late',
      'Ready:   Unknown (NotSeenYet)',
      'Age:     3d',
    ]));

  it('of one that is being deleted say so', () =>
    expect(details(credential('acme', good.status, { deletionTimestamp: ago(1) }), NOW)).to.contain('3d, being deleted'));
});

describe('Ready', () => {
  it('is what the status says of the spec as it is', () => expect(readyOf(good).status).to.equal('True'));

  it('is not taken from the status of an older spec', () => {
    const ready = readyOf(credential('acme', good.status, { generation: 2 }));
    expect(ready).to.include({ status: 'Unknown', reason: 'NotSeenYet' });
    expect(ready.message).to.contain('the last change of the spec');
  });
});
