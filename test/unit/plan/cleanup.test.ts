import { expect } from 'chai';
import type { AccountRecord, SecretRecord } from '../../../src/api/records.ts';
import { type Choice, type Found, isTakenBack, planCleanup, type Step } from '../../../src/plan/cleanup.ts';
import { account, credential, foreignSecret, namespace, secret } from '../../support/builders.ts';

const acme = credential();
const other = credential({ name: 'other' });
const secretOf = (name: string, mods: Partial<SecretRecord> = {}): SecretRecord =>
  secret({
    name,
    labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': `uid-${name}` },
    annotations: { 'regcred.dev/credential': name },
    owners: [{ apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', name, uid: `uid-${name}`, controller: true }],
    ...mods,
  });
const accountWith = (pullSecrets: string[], recorded: string[], mods: Partial<AccountRecord> = {}) =>
  account({ pullSecrets: pullSecrets.map((name) => ({ name })), recorded, ...mods });

/** A cluster of one namespace, where acme has been placed, and what a case says otherwise. */
const found = (mods: Partial<Found> = {}): Found => ({
  credentials: [acme],
  namespaces: [namespace()],
  accounts: [accountWith(['acme'], ['acme'])],
  secrets: [secretOf('acme')],
  ...mods,
});

const say = (step: Step): string => {
  if (step.kind === 'patch-account') return `account ${step.namespace}/${step.name} without ${step.taken}`;
  if ('namespace' in step) return `${step.kind} ${step.namespace}/${step.name}`;
  return `${step.kind} ${step.name}`;
};
function plan(there: Found, choice: Choice, chosen = there.credentials.filter(({ name }) => choice === 'all' || choice.includes(name))) {
  const { begin, takeBack, end } = planCleanup(there, choice, chosen);
  return [...begin, ...takeBack, ...end].map(say);
}

describe('A cleanup', () => {
  const cases: Record<string, { there: Found; choice?: Choice; want: string[] }> = {
    'deletes the credential first, takes back what it made, and lets it go last': {
      there: found(),
      want: ['delete-credential acme', 'account shop/default without acme', 'delete-secret shop/acme', 'remove-finalizer acme'],
    },
    'does so by name as well as for all': {
      there: found(),
      choice: ['acme'],
      want: ['delete-credential acme', 'account shop/default without acme', 'delete-secret shop/acme', 'remove-finalizer acme'],
    },
    'goes on with one that is being deleted already': {
      there: found({ credentials: [credential({ deleting: true })] }),
      want: ['account shop/default without acme', 'delete-secret shop/acme', 'remove-finalizer acme'],
    },
    'deletes one without our finalizer last: nothing else would keep it': {
      there: found({ credentials: [credential({ finalizers: ['example.com/other'] })] }),
      want: ['account shop/default without acme', 'delete-secret shop/acme', 'delete-credential acme'],
    },
    'under Retain only takes off the owner': {
      there: found({ credentials: [credential({ spec: { deletionPolicy: 'Retain' } })] }),
      want: ['delete-credential acme', 'update-secret shop/acme', 'remove-finalizer acme'],
    },
    'under Retain leaves a Secret without an owner as it is': {
      there: found({ credentials: [credential({ spec: { deletionPolicy: 'Retain' } })], secrets: [secretOf('acme', { owners: [] })] }),
      want: ['delete-credential acme', 'remove-finalizer acme'],
    },
    'does not touch a Secret of that name that others made, nor an entry that they made': {
      there: found({ secrets: [foreignSecret()], accounts: [accountWith(['acme', 'theirs'], [])] }),
      want: ['delete-credential acme', 'remove-finalizer acme'],
    },
    'does not touch a Secret that says it is ours, of a credential that nobody knows': {
      there: found({ secrets: [secretOf('acme', { labels: { 'app.kubernetes.io/managed-by': 'regcred' }, owners: [] })], accounts: [] }),
      want: ['delete-credential acme', 'remove-finalizer acme'],
    },
    'takes back a Secret that has lost its labels and has its owner still, and one under a former name': {
      there: found({
        secrets: [secretOf('acme', { labels: {}, annotations: {} }), { ...secretOf('acme'), name: 'former' }],
        accounts: [accountWith(['former', 'acme'], ['former', 'acme'])],
      }),
      choice: ['acme'],
      want: [
        'delete-credential acme',
        'account shop/default without former,acme',
        'delete-secret shop/acme',
        'delete-secret shop/former',
        'remove-finalizer acme',
      ],
    },
    'leaves a namespace alone that is Terminating': {
      there: found({ namespaces: [namespace({ terminating: true })] }),
      want: ['delete-credential acme', 'remove-finalizer acme'],
    },
    'of one leaves all that others have': {
      there: found({
        credentials: [acme, other],
        secrets: [secretOf('acme'), secretOf('other')],
        accounts: [accountWith(['other', 'acme', 'theirs'], ['acme', 'other'])],
      }),
      choice: ['acme'],
      want: ['delete-credential acme', 'account shop/default without acme', 'delete-secret shop/acme', 'remove-finalizer acme'],
    },
    'of one leaves an entry that another wants under the same name': {
      there: found({ credentials: [acme, credential({ name: 'other', spec: { secretName: 'acme' } })] }),
      choice: ['acme'],
      want: ['delete-credential acme', 'delete-secret shop/acme', 'remove-finalizer acme'],
    },
    'of one takes its entry where another of the same secretName is not wanted': {
      there: found({
        credentials: [acme, credential({ name: 'other', spec: { secretName: 'acme', namespaces: { names: ['elsewhere'] } } })],
      }),
      choice: ['acme'],
      want: ['delete-credential acme', 'account shop/default without acme', 'delete-secret shop/acme', 'remove-finalizer acme'],
    },
    'of one that is not there takes what it has left': {
      there: found({ credentials: [] }),
      choice: ['acme'],
      want: ['account shop/default without acme', 'delete-secret shop/acme'],
    },
    'of one that is not there takes an entry without a Secret, too': {
      there: found({ credentials: [], secrets: [], accounts: [accountWith(['theirs', 'acme', 'other'], ['acme', 'other'])] }),
      choice: ['acme'],
      want: ['account shop/default without acme'],
    },
    'takes back a Secret that has no owner, where it was retained until the policy was changed': {
      there: found({ secrets: [secretOf('acme', { owners: [] })] }),
      want: ['delete-credential acme', 'account shop/default without acme', 'delete-secret shop/acme', 'remove-finalizer acme'],
    },
    'of one that is not there leaves what another has left': {
      there: found({
        credentials: [],
        secrets: [secretOf('acme'), secretOf('other')],
        accounts: [accountWith(['acme', 'other'], ['acme', 'other'])],
      }),
      choice: ['acme'],
      want: ['account shop/default without acme', 'delete-secret shop/acme'],
    },
    'of all leaves a Secret that something else owns by now': {
      there: found({
        credentials: [],
        secrets: [
          secretOf('acme', { owners: [{ apiVersion: 'example.com/v1', kind: 'RegistryCredential', name: 'acme', uid: 'uid-acme' }] }),
        ],
      }),
      want: [],
    },
    'of all leaves a Secret that another credential of the name owns': {
      there: found({ credentials: [], secrets: [secretOf('acme', { owners: secretOf('other').owners })] }),
      want: [],
    },
    'of all takes what those have left that are no more': {
      there: found({ credentials: [], accounts: [accountWith(['acme', 'former', 'theirs'], ['acme', 'former'])] }),
      want: ['account shop/default without acme,former', 'delete-secret shop/acme'],
    },
    'of all leaves what was retained of such': {
      there: found({ credentials: [], secrets: [secretOf('acme', { owners: [] })] }),
      want: [],
    },
    'with nothing there does nothing': { there: found({ credentials: [], secrets: [], accounts: [account()] }), want: [] },
  };
  for (const [what, { there, choice = 'all', want }] of Object.entries(cases)) {
    it(what, () => expect(plan(there, choice)).to.deep.equal(want));
  }

  it('goes on with what was made for one when the object has gone meanwhile', () =>
    expect(plan(found({ credentials: [] }), ['acme'], [credential({ spec: { secretName: 'acme' } })])).to.deep.equal([
      'account shop/default without acme',
      'delete-secret shop/acme',
    ]));

  it('lets one go when nothing is left of it, whatever is left of others', () => {
    const there = found({ credentials: [acme, other], secrets: [secretOf('other')], accounts: [accountWith(['other'], ['other'])] });
    const { takeBack } = planCleanup(there, 'all', [acme, other]);
    expect(isTakenBack(acme, takeBack)).to.equal(true);
    expect(isTakenBack(other, takeBack)).to.equal(false);
    expect(isTakenBack(other, takeBack.slice(0, 1))).to.equal(false);
  });

  it('keeps the finalizers of others', () => {
    const { end } = planCleanup(found({ credentials: [credential({ finalizers: ['a.b/c', 'regcred.dev/cleanup'] })] }), 'all', [acme]);
    expect(end).to.deep.equal([
      {
        kind: 'remove-finalizer',
        name: 'acme',
        uid: 'uid-acme',
        patch: { metadata: { uid: 'uid-acme', resourceVersion: '1', finalizers: ['a.b/c'] } },
      },
    ]);
  });
});
