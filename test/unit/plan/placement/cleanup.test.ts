import { expect } from 'chai';
import type { AccountRecord, SecretRecord } from '../../../../src/api/records.ts';
import {
  type CleanupChoice,
  type CleanupObserved,
  type CleanupStep,
  isChosen,
  isCleanedUp,
  planCleanup,
  type StateSecret,
} from '../../../../src/plan/placement/cleanup.ts';
import type { ObservedRules } from '../../../../src/plan/placement/rules-cleanup.ts';
import { account, credential, namespace, secret, unmanagedSecret } from '../../../support/builders.ts';

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

const stateOf = (name: string): StateSecret => ({
  namespace: 'regcred-system',
  name: `regcred-state-uid-${name}`,
  uid: `uid-state-${name}`,
  resourceVersion: '1',
  credential: `uid-${name}`,
});

/** The rules for new pods: the names of each rule. */
const rulesFor = (...rules: string[][]): ObservedRules => ({
  namespace: '',
  name: 'regcred',
  uid: 'uid-rules',
  resourceVersion: '7',
  rules: rules.map((names) => ({ imagePullSecrets: names.map((name) => ({ name })) })),
});

const cloudToken = { namespace: 'regcred-system', name: 'regcred-token-aws-1', uid: 'uid-token', resourceVersion: '1' };
const fetching = credential({
  name: 'fetching',
  spec: { registries: [{ server: '123456789012.dkr.ecr.eu-central-1.amazonaws.com', token: { aws: {} } }] },
});

/** A cluster with one namespace, in which acme is placed, and the changes of a case. */
const found = (mods: Partial<CleanupObserved> = {}): CleanupObserved => ({
  credentials: [acme],
  namespaces: [namespace()],
  accounts: [accountWith(['acme'], ['acme'])],
  secrets: [secretOf('acme')],
  states: [],
  tokens: [],
  rules: undefined,
  ...mods,
});

/** A credential of a namespace, and the Secret that it left in one. */
const ofTeam = (mods: Parameters<typeof credential>[0] = {}) =>
  credential({ kind: 'NamespacedRegistryCredential', namespace: 'team-a', uid: `uid-${mods.namespace ?? 'team-a'}-acme`, ...mods });
const leftByTeam = (
  where: string,
  owners: SecretRecord['owners'] = [
    { apiVersion: 'regcred.dev/v1alpha1', kind: 'NamespacedRegistryCredential', name: 'acme', uid: 'uid-acme', controller: true },
  ],
) => secretOf('acme', { namespace: where, annotations: { 'regcred.dev/credential': 'team-a/acme' }, owners });

const formatStep = (step: CleanupStep): string => {
  if (step.kind === 'patch-account') return `account ${step.namespace}/${step.name} without ${step.removed}`;
  if (step.kind === 'delete-rules') return step.kind;
  if (step.kind === 'patch-rules') {
    const { metadata, spec } = step.patch as { metadata: { resourceVersion: string }; spec: Pick<ObservedRules, 'rules'> };
    const names = spec.rules.map(({ imagePullSecrets }) => `[${imagePullSecrets.map(({ name }) => name)}]`);
    return `rules [${names}] at version ${metadata.resourceVersion}, without ${step.removed}`;
  }
  if ('namespace' in step) return `${step.kind} ${step.namespace}/${step.name}`;
  return `${step.kind} ${step.ref.name}`;
};
function plan(
  observed: CleanupObserved,
  choice: CleanupChoice,
  chosen = observed.credentials.filter((credential) => isChosen(choice, credential)),
) {
  const { deletions, removals, finish } = planCleanup(observed, choice, chosen);
  return [...deletions, ...removals, ...finish].map(formatStep);
}

