import { expect } from 'chai';
import { type CellFacts, cellOf, explainCell, failuresByNamespace } from '../../../../src/plan/coverage/cell.ts';
import type { FailureRow } from '../../../../src/plan/status/facts.ts';
import { account, credential, namespace, secret, unmanagedSecret } from '../../../support/builders.ts';

const OPTED_OUT = { 'regcred.dev/exclude': 'true' };
const REFERS = [account({ pullSecrets: [{ name: 'acme' }] })];
const failure = (reason: string): FailureRow => ({
  namespace: 'shop',
  kind: 'Secret',
  name: 'acme',
  reason,
  message: `sample message of ${reason}`,
});
const seen = <T>(value: T) => ({ known: true as const, value });
const unseen = (right: string) => ({ known: false as const, why: `Missing right: ${right}.` });

const ofTeamA = () => credential({ kind: 'NamespacedRegistryCredential', namespace: 'team-a' });

/** A credential that is in place, with what a test changes. */
const facts = (mods: Partial<CellFacts> = {}): CellFacts => ({
  credential: credential(),
  namespace: namespace(),
  secret: seen(secret()),
  accounts: seen(REFERS),
  failure: undefined,
  ...mods,
});

describe('The cell of a credential in a namespace', () => {
  const table: Record<string, readonly [Partial<CellFacts>, state: string, why: RegExp]> = {
    'is synced if the Secret is there and the accounts refer to it': [{}, 'synced', /one ServiceAccount refers/],
    'is synced if the credential selects no account': [
      { credential: credential({ spec: { serviceAccounts: { names: [] } } }), accounts: seen([account()]) },
      'synced',
      /0 ServiceAccounts refer/,
    ],
    'is pending while the Secret is missing, and says why the credential is not Ready': [
      { secret: seen(undefined) },
      'pending',
      /not there yet\. The operator has not observed/,
    ],
    'is pending while the Secret is missing, and says no more if the credential is Ready': [
      {
        credential: credential({
          status: {
            conditions: [
              { type: 'Ready', status: 'True', reason: 'Synced', message: 'ready', observedGeneration: 1, lastTransitionTime: '' },
            ],
          },
        }),
        secret: seen(undefined),
      },
      'pending',
      /not there yet\.$/,
    ],
    'is synced with the number of accounts that refer to it': [
      {
        credential: credential({ spec: { serviceAccounts: { names: ['*'] } } }),
        accounts: seen([...REFERS, account({ name: 'b', pullSecrets: [{ name: 'theirs' }, { name: 'acme' }] })]),
      },
      'synced',
      /2 ServiceAccounts refer to it/,
    ],
    'is pending while many accounts do not refer to it, and names ten': [
      {
        credential: credential({ spec: { serviceAccounts: { names: ['*'] } } }),
        accounts: seen([...REFERS, ...Array.from({ length: 11 }, (_, n) => account({ name: `b${n}` }))]),
      },
      'pending',
      /refer to it yet: b0, b1, b2, b3, b4, b5, b6, b7, b8, b9\.$/,
    ],
    'is not selected if a suspended credential selects no more: nothing is removed': [
      { credential: credential({ spec: { namespaces: { names: [] }, suspend: true } }) },
      'not-selected',
      /No entry/,
    ],
    'is pending while an account does not refer to it': [
      { accounts: seen([account({ name: 'default' })]) },
      'pending',
      /refer to it yet: default/,
    ],
    'is pending while an object of a credential that selects no more is removed': [
      { credential: credential({ spec: { namespaces: { names: [] } } }) },
      'pending',
      /no longer selects/,
    ],
    'is pending while the credential is being deleted': [{ credential: credential({ terminating: true }) }, 'pending', /being deleted/],
    'is failed if the status reports so, whatever is there': [{ failure: failure('Forbidden') }, 'failed', /sample message of Forbidden/],
    'is a conflict if the status reports one': [{ failure: failure('SecretExists') }, 'conflict', /sample message of SecretExists/],
    'is a conflict if the Secret is of another user, also beyond the failures that the status lists': [
      { secret: seen(unmanagedSecret()) },
      'conflict',
      /does not belong to this credential/,
    ],
    'is a conflict if the Secret belongs to another credential, which is named': [
      {
        credential: credential({ uid: 'uid-of-another' }),
        secret: seen(secret({ owners: [], annotations: { 'regcred.dev/credential': 'team-a/robot' } })),
      },
      'conflict',
      /The Secret acme belongs to NamespacedRegistryCredential team-a\/robot\. Set another spec\.secretName/,
    ],
    'is pending if the Secret is that of a former credential of the same name': [
      {
        credential: credential({ uid: 'uid-of-another' }),
        secret: seen(secret({ owners: [], annotations: { 'regcred.dev/credential': 'acme' } })),
      },
      'pending',
      /a former credential of the same name\. The operator has still to take it over/,
    ],
    'is opted out by the label': [
      { namespace: namespace({ labels: OPTED_OUT }), secret: seen(undefined) },
      'opted-out',
      /regcred\.dev\/exclude/,
    ],
    'is not selected if nothing matches': [
      { credential: credential({ spec: { namespaces: { names: ['team-*'] } } }), secret: seen(undefined) },
      'not-selected',
      /No entry of spec\.namespaces/,
    ],
    'is not selected if it is excluded': [
      { credential: credential({ spec: { namespaces: { names: ['*'], exclude: { names: ['shop'] } } } }), secret: seen(undefined) },
      'not-selected',
      /exclude matches/,
    ],
    'is not accepted if the namespace does not name the one of the credential': [
      { credential: ofTeamA(), secret: seen(undefined) },
      'not-accepted',
      /does not accept credentials from namespace team-a/,
    ],
    'is synced if the namespace names it': [
      { credential: ofTeamA(), namespace: namespace({ acceptFrom: ['team-a'] }) },
      'synced',
      /one Service/,
    ],
    'is synced where a copy is: the operator may know a label by which the namespace accepts it': [
      { credential: ofTeamA() },
      'synced',
      /one Service/,
    ],
    'is not selected while the namespace is Terminating, also with a Secret in it': [
      { namespace: namespace({ terminating: true }) },
      'not-selected',
      /being deleted/,
    ],
    'is unknown without the right to read Secrets, and names the right': [
      { secret: unseen('list secrets') },
      'unknown',
      /Missing right: list secrets/,
    ],
    'is unknown without the right to read ServiceAccounts, and names the right': [
      { accounts: unseen('list serviceaccounts') },
      'unknown',
      /Missing right: list serviceaccounts/,
    ],
    'is known without any right where the namespace is not selected': [
      {
        credential: credential({ spec: { namespaces: { names: [] } } }),
        secret: unseen('list secrets'),
        accounts: unseen('list serviceaccounts'),
      },
      'not-selected',
      /No entry/,
    ],
  };
  for (const [what, [mods, state, why]] of Object.entries(table)) {
    it(what, () => {
      const all = facts(mods);
      const cell = cellOf(all);
      expect(cell.state).to.equal(state);
      expect(explainCell(cell, all.credential)).to.match(why);
    });
  }
});

describe('The failures of a status, by namespace', () => {
  it('have the one of the Secret if there are several: those of the accounts follow from it', () => {
    const ofAccount = { ...failure('Forbidden'), kind: 'ServiceAccount' };
    const other = { ...ofAccount, namespace: 'other' };
    const last = { ...ofAccount, reason: 'Contested' };
    const status = { failures: [ofAccount, failure('SecretExists'), last, other, { ...last, namespace: 'other' }] };
    const found = failuresByNamespace({ status });
    expect([found.get('shop')?.reason, found.get('other')?.reason]).to.deep.equal(['SecretExists', 'Forbidden']);
    expect(failuresByNamespace({ status: undefined }).size).to.equal(0);
  });
});
