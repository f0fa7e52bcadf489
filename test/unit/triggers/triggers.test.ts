import { expect } from 'chai';
import type { AccountRecord, CredentialRecord, ObjectRecord, PodRecord, SecretRecord } from '../../../src/api/records.ts';
import { Store } from '../../../src/kube/store.ts';
import { intentOf } from '../../../src/plan/intent.ts';
import { PRIORITY, type Priority } from '../../../src/queue/queue.ts';
import { idOf, type Key } from '../../../src/triggers/keys.ts';
import { Triggers } from '../../../src/triggers/triggers.ts';
import { account, credential, foreignSecret, namespace, pod, secret } from '../../support/builders.ts';

interface Case {
  readonly credentials?: readonly CredentialRecord[];
  /** Credentials that no reconciler has come to yet. */
  readonly undecided?: readonly CredentialRecord[];
  readonly managed?: readonly SecretRecord[];
  readonly accounts?: readonly AccountRecord[];
  /** Pending ones, where they are watched. */
  readonly pods?: readonly PodRecord[];
  readonly change: (triggers: Triggers) => void;
  readonly want: readonly string[];
}

function view<R extends ObjectRecord>(records: readonly R[]): Store<R> {
  const store = new Store<R>(() => {});
  for (const record of records) store.accept({ type: 'listed', record });
  return store;
}

/** The keys that a change adds, each once, in order of their names. */
function keysOf({ credentials = [], undecided = [], managed = [], accounts = [], pods, change }: Case): {
  keys: string[];
  priorities: Set<Priority>;
} {
  const intents = new Map(credentials.map((one) => [one.name, intentOf(one, undefined)]));
  const world = {
    credentials: view([...credentials, ...undecided]),
    managed: view(managed),
    accounts: view(accounts),
    pods: { view: () => pods && view(pods) },
  };
  const added = new Map<string, Priority>();
  change(new Triggers(world, intents, (key: Key, priority) => added.set(idOf(key), priority)));
  return { keys: [...added.keys()].sort(), priorities: new Set(added.values()) };
}