describe('A cleanup', () => {
  const cases: Record<string, { observed: CleanupObserved; choice?: CleanupChoice; want: string[] }> = {
    'deletes the credential first, then removes what it created, and removes its finalizer last': {
      observed: found(),
      want: ['delete-credential acme', 'account shop/default without acme', 'delete-secret shop/acme', 'remove-finalizer acme'],
    },
    'does the same for a name as for all': {
      observed: found(),
      choice: { namespace: '', names: ['acme'] },
      want: ['delete-credential acme', 'account shop/default without acme', 'delete-secret shop/acme', 'remove-finalizer acme'],
    },
    'continues with a credential that is already being deleted': {
      observed: found({ credentials: [credential({ terminating: true })] }),
      want: ['account shop/default without acme', 'delete-secret shop/acme', 'remove-finalizer acme'],
    },
    "deletes a credential without the operator's finalizer last, because nothing would keep it": {
      observed: found({ credentials: [credential({ finalizers: ['example.com/other'] })] }),
      want: ['account shop/default without acme', 'delete-secret shop/acme', 'delete-credential acme'],
    },
    'removes only the owner reference under Retain': {
      observed: found({ credentials: [credential({ spec: { deletionPolicy: 'Retain' } })] }),
      want: ['delete-credential acme', 'update-secret shop/acme', 'remove-finalizer acme'],
    },
    'leaves a Secret without an owner alone under Retain': {
      observed: found({ credentials: [credential({ spec: { deletionPolicy: 'Retain' } })], secrets: [secretOf('acme', { owners: [] })] }),
      want: ['delete-credential acme', 'remove-finalizer acme'],
    },
    'does not touch an unmanaged Secret of that name, or an entry of others': {
      observed: found({ secrets: [unmanagedSecret()], accounts: [accountWith(['acme', 'theirs'], [])] }),
      want: ['delete-credential acme', 'remove-finalizer acme'],
    },
    'does not touch a Secret with the managed-by label of an unknown credential': {
      observed: found({ secrets: [secretOf('acme', { labels: { 'app.kubernetes.io/managed-by': 'regcred' }, owners: [] })], accounts: [] }),
      want: ['delete-credential acme', 'remove-finalizer acme'],
    },
    'deletes a Secret that lost its labels but has its owner, and one under a former name': {
      observed: found({
        secrets: [secretOf('acme', { labels: {}, annotations: {} }), { ...secretOf('acme'), name: 'former' }],
        accounts: [accountWith(['former', 'acme'], ['former', 'acme'])],
      }),
      choice: { namespace: '', names: ['acme'] },
      want: [
        'delete-credential acme',
        'account shop/default without former,acme',
        'delete-secret shop/acme',
        'delete-secret shop/former',
        'remove-finalizer acme',
      ],
    },
    'leaves a Terminating namespace alone': {
      observed: found({ namespaces: [namespace({ terminating: true })] }),
      want: ['delete-credential acme', 'remove-finalizer acme'],
    },
    'deletes the state of the credential': {
      observed: found({ secrets: [], accounts: [], states: [stateOf('acme')] }),
      choice: { namespace: '', names: ['acme'] },
      want: ['delete-credential acme', 'delete-secret regcred-system/regcred-state-uid-acme', 'remove-finalizer acme'],
    },
    'deletes the state of a credential under Retain, too': {
      observed: found({ credentials: [credential({ spec: { deletionPolicy: 'Retain' } })], secrets: [], states: [stateOf('acme')] }),
      want: ['delete-credential acme', 'delete-secret regcred-system/regcred-state-uid-acme', 'remove-finalizer acme'],
    },
    'of one credential leaves the state of others, and of credentials that are gone': {
      observed: found({ credentials: [acme, other], secrets: [], accounts: [], states: [stateOf('other'), stateOf('gone')] }),
      choice: { namespace: '', names: ['acme'] },
      want: ['delete-credential acme', 'remove-finalizer acme'],
    },
    'of all credentials deletes the state of credentials that are gone': {
      observed: found({ credentials: [], secrets: [], accounts: [], states: [stateOf('gone')] }),
      want: ['delete-secret regcred-system/regcred-state-uid-gone'],
    },
    'deletes the tokens of clouds with the last credential that fetches any': {
      observed: found({ secrets: [], accounts: [], tokens: [cloudToken] }),
      want: ['delete-credential acme', 'delete-secret regcred-system/regcred-token-aws-1', 'remove-finalizer acme'],
    },
    'of one credential leaves the tokens of clouds while another one fetches some': {
      observed: found({ credentials: [acme, fetching], secrets: [], accounts: [], tokens: [cloudToken] }),
      choice: { namespace: '', names: ['acme'] },
      want: ['delete-credential acme', 'remove-finalizer acme'],
    },
    'of one credential leaves everything of other credentials': {
      observed: found({
        credentials: [acme, other],
        secrets: [secretOf('acme'), secretOf('other')],
        accounts: [accountWith(['other', 'acme', 'theirs'], ['acme', 'other'])],
      }),
      choice: { namespace: '', names: ['acme'] },
      want: ['delete-credential acme', 'account shop/default without acme', 'delete-secret shop/acme', 'remove-finalizer acme'],
    },
    'of one credential leaves an entry that another credential needs under the same name': {
      observed: found({ credentials: [acme, credential({ name: 'other', spec: { secretName: 'acme' } })] }),
      choice: { namespace: '', names: ['acme'] },
      want: ['delete-credential acme', 'delete-secret shop/acme', 'remove-finalizer acme'],
    },
    'of one credential removes its entry if another with the same secretName does not select the namespace': {
      observed: found({
        credentials: [acme, credential({ name: 'other', spec: { secretName: 'acme', namespaces: { names: ['elsewhere'] } } })],
      }),
      choice: { namespace: '', names: ['acme'] },
      want: ['delete-credential acme', 'account shop/default without acme', 'delete-secret shop/acme', 'remove-finalizer acme'],
    },
    'of a credential that no longer exists removes what it left behind': {
      observed: found({ credentials: [] }),
      choice: { namespace: '', names: ['acme'] },
      want: ['account shop/default without acme', 'delete-secret shop/acme'],
    },
    'of a credential that no longer exists also removes an entry without a Secret': {
      observed: found({ credentials: [], secrets: [], accounts: [accountWith(['theirs', 'acme', 'other'], ['acme', 'other'])] }),
      choice: { namespace: '', names: ['acme'] },
      want: ['account shop/default without acme'],
    },
    'deletes a Secret without an owner, if the policy was Retain before': {
      observed: found({ secrets: [secretOf('acme', { owners: [] })] }),
      want: ['delete-credential acme', 'account shop/default without acme', 'delete-secret shop/acme', 'remove-finalizer acme'],
    },
    'of a credential that no longer exists leaves what another left behind': {
      observed: found({
        credentials: [],
        secrets: [secretOf('acme'), secretOf('other')],
        accounts: [accountWith(['acme', 'other'], ['acme', 'other'])],
      }),
      choice: { namespace: '', names: ['acme'] },
      want: ['account shop/default without acme', 'delete-secret shop/acme'],
    },
    'of all leaves a Secret that another object owns by now': {
      observed: found({
        credentials: [],
        secrets: [
          secretOf('acme', { owners: [{ apiVersion: 'example.com/v1', kind: 'RegistryCredential', name: 'acme', uid: 'uid-acme' }] }),
        ],
      }),
      want: [],
    },
    'of all leaves a Secret that another credential owns': {
      observed: found({ credentials: [], secrets: [secretOf('acme', { owners: secretOf('other').owners })] }),
      want: [],
    },
    'of all removes what credentials left behind that no longer exist': {
      observed: found({ credentials: [], accounts: [accountWith(['acme', 'former', 'theirs'], ['acme', 'former'])] }),
      want: ['account shop/default without acme,former', 'delete-secret shop/acme'],
    },
    'of all leaves what such credentials retained': {
      observed: found({ credentials: [], secrets: [secretOf('acme', { owners: [] })] }),
      want: [],
    },
    'of all deletes the rules for new pods, if no credential remains': {
      observed: found({ credentials: [], secrets: [], accounts: [], rules: rulesFor(['acme']) }),
      want: ['delete-rules'],
    },
    'of one removes its name from the rules for new pods, and names that no credential has, and keeps the positions of the rules': {
      observed: found({ credentials: [acme, other], secrets: [], accounts: [], rules: rulesFor(['acme', 'other'], ['former'], ['other']) }),
      choice: { namespace: '', names: ['acme'] },
      want: ['delete-credential acme', 'rules [[other],[],[other]] at version 7, without acme,former', 'remove-finalizer acme'],
    },
    'of one keeps a name in the rules that another credential has as well': {
      observed: found({
        credentials: [acme, credential({ name: 'other', spec: { secretName: 'acme' } })],
        secrets: [],
        accounts: [],
        rules: rulesFor(['acme']),
      }),
      choice: { namespace: '', names: ['acme'] },
      want: ['delete-credential acme', 'remove-finalizer acme'],
    },
    'deletes a namespaced credential without a finalizer first: an operator would repair what the cleanup removes': {
      observed: found({
        credentials: [ofTeam({ uid: 'uid-acme', finalizers: [] })],
        namespaces: [namespace({ name: 'team-a' })],
        secrets: [leftByTeam('team-a')],
        accounts: [],
      }),
      want: ['delete-credential acme', 'delete-secret team-a/acme'],
    },
    'of one namespaced credential leaves a credential of the same name elsewhere': {
      observed: found({ credentials: [acme, ofTeam(), ofTeam({ namespace: 'team-b' })], secrets: [], accounts: [] }),
      choice: { namespace: 'team-a', names: ['acme'] },
      want: ['delete-credential acme', 'remove-finalizer acme'],
    },
    'of all removes what a namespaced credential left in another namespace, where it owns nothing': {
      observed: found({ credentials: [], accounts: [], secrets: [leftByTeam('shop', [])] }),
      want: ['delete-secret shop/acme'],
    },
    'of all leaves what a namespaced credential retained in its own namespace': {
      observed: found({
        credentials: [],
        accounts: [],
        namespaces: [namespace({ name: 'team-a' })],
        secrets: [leftByTeam('team-a', [])],
      }),
      want: [],
    },
    'of all removes what a namespaced credential left in its own namespace': {
      observed: found({
        credentials: [],
        accounts: [],
        namespaces: [namespace({ name: 'team-a' })],
        secrets: [leftByTeam('team-a')],
      }),
      want: ['delete-secret team-a/acme'],
    },
    'of a namespaced credential that no longer exists leaves what a cluster-scoped one of that name left behind': {
      observed: found({ credentials: [], accounts: [] }),
      choice: { namespace: 'team-a', names: ['acme'] },
      want: [],
    },
    'of the last credential that fetches tokens deletes the tokens, although others remain': {
      observed: found({ credentials: [acme, fetching], secrets: [], accounts: [], tokens: [cloudToken] }),
      choice: { namespace: '', names: ['fetching'] },
      want: ['delete-credential fetching', 'delete-secret regcred-system/regcred-token-aws-1', 'remove-finalizer fetching'],
    },
    'does nothing if there is nothing': { observed: found({ credentials: [], secrets: [], accounts: [account()] }), want: [] },
  };
  for (const [what, { observed, choice = 'all', want }] of Object.entries(cases)) {
    it(what, () => expect(plan(observed, choice)).to.deep.equal(want));
  }

  it('continues with what was created for a credential if the object has disappeared meanwhile', () =>
    expect(
      plan(found({ credentials: [] }), { namespace: '', names: ['acme'] }, [credential({ spec: { secretName: 'acme' } })]),
    ).to.deep.equal(['account shop/default without acme', 'delete-secret shop/acme']));

  it('leaves the state of a credential that has disappeared meanwhile to the garbage collector', () =>
    expect(plan(found({ credentials: [], secrets: [], accounts: [], states: [stateOf('acme')] }), 'all', [acme])).to.deep.equal([]));

  it('finishes a credential once nothing of it is left, whatever is left of others', () => {
    const observed = found({ credentials: [acme, other], secrets: [secretOf('other')], accounts: [accountWith(['other'], ['other'])] });
    const { removals } = planCleanup(observed, 'all', [acme, other]);
    expect(isCleanedUp(acme, removals)).to.equal(true);
    expect(isCleanedUp(other, removals)).to.equal(false);
    expect(isCleanedUp(other, removals.slice(0, 1))).to.equal(false);
  });

  it('keeps the finalizers of others', () => {
    const { finish } = planCleanup(found({ credentials: [credential({ finalizers: ['a.b/c', 'regcred.dev/cleanup'] })] }), 'all', [acme]);
    expect(finish).to.deep.equal([
      {
        kind: 'remove-finalizer',
        ref: { kind: 'RegistryCredential', namespace: '', name: 'acme' },
        uid: 'uid-acme',
        patch: { metadata: { uid: 'uid-acme', resourceVersion: '1', finalizers: ['a.b/c'] } },
      },
    ]);
  });
});
