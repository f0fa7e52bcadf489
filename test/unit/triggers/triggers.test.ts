import { expect } from 'chai';
import { isNamespaced, refOf } from '../../../src/api/credential-ref.ts';
import type { AccountRecord, CredentialRecord, NamespaceRecord, ObjectRecord, PodRecord, SecretRecord } from '../../../src/api/records.ts';
import { CredentialIndex, credentialStore } from '../../../src/cluster/credential-index.ts';
import { managedSecretStore } from '../../../src/cluster/secret-index.ts';
import { Store } from '../../../src/kube/store.ts';
import type { StateSecret } from '../../../src/plan/placement/cleanup.ts';
import { intentOf } from '../../../src/plan/placement/intent.ts';
import { MAX_PER_NAMESPACE } from '../../../src/plan/targets/served.ts';
import { idOf, type Key } from '../../../src/queue/keys.ts';
import { PRIORITY, type Priority } from '../../../src/queue/queue.ts';
import { CredentialStates } from '../../../src/status/credential-state.ts';
import { Triggers } from '../../../src/triggers/triggers.ts';
import { account, credential, namespace, pod, secret, unmanagedSecret } from '../../support/builders.ts';

interface Case {
  readonly credentials?: readonly CredentialRecord[];
  /** Credentials that are not reconciled yet. */
  readonly unreconciled?: readonly CredentialRecord[];
  /** The namespaces that have a namespaced credential, not reconciled yet. */
  readonly tenants?: readonly string[];
  readonly managed?: readonly SecretRecord[];
  readonly accounts?: readonly AccountRecord[];
  /** The pending pods; undefined if pods are not watched. */
  readonly pods?: readonly PodRecord[];
  readonly tokens?: readonly ObjectRecord[];
  readonly change: (triggers: Triggers) => void;
  readonly want: readonly string[];
  /** The keys that are not urgent. */
  readonly later?: RegExp;
}

function view<R extends ObjectRecord>(records: readonly R[]): Store<R> {
  const store = new Store<R>(() => {});
  for (const record of records) store.accept({ type: 'listed', records: [record] });
  return store;
}

/** The keys that a change adds, each once, in order of their names. */
function keysOf({ credentials = [], unreconciled = [], tenants = [], managed = [], accounts = [], pods, tokens = [], change }: Case): {
  keys: string[];
  priorities: ReadonlyMap<string, Priority>;
} {
  const intents = credentials.map((one) => intentOf(one, undefined));
  const secrets = managedSecretStore(() => {});
  for (const record of managed) secrets.accept({ type: 'listed', records: [record] });
  const namespaces = view<NamespaceRecord>([]);
  const states = new CredentialStates();
  for (const one of intents) states.setIntent(one);
  const known = credentialStore(() => {});
  const namespaced = credentialStore(() => {});
  for (const record of [...credentials, ...unreconciled])
    (isNamespaced(record) ? namespaced : known).accept({ type: 'listed', records: [record] });
  for (const home of tenants) {
    const record = credential({ kind: 'NamespacedRegistryCredential', namespace: home, uid: `uid-${home}` });
    namespaced.accept({ type: 'listed', records: [record] });
  }
  const observed = {
    credentials: new CredentialIndex(known, namespaced, namespaces),
    namespaces,
    accounts: view(accounts),
    secrets: { managedIn: (namespace: string) => secrets.in(namespace), ofCredential: (uid: string) => secrets.indexed(uid) },
    stateSecrets: view<StateSecret>([]),
    pods: { view: () => pods && view(pods) },
    tokenSecrets: view(tokens),
  };
  const added = new Map<string, Priority>();
  // Most credentials here are RegistryCredentials, so the tables leave out the kind.
  const nameOf = (key: Key) => idOf(key).replace('NamespacedRegistryCredential ', '').replace('RegistryCredential /', '');
  change(new Triggers(observed, states, (key: Key, priority) => added.set(nameOf(key), priority)));
  return { keys: [...added.keys()].sort(), priorities: added };
}