const labelled = (uid: string) => ({ labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': uid } });
const byLabel = credential({ spec: { namespaces: { selector: { matchLabels: { pull: 'acme' } } } } });
const onlyShop = credential({ spec: { namespaces: { names: ['shop'] } } });
const other = credential({ name: 'other', spec: { namespaces: { names: ['shop'] } } });
const pull = { labels: { pull: 'acme' } };
const from = (name: string) => ({ secretRef: { namespace: 'regcred-system', name } });
const registry = (name: string) => ({ server: `${name}.example.com`, ...from(name) });
const rotated = (triggers: Triggers) => triggers.source({ namespace: 'regcred-system', name: 'robot' });

const both = ['accounts shop', 'secret acme shop'];

describe('What a change concerns:', () => {
  const cases: Record<string, Case> = {
    'a new namespace: those who want it': {
      credentials: [byLabel, other],
      change: (on) => on.namespace(undefined, namespace()),
      want: ['accounts shop', 'secret other shop'],
    },
    'the policy for new pods, that comes or goes: every credential, which tells of it': {
      credentials: [byLabel, other],
      change: (on) => on.podPolicy(),
      want: ['credential acme', 'credential other'],
    },
    'a namespace that nobody wants: nobody': { credentials: [byLabel], change: (on) => on.namespace(undefined, namespace()), want: [] },
    'a namespace that got the label': {
      credentials: [byLabel, other],
      change: (on) => on.namespace(namespace({ name: 'a' }), namespace({ name: 'a', ...pull })),
      want: ['accounts a', 'secret acme a'],
    },
    'a namespace that lost the label: those who wanted it': {
      credentials: [byLabel],
      change: (on) => on.namespace(namespace(pull), namespace()),
      want: both,
    },
    'a namespace that opted out: those who wanted it': {
      credentials: [onlyShop],
      change: (on) => on.namespace(namespace(), namespace({ labels: { 'regcred.dev/exclude': 'true' } })),
      want: both,
    },
    'a namespace that lost the label while nobody watched: those who have a Secret there': {
      credentials: [byLabel, credential({ name: 'third', spec: { namespaces: { names: [] } } })],
      managed: [secret(), secret({ name: 'third', namespace: 'b', ...labelled('uid-third') })],
      change: (on) => on.namespace(undefined, namespace()),
      want: both,
    },
    'a namespace that nobody wants, with references of ours in it': {
      credentials: [byLabel],
      accounts: [account(), account({ name: 'builder', recorded: ['acme'] })],
      change: (on) => on.namespace(undefined, namespace()),
      want: ['accounts shop'],
    },
    'a namespace that nobody wants, with references of ours in another': {
      credentials: [byLabel],
      accounts: [account({ recorded: ['acme'], namespace: 'b' }), account()],
      change: (on) => on.namespace(undefined, namespace()),
      want: [],
    },
    'a namespace that is gone: those who wanted it': {
      credentials: [onlyShop],
      change: (on) => on.namespace(namespace(), undefined),
      want: both,
    },

    'a new account, whoever wants it: its namespace may not have come yet': {
      credentials: [byLabel],
      change: (on) => on.account(undefined, account()),
      want: ['accounts shop'],
    },
    'an account, where there is no credential: nobody': { change: (on) => on.account(account(), account()), want: [] },
    'an account with records, where there is no credential any more': {
      change: (on) => on.account(undefined, account({ recorded: ['acme'] })),
      want: ['accounts shop'],
    },
    'an account that lost its records, where there is no credential any more': {
      change: (on) => on.account(account({ recorded: ['acme'] }), account()),
      want: ['accounts shop'],
    },

    'a new Secret of ours: its credential, and the accounts that may wait for it': {
      credentials: [onlyShop, other],
      change: (on) => on.secret(undefined, secret()),
      want: both,
    },
    'a Secret of ours that was changed: its credential, and no account': {
      credentials: [onlyShop, other],
      change: (on) => on.secret(secret(), secret()),
      want: ['secret acme shop'],
    },
    'a Secret of ours that was deleted': { credentials: [onlyShop, other], change: (on) => on.secret(secret(), undefined), want: both },
    'a Secret under a former name of ours': {
      credentials: [onlyShop],
      change: (on) => on.secret(secret({ name: 'former' }), secret({ name: 'former' })),
      want: ['secret acme shop'],
    },
    "a Secret relabelled as another credential's: both": {
      credentials: [onlyShop, other, credential({ name: 'third' })],
      change: (on) => on.secret(secret({ name: 'x', ...labelled('uid-acme') }), secret({ name: 'x', ...labelled('uid-other') })),
      want: ['secret acme shop', 'secret other shop'],
    },
    "somebody else's Secret under a name of ours": {
      credentials: [onlyShop, other],
      change: (on) => on.secret(undefined, foreignSecret()),
      want: both,
    },
    "somebody else's Secret under a name of ours that was deleted: ours can take its place": {
      credentials: [onlyShop],
      change: (on) => on.secret(foreignSecret(), undefined),
      want: both,
    },
    'a Secret under the name that two credentials want': {
      credentials: [onlyShop, credential({ name: 'rival', spec: { secretName: 'acme' } })],
      change: (on) => on.secret(foreignSecret(), foreignSecret()),
      want: ['secret acme shop', 'secret rival shop'],
    },
    'a Secret of a credential that is no more: only the accounts, for there may be references': {
      change: (on) => on.secret(secret(), undefined),
      want: ['accounts shop'],
    },

    'a source that two credentials use, and a third does not': {
      credentials: [
        credential({ name: 'a', spec: { registries: [registry('else'), registry('robot')] } }),
        credential({ name: 'b', spec: { dockerConfigs: [from('robot')] } }),
        credential({ name: 'c', spec: { registries: [registry('else')] } }),
      ],
      change: rotated,
      want: ['credential a', 'credential b'],
    },
    'a source of a credential that no reconciler has come to yet': {
      undecided: [credential({ spec: { registries: [registry('robot')] } })],
      change: rotated,
      want: ['credential acme'],
    },
    'a Secret of the name of a source in another namespace: nobody': {
      credentials: [credential({ spec: { registries: [registry('robot')] } })],
      change: (on) => on.source({ namespace: 'shop', name: 'robot' }),
      want: [],
    },
    'the watch of the Secrets of one name: those who place under it': {
      credentials: [credential(), credential({ name: 'b', spec: { secretName: 'acme' } }), credential({ name: 'c' })],
      undecided: [credential({ name: 'd', spec: { secretName: 'acme' } })],
      change: (on) => on.foreignKnown('acme'),
      want: ['credential acme', 'credential b', 'credential d'],
    },

    'a new credential': { undecided: [credential()], change: (on) => on.credential(undefined, credential()), want: ['credential acme'] },
    'a credential that was changed': {
      credentials: [onlyShop, other],
      managed: [secret()],
      change: (on) => on.credential(onlyShop, byLabel),
      want: ['credential acme'],
    },
    "a credential that was deleted, whose Secrets stood in another's way": {
      credentials: [onlyShop, credential({ name: 'waits', spec: { secretName: 'acme' } }), other],
      managed: [secret(), secret({ namespace: 'b' })],
      change: (on) => on.credential(onlyShop, undefined),
      want: ['credential acme', 'secret waits b', 'secret waits shop'],
    },
    "a credential that was deleted, a source of which stood in another's way": {
      credentials: [credential({ name: 'waits', spec: { secretName: 'robot' } }), other],
      change: (on) => on.credential(credential({ spec: { registries: [registry('robot')] } }), undefined),
      want: ['credential acme', 'secret waits regcred-system'],
    },
    "a credential whose spec was changed, whose Secrets stood in another's way": {
      credentials: [onlyShop, credential({ name: 'waits', spec: { secretName: 'acme' } })],
      managed: [secret()],
      change: (on) => on.credential(onlyShop, { ...onlyShop, generation: 2 }),
      want: ['credential acme', 'secret waits shop'],
    },
    'a credential that was deleted and never decided on': {
      credentials: [other],
      managed: [secret()],
      change: (on) => on.credential(credential(), undefined),
      want: ['credential acme'],
    },

    'a pod that comes to hang': {
      change: (on) => on.pod(pod({ failing: [] }), pod()),
      want: ['pod shop web-1'],
    },
    'a pod that hangs no more, or is gone': { change: (on) => on.pod(pod(), undefined), want: ['pod shop web-1'] },
    'a pod that does not hang: nobody': { change: (on) => on.pod(undefined, pod({ failing: [] })), want: [] },
    'an account that got a reference: the pods there that hang': {
      pods: [pod(), pod({ name: 'starts', failing: [] }), pod({ namespace: 'b' })],
      accounts: [account()],
      change: (on) => on.account(account({ recorded: ['acme'] }), account({ recorded: ['acme'] })),
      want: ['accounts shop', 'pod shop web-1'],
    },
    'a Secret that got other content: the pods there that hang': {
      credentials: [onlyShop],
      pods: [pod(), pod({ name: 'starts', failing: [] }), pod({ namespace: 'b' })],
      change: (on) => on.secret(secret(), secret({ contentHash: 'other' })),
      want: ['pod shop web-1', 'secret acme shop'],
    },
    'the watch of pending pods: the credentials that ask for it': {
      credentials: [credential({ spec: { podRecovery: 'Recreate' } }), other],
      undecided: [
        credential({ name: 'held', spec: { podRecovery: 'Recreate', suspend: true } }),
        credential({ name: 'ends', deleting: true, spec: { podRecovery: 'Recreate' } }),
        credential({ name: 'new', spec: { podRecovery: 'Recreate' } }),
      ],
      change: (on) => on.podsTurned(),
      want: ['credential acme', 'credential new'],
    },

    'the beginning of a term: every credential, and every namespace with references of ours': {
      credentials: [onlyShop],
      undecided: [other],
      managed: [secret({ namespace: 'a' })],
      accounts: [account({ recorded: ['acme'] }), account({ namespace: 'b' }), account({ namespace: 'c', recorded: ['gone'] })],
      change: (on) => on.all(),
      want: ['accounts c', 'accounts shop', 'credential acme', 'credential other'],
    },
  };
  for (const [what, test] of Object.entries(cases)) {
    it(what, () => {
      const { keys, priorities } = keysOf(test);
      expect(keys).to.deep.equal(test.want);
      // Somebody waits for all of it: a fan-out is for the reconcilers to send. Only pods have waited for long already.
      const want = test.want.map((key) => (key.startsWith('pod ') ? PRIORITY.fanOut : PRIORITY.now));
      expect(priorities).to.deep.equal(new Set(want));
    });
  }
});

describe('The id of a key', () => {
  it('is unlike that of any other', () => {
    const keys: Key[] = [
      { kind: 'credential', name: 'a' },
      { kind: 'accounts', namespace: 'a' },
      { kind: 'secret', credential: 'a', namespace: 'b' },
      { kind: 'secret', credential: 'b', namespace: 'a' },
      // A name has no spaces in it, but dots and dashes.
      { kind: 'secret', credential: 'a.b', namespace: 'c' },
      { kind: 'secret', credential: 'a', namespace: 'b-c' },
      { kind: 'pod', namespace: 'a', name: 'b' },
    ];
    expect(new Set(keys.map(idOf)).size).to.equal(keys.length);
  });
});