const labelled = (uid: string) => ({ labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': uid } });
const byLabel = credential({ spec: { namespaces: { selector: { matchLabels: { pull: 'acme' } } } } });
const onlyShop = credential({ spec: { namespaces: { names: ['shop'] } } });
const other = credential({ name: 'other', spec: { namespaces: { names: ['shop'] } } });
const pull = { labels: { pull: 'acme' } };
const from = (name: string) => ({ secretRef: { namespace: 'regcred-system', name } });
const registry = (name: string) => ({ server: `${name}.example.com`, ...from(name) });
const rotated = (triggers: Triggers) => triggers.source({ namespace: 'regcred-system', name: 'robot' });

const stateSecret = {
  namespace: 'regcred-system',
  name: 'regcred-state-uid-acme',
  uid: 'uid',
  resourceVersion: '1',
  credential: 'uid-acme',
};
/** A credential of a namespace. Its uid has the order of the names. */
const ofTeam = (mods: Parameters<typeof credential>[0] = {}) =>
  credential({ kind: 'NamespacedRegistryCredential', namespace: 'team-a', uid: `uid-${mods.name ?? 'acme'}`, ...mods });
const many = (count: number) => Array.from({ length: count }, (_, n) => ofTeam({ name: `c${n + 10}` }));
const namesOf = (credentials: readonly CredentialRecord[]) => credentials.map(({ namespace, name }) => `credential ${namespace}/${name}`);
const cloud = { roleArn: 'arn:aws:iam::123456789012:role/puller' };
const fetching = credential({
  name: 'fetching',
  spec: {
    registries: [
      registry('robot'),
      {
        server: '123456789012.dkr.ecr.eu-central-1.amazonaws.com',
        token: { aws: { serviceAccountRef: { namespace: 'shop', name: 'default' } } },
      },
    ],
  },
});

const both = ['accounts shop', 'secret acme shop'];

describe('A change concerns', () => {
  const cases: Record<string, Case> = {
    'for a new namespace, the credentials that select it': {
      credentials: [byLabel, other],
      change: (on) => on.namespace(undefined, namespace()),
      want: ['accounts shop', 'secret other shop'],
    },
    'for the policy for new pods, every credential, because its status reports it': {
      credentials: [byLabel, other],
      change: (on) => on.allCredentials(),
      want: ['credential acme', 'credential other'],
    },
    'for a state Secret, the state of its credential': {
      credentials: [byLabel, other],
      change: (on) => on.stateSecret(stateSecret, undefined),
      want: ['state acme'],
    },
    'for a state Secret of a credential that is gone, nothing': {
      credentials: [other],
      change: (on) => on.stateSecret(undefined, stateSecret),
      want: [],
    },
    'for a namespace that no credential selects, nothing': {
      credentials: [byLabel],
      change: (on) => on.namespace(undefined, namespace()),
      want: [],
    },
    'for a namespace that got the label, the credentials that select it now': {
      credentials: [byLabel, other],
      change: (on) => on.namespace(namespace({ name: 'a' }), namespace({ name: 'a', ...pull })),
      want: ['accounts a', 'secret acme a'],
    },
    'for a namespace that lost the label, the credentials that selected it': {
      credentials: [byLabel],
      change: (on) => on.namespace(namespace(pull), namespace()),
      want: both,
    },
    'for a namespace that opted out, the credentials that selected it': {
      credentials: [onlyShop],
      change: (on) => on.namespace(namespace(), namespace({ labels: { 'regcred.dev/exclude': 'true' } })),
      want: both,
    },
    'for a namespace that lost the label while no operator ran, the credentials with a Secret in it': {
      credentials: [byLabel, credential({ name: 'third', spec: { namespaces: { names: [] } } })],
      managed: [secret(), secret({ name: 'third', namespace: 'b', ...labelled('uid-third') })],
      change: (on) => on.namespace(undefined, namespace()),
      want: both,
    },
    'for a namespace that no credential selects but that has managed references, its accounts': {
      credentials: [byLabel],
      accounts: [account(), account({ name: 'builder', recorded: ['acme'] })],
      change: (on) => on.namespace(undefined, namespace()),
      want: ['accounts shop'],
    },
    'for a namespace that no credential selects, nothing, even if another has managed references': {
      credentials: [byLabel],
      accounts: [account({ recorded: ['acme'], namespace: 'b' }), account()],
      change: (on) => on.namespace(undefined, namespace()),
      want: [],
    },
    'for a deleted namespace, the credentials that selected it': {
      credentials: [onlyShop],
      change: (on) => on.namespace(namespace(), undefined),
      want: both,
    },

    'for a new account, the accounts of its namespace, even if the namespace is not known yet': {
      credentials: [byLabel],
      change: (on) => on.account(undefined, account()),
      want: ['accounts shop'],
    },
    'for an account without any credential, nothing': { change: (on) => on.account(account(), account()), want: [] },
    'for a new account with a record, its accounts, even if no credential is left': {
      change: (on) => on.account(undefined, account({ recorded: ['acme'] })),
      want: ['accounts shop'],
    },
    'for an account that lost its record, its accounts, even if no credential is left': {
      change: (on) => on.account(account({ recorded: ['acme'] }), account()),
      want: ['accounts shop'],
    },

    'for a new managed Secret, its credential, and the accounts that may wait for it': {
      credentials: [onlyShop, other],
      change: (on) => on.secret(undefined, secret()),
      want: both,
    },
    'for a changed managed Secret, its credential, and no account': {
      credentials: [onlyShop, other],
      change: (on) => on.secret(secret(), secret()),
      want: ['secret acme shop'],
    },
    'for a deleted managed Secret, its credential, and the accounts': {
      credentials: [onlyShop, other],
      change: (on) => on.secret(secret(), undefined),
      want: both,
    },
    'for a managed Secret under a former name, its credential': {
      credentials: [onlyShop],
      change: (on) => on.secret(secret({ name: 'former' }), secret({ name: 'former' })),
      want: ['secret acme shop'],
    },
    'for a Secret that got the label of another credential, both credentials': {
      credentials: [onlyShop, other, credential({ name: 'third' })],
      change: (on) => on.secret(secret({ name: 'x', ...labelled('uid-acme') }), secret({ name: 'x', ...labelled('uid-other') })),
      want: ['secret acme shop', 'secret other shop'],
    },
    'for a new unmanaged Secret, the credentials that use its name': {
      credentials: [onlyShop, other],
      change: (on) => on.secret(undefined, unmanagedSecret()),
      want: both,
    },
    'for a deleted unmanaged Secret, the credentials that can now use its name': {
      credentials: [onlyShop],
      change: (on) => on.secret(unmanagedSecret(), undefined),
      want: both,
    },
    'for a Secret whose name two credentials use, both credentials': {
      credentials: [onlyShop, credential({ name: 'rival', spec: { secretName: 'acme' } })],
      change: (on) => on.secret(unmanagedSecret(), unmanagedSecret()),
      want: ['secret acme shop', 'secret rival shop'],
    },
    'for a Secret of a credential that no longer exists, only the accounts': {
      change: (on) => on.secret(secret(), undefined),
      want: ['accounts shop'],
    },

    'for a source, the credentials that use it': {
      credentials: [
        credential({ name: 'a', spec: { registries: [registry('else'), registry('robot')] } }),
        credential({ name: 'b', spec: { dockerConfigs: [from('robot')] } }),
        credential({ name: 'c', spec: { registries: [registry('else')] } }),
      ],
      change: rotated,
      want: ['credential a', 'credential b'],
    },
    'for a source, also the credentials that are not reconciled yet': {
      unreconciled: [credential({ spec: { registries: [registry('robot')] } })],
      change: rotated,
      want: ['credential acme'],
    },
    'for a Secret that has the name of a source in another namespace, nothing': {
      credentials: [credential({ spec: { registries: [registry('robot')] } })],
      change: (on) => on.source({ namespace: 'shop', name: 'robot' }),
      want: [],
    },
    'for a watch that becomes synced, fails or recovers, the keys that depend on it': {
      credentials: [credential(), credential({ name: 'c' })],
      change: (on) =>
        on.watchState([
          { kind: 'credential', credential: refOf(credential()) },
          { kind: 'credential', credential: refOf(credential({ name: 'b' })) },
          { kind: 'accounts', namespace: 'shop' },
        ]),
      want: ['accounts shop', 'credential acme', 'credential b'],
    },

    'for a new credential, this credential and the rules for new pods': {
      unreconciled: [credential()],
      change: (on) => on.credential(undefined, credential()),
      want: ['credential acme', 'rules'],
    },
    'for a changed credential of the same generation, this credential': {
      credentials: [onlyShop, other],
      managed: [secret()],
      change: (on) => on.credential(onlyShop, byLabel),
      want: ['credential acme'],
    },
    'for a deleted credential, also those that its Secrets conflicted with': {
      credentials: [onlyShop, credential({ name: 'waits', spec: { secretName: 'acme' } }), other],
      managed: [secret(), secret({ namespace: 'b' })],
      change: (on) => on.credential(onlyShop, undefined),
      want: ['credential acme', 'rules', 'secret waits b', 'secret waits shop'],
    },
    'for a deleted credential, also those that its source conflicted with': {
      credentials: [credential({ name: 'waits', spec: { secretName: 'robot' } }), other],
      change: (on) => on.credential(credential({ spec: { registries: [registry('robot')] } }), undefined),
      want: ['credential acme', 'rules', 'secret waits regcred-system'],
    },
    'for a credential with a changed spec, also those that its Secrets conflicted with': {
      credentials: [onlyShop, credential({ name: 'waits', spec: { secretName: 'acme' } })],
      managed: [secret()],
      change: (on) => on.credential(onlyShop, { ...onlyShop, generation: 2 }),
      want: ['credential acme', 'rules', 'secret waits shop'],
    },
    'for a deleted credential that was never reconciled, this credential': {
      credentials: [other],
      managed: [secret()],
      change: (on) => on.credential(credential(), undefined),
      want: ['credential acme', 'rules'],
    },

    'for a pod that gets stuck, this pod': {
      change: (on) => on.pod(pod({ failingImages: [] }), pod()),
      want: ['pod shop web-1'],
    },
    'for a pod that is no longer stuck, this pod': { change: (on) => on.pod(pod(), undefined), want: ['pod shop web-1'] },
    'for a pod that is not stuck, nothing': { change: (on) => on.pod(undefined, pod({ failingImages: [] })), want: [] },
    'for a changed account, also the stuck pods of its namespace': {
      pods: [pod(), pod({ name: 'starts', failingImages: [] }), pod({ namespace: 'b' })],
      accounts: [account()],
      change: (on) => on.account(account({ recorded: ['acme'] }), account({ recorded: ['acme'] })),
      want: ['accounts shop', 'pod shop web-1'],
    },
    'for a Secret with new content, also the stuck pods of its namespace': {
      credentials: [onlyShop],
      pods: [pod(), pod({ name: 'starts', failingImages: [] }), pod({ namespace: 'b' })],
      change: (on) => on.secret(secret(), secret({ contentHash: 'other' })),
      want: ['pod shop web-1', 'secret acme shop'],
    },

    'for a namespace with a namespaced credential, also the rules for new pods': {
      tenants: ['team-a'],
      change: (on) => on.namespace(undefined, namespace({ name: 'team-a' })),
      want: ['credential team-a/acme', 'rules'],
    },
    'for a namespace that accepts those of another one, also the rules for new pods': {
      tenants: ['team-a'],
      change: (on) => on.namespace(namespace({ name: 'shop', acceptFrom: ['team-a'] }), namespace({ name: 'shop' })),
      want: ['rules'],
    },
    'for a namespace that no namespaced credential reaches, not the rules for new pods': {
      tenants: ['team-a'],
      change: (on) => on.namespace(undefined, namespace({ name: 'shop', acceptFrom: ['team-b'] })),
      want: [],
    },
    'for an account with another identity at a cloud, also the credentials that fetch tokens with it': {
      unreconciled: [fetching, other],
      change: (on) => on.account(account(), account({ cloud })),
      want: ['credential fetching'],
    },
    'for an account that was re-created, also the credentials that fetch tokens with it': {
      unreconciled: [fetching],
      change: (on) => on.account(account({ cloud }), account({ cloud, uid: 'uid-new' })),
      want: ['credential fetching'],
    },
    'for a deleted account, also the credentials that fetch tokens with it': {
      unreconciled: [fetching],
      change: (on) => on.account(account({ cloud }), undefined),
      want: ['credential fetching'],
    },
    'for an account with the same identity at a cloud, none of them': {
      unreconciled: [fetching],
      change: (on) => on.account(account({ cloud }), account({ cloud, changedAt: 1 })),
      want: [],
    },
    'for an account with which no token is fetched, none of them': {
      unreconciled: [fetching],
      change: (on) => {
        on.account(undefined, account({ name: 'builder', cloud }));
        on.account(undefined, account({ namespace: 'team-a', cloud }));
      },
      want: [],
    },
    'for the Secret of a token, this token': {
      change: (on) => on.token({ name: 'regcred-token-aws-1' }),
      want: ['token regcred-token-aws-1'],
    },
    'for a state Secret of a namespaced credential that is gone, its state': {
      change: (on) => on.stateSecret({ ...stateSecret, ofNamespaced: 'team-a/acme' }, undefined),
      want: ['state team-a/acme'],
    },

    'for a namespace that accepts a namespaced credential, this credential': {
      credentials: [ofTeam()],
      change: (on) => on.namespace(namespace({ name: 'shop' }), namespace({ name: 'shop', acceptFrom: ['team-a'] })),
      want: ['accounts shop', 'rules', 'secret team-a/acme shop'],
    },
    'for a namespace that accepts a namespaced credential without a finalizer, also the finalizer': {
      credentials: [ofTeam({ finalizers: [] })],
      change: (on) => on.namespace(namespace({ name: 'shop' }), namespace({ name: 'shop', acceptFrom: ['team-a'] })),
      want: ['accounts shop', 'credential team-a/acme', 'rules', 'secret team-a/acme shop'],
    },
    'for the own namespace of a credential without a finalizer, not the finalizer': {
      credentials: [ofTeam({ finalizers: [] })],
      change: (on) => on.namespace(namespace({ name: 'team-a', labels: {} }), namespace({ name: 'team-a', labels: pull.labels })),
      want: ['accounts team-a', 'rules', 'secret team-a/acme team-a'],
    },
    'for a namespace that becomes Terminating, its own credentials': {
      unreconciled: [ofTeam(), ofTeam({ namespace: 'team-b' })],
      change: (on) => on.namespace(namespace({ name: 'team-a' }), namespace({ name: 'team-a', terminating: true })),
      want: ['credential team-a/acme', 'rules'],
    },
    'for a new namespaced credential, the others of its namespace that go after it, if there are too many': {
      unreconciled: [...many(MAX_PER_NAMESPACE), ofTeam({ name: 'c13-new' }), ofTeam({ name: 'c99', createdAt: 1 })],
      change: (on) => on.credential(undefined, ofTeam({ name: 'c13-new' })),
      want: [...namesOf([ofTeam({ name: 'c13-new' }), ...many(MAX_PER_NAMESPACE).slice(4)]), 'rules'],
    },
    'for a new namespaced credential, no other one as long as there are not too many': {
      unreconciled: [...many(MAX_PER_NAMESPACE - 1), ofTeam({ name: 'c00' })],
      change: (on) => on.credential(undefined, ofTeam({ name: 'c00' })),
      want: ['credential team-a/c00', 'rules'],
    },
    'for a new cluster-scoped credential, no other one, however many there are': {
      unreconciled: Array.from({ length: MAX_PER_NAMESPACE + 1 }, (_, n) => credential({ name: `c${n + 10}` })),
      change: (on) => on.credential(undefined, credential({ name: 'c00' })),
      want: ['credential c00', 'rules'],
    },
    'for a deleted namespaced credential, its state': {
      unreconciled: many(MAX_PER_NAMESPACE - 1),
      change: (on) => on.credential(ofTeam(), undefined),
      want: ['credential team-a/acme', 'rules', 'state team-a/acme'],
    },
    'for a deleted namespaced credential, also the others of its namespace, of which one more may be served': {
      unreconciled: many(MAX_PER_NAMESPACE),
      change: (on) => on.credential(ofTeam(), undefined),
      want: ['credential team-a/acme', ...namesOf(many(MAX_PER_NAMESPACE)), 'rules', 'state team-a/acme'],
    },
    'for a namespaced credential with a changed spec, not its state': {
      unreconciled: many(MAX_PER_NAMESPACE),
      change: (on) => on.credential(ofTeam(), ofTeam({ generation: 2 })),
      want: ['credential team-a/acme', 'rules'],
    },
    'for a namespaced credential that lost its finalizer while it is deleted, its state': {
      change: (on) => on.credential(ofTeam({ terminating: true }), ofTeam({ terminating: true, finalizers: [] })),
      want: ['credential team-a/acme', 'state team-a/acme'],
    },
    'for a deleted namespaced credential, also those that wait for the name in its own namespace': {
      credentials: [ofTeam({ name: 'waits', spec: { secretName: 'acme' } })],
      change: (on) => on.credential(ofTeam(), undefined),
      want: ['credential team-a/acme', 'rules', 'secret team-a/waits team-a', 'state team-a/acme'],
    },
    'for a re-created credential, also the rules for new pods': {
      credentials: [onlyShop],
      change: (on) => on.credential({ ...onlyShop, uid: 'uid-before' }, onlyShop),
      want: ['credential acme', 'rules'],
    },
    'for changed rules, these rules': { change: (on) => on.rules(), want: ['rules'] },

    'for the start of a leader term, every credential, and every namespace with managed references': {
      credentials: [onlyShop],
      unreconciled: [other],
      managed: [secret({ namespace: 'a' })],
      accounts: [account({ recorded: ['acme'] }), account({ namespace: 'b' }), account({ namespace: 'c', recorded: ['gone'] })],
      change: (on) => on.all(),
      want: ['accounts c', 'accounts shop', 'credential acme', 'credential other', 'rules'],
      // With the fan-outs, so that they are planned once.
      later: /^accounts /,
    },
  };
  for (const [what, test] of Object.entries(cases)) {
    it(what, () => {
      const { keys, priorities } = keysOf(test);
      expect(keys).to.deep.equal(test.want);
      // People wait for all of these, so they are urgent. Only the reconcilers start a fan-out. A stuck pod has already waited for long.
      const urgent = (key: string) => (key.startsWith('accounts ') ? PRIORITY.references : PRIORITY.now);
      const want = test.want.map((key) => [key, (test.later ?? /^pod /).test(key) ? PRIORITY.fanOut : urgent(key)] as const);
      expect(priorities).to.deep.equal(new Map(want));
    });
  }
});

describe('The id of a key', () => {
  it('differs from that of every other key', () => {
    const a = refOf(credential({ name: 'a' }));
    const b = { ...a, name: 'b' };
    const keys: Key[] = [
      { kind: 'credential', credential: a },
      { kind: 'credential', credential: { ...a, namespace: 'b' } },
      { kind: 'accounts', namespace: 'a' },
      { kind: 'secret', credential: a, namespace: 'b' },
      { kind: 'secret', credential: b, namespace: 'a' },
      { kind: 'secret', credential: { ...a, namespace: 'b' }, namespace: 'b' },
      // A name may contain dots and dashes, but no spaces.
      { kind: 'secret', credential: { ...a, name: 'a.b' }, namespace: 'c' },
      { kind: 'secret', credential: a, namespace: 'b-c' },
      { kind: 'pod', namespace: 'a', name: 'b' },
    ];
    expect(new Set(keys.map(idOf)).size).to.equal(keys.length);
  });
});
