import { expect } from 'chai';
import type { KubeObject } from '../support/cluster.ts';
import { type Foreign, isTrespass, type Meant, type Seen, type Violation, violations } from '../support/invariant.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const config = (password: string) => {
  const auth = base64(`robot:${password}`);
  return { '.dockerconfigjson': base64(JSON.stringify({ auths: { 'registry.example.com': { auth, password, username: 'robot' } } })) };
};

const OBJECT = { generation: 1, finalizers: ['regcred.dev/cleanup'] };

const acme: Meant = {
  name: 'acme',
  secretName: 'pull',
  logins: { 'registry.example.com': { username: 'robot', password: 'sample' } },
  wants: ({ name }) => name.startsWith('team-'),
  refers: ({ name }) => name === 'default',
};

const object = (namespace: string, name: string, more: object = {}, metadata: object = {}): KubeObject => ({
  metadata: { name, ...(namespace && { namespace }), uid: `uid-${name}`, resourceVersion: '1', ...metadata },
  ...more,
});
const owner = { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', name: 'acme', uid: 'uid-acme', controller: true };
const ours = (namespace: string, name = 'pull', more: object = {}, metadata: object = {}) =>
  object(
    namespace,
    name,
    { type: 'kubernetes.io/dockerconfigjson', data: config('sample'), ...more },
    {
      labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': 'uid-acme' },
      annotations: { 'regcred.dev/credential': 'acme' },
      ownerReferences: [owner],
      ...metadata,
    },
  );
const account = (namespace: string, names: string[], recorded: string | undefined, name = 'default', labels = {}) =>
  object(
    namespace,
    name,
    { imagePullSecrets: names.map((entry) => ({ name: entry })) },
    { labels, annotations: recorded === undefined ? {} : { 'regcred.dev/pull-secrets': recorded } },
  );
const condition = (type: string, status: string, observedGeneration = 1) => ({ type, status, observedGeneration });
const status = (synced: number, desired: number, more: object = {}) => ({
  observedGeneration: 1,
  secretName: 'pull',
  summary: `${synced}/${desired}`,
  namespaces: { desired, synced, failed: 0, conflicted: desired - synced },
  serviceAccounts: { desired, synced: desired, failed: 0, conflicted: 0 },
  failuresTotal: desired - synced,
  failures: [],
  conditions: [
    condition('Ready', synced === desired ? 'True' : 'False'),
    condition('SourcesReady', 'True'),
    condition('SecretsSynced', synced === desired ? 'True' : 'False'),
    condition('ServiceAccountsSynced', 'True'),
  ],
  ...more,
});
const others = object('shop', 'others', { type: 'Opaque', data: { a: 'Yg==' } });
const inTheWay = object('team-b', 'pull', { type: 'kubernetes.io/dockerconfigjson', data: config('else') }, { uid: 'uid-others' });

const pretender = ours('shop', 'pull', {}, { uid: 'uid-others', ownerReferences: [] });

/** Two targets, one namespace that does not match, and one that opts out; everything is correct. */
const right = {
  credentials: [object('', 'acme', { status: status(2, 2) }, OBJECT)],
  namespaces: [
    object('', 'team-a'),
    object('', 'team-b'),
    object('', 'shop'),
    object('', 'team-out', {}, { labels: { 'regcred.dev/exclude': 'true' } }),
  ],
  secrets: [ours('team-a'), ours('team-b'), others],
  accounts: [
    account('team-a', ['pull'], 'pull'),
    account('team-a', [], undefined, 'builder'),
    account('team-b', ['of-others', 'pull'], 'pull'),
    account('shop', ['of-others'], undefined),
    account('team-out', [], undefined),
  ],
};
const foreign: Foreign = {
  secrets: new Map([['shop/others', others]]),
  accounts: new Map([
    ['team-b/default', account('team-b', ['of-others'], undefined)],
    ['shop/default', account('shop', ['of-others'], undefined)],
  ]),
};

type World = { readonly [kind in keyof Seen]: KubeObject[] };
interface Case {
  readonly change?: (seen: World) => void;
  readonly meant?: readonly Meant[];
  readonly foreign?: Partial<Foreign>;
  readonly want: readonly [kind: Violation['kind'], says: RegExp][];
}
const replace = (objects: KubeObject[], by: KubeObject) => {
  const index = objects.findIndex(({ metadata }) => metadata.namespace === by.metadata.namespace && metadata.name === by.metadata.name);
  objects[index < 0 ? objects.length : index] = by;
};
const without = (objects: KubeObject[], namespace: string, name: string) =>
  void objects.splice(
    objects.findIndex(({ metadata }) => (metadata.namespace ?? '') === namespace && metadata.name === name),
    1,
  );
const secretIs =
  (more: object, metadata: object = {}) =>
  (seen: World) =>
    replace(seen.secrets, ours('team-a', 'pull', more, metadata));
const statusIs = (said: object) => (seen: World) => replace(seen.credentials, object('', 'acme', { status: said }, OBJECT));
const conflict = { secrets: new Map([...foreign.secrets, ['team-b/pull', inTheWay]]) };
const blocked = (seen: World) => {
  replace(seen.secrets, inTheWay);
  statusIs(status(1, 2, { failures: [{ namespace: 'team-b' }] }))(seen);
};

/** The credential of a tenant in shop: placed there and in team-a, which accepts it. team-b has never accepted it. */
const own: Meant = {
  ...acme,
  name: 'own',
  home: 'shop',
  secretName: 'own',
  wants: ({ name }) => ['shop', 'team-a', 'team-b'].includes(name),
  never: ({ name }) => name === 'team-b',
};
const copy = (namespace: string, metadata: object = {}) =>
  ours(
    namespace,
    'own',
    {},
    {
      labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': 'uid-own' },
      annotations: { 'regcred.dev/credential': 'shop/own' },
      ownerReferences: [],
      ...metadata,
    },
  );
const ownOwner = { ...owner, kind: 'NamespacedRegistryCredential', name: 'own', uid: 'uid-own' };
const ownIs = (said: object, metadata: object = OBJECT) => object('shop', 'own', { status: { ...said, secretName: 'own' } }, metadata);
const accepting = object('', 'team-a', {}, { annotations: { 'regcred.dev/accept-from': 'other, shop' } });
const tenant =
  (change: (seen: World) => void = () => {}) =>
  (seen: World) => {
    replace(seen.namespaces, accepting);
    seen.credentials.push(ownIs(status(2, 2)));
    seen.secrets.push(copy('shop', { ownerReferences: [ownOwner] }), copy('team-a'));
    replace(seen.accounts, account('shop', ['of-others', 'own'], 'own'));
    replace(seen.accounts, account('team-a', ['pull', 'own'], 'pull,own'));
    change(seen);
  };
const both = [acme, own];

/** The credential of a tenant in team-a that wants the name of acme's Secret. */
const rival: Meant = { ...own, name: 'rival', home: 'team-a', secretName: 'pull', wants: ({ name }) => name === 'team-a' };
const rivalIs = (synced: number, more: object = {}) =>
  object('team-a', 'rival', { status: status(synced, 1, more) }, { ...OBJECT, finalizers: [] });
const noAccounts = { serviceAccounts: { desired: 0, synced: 0, failed: 0, conflicted: 0 } };

describe('The invariant of a cluster', () => {
  const cases: Record<string, Case> = {
    'holds if everything is correct': { want: [] },
    'holds if a Secret of others is a conflict, and the status reports it': { change: blocked, foreign: conflict, want: [] },
    'holds if the former Secret stays because of that conflict': {
      change: (seen) => {
        blocked(seen);
        seen.secrets.push(ours('team-b', 'former'));
        replace(seen.accounts, account('team-b', ['of-others', 'former', 'pull'], 'former,pull'));
      },
      foreign: conflict,
      meant: [{ ...acme, formerName: 'former' }],
      want: [],
    },
    'holds if a reference stays to a Secret that looks retained': {
      change: (seen) => {
        replace(seen.secrets, pretender);
        replace(seen.accounts, account('shop', ['of-others', 'pull'], 'pull'));
      },
      foreign: { secrets: new Map([...foreign.secrets, ['shop/pull', pretender]]) },
      want: [],
    },
    'holds if a namespace is deleted with everything in it': {
      change: (seen) => {
        replace(seen.namespaces, object('', 'team-b', { status: { phase: 'Terminating' } }));
        without(seen.secrets, 'team-b', 'pull');
        statusIs(status(1, 1))(seen);
      },
      want: [],
    },
    'holds if a credential was deleted and left its Secrets': {
      change: (seen) => {
        seen.credentials.length = 0;
        for (const name of ['team-a', 'team-b']) replace(seen.secrets, ours(name, 'pull', {}, { ownerReferences: [] }));
      },
      meant: [{ ...acme, retains: true, left: true }],
      want: [],
    },
    'holds if an entry that a person added has a name of ours': {
      change: (seen) => replace(seen.accounts, account('team-a', ['pull'], undefined)),
      foreign: { accounts: new Map([...foreign.accounts, ['team-a/default', account('team-a', ['pull'], undefined)]]) },
      want: [],
    },

    'is violated by a missing Secret': {
      change: (seen) => without(seen.secrets, 'team-a', 'pull'),
      want: [['missing', /^Secret team-a\/pull of acme is not there/]],
    },
    'is violated by a Secret with another password': { change: secretIs({ data: config('former') }), want: [['wrong', /other content/]] },
    'is violated by a Secret that is not JSON': {
      change: secretIs({ data: { '.dockerconfigjson': base64('{') } }),
      want: [['wrong', /other content/]],
    },
    'is violated by a Secret with an additional key': {
      change: secretIs({ data: { ...config('sample'), stray: 'eA==' } }),
      want: [['wrong', /has the keys/]],
    },
    'is violated by a Secret of another type': { change: secretIs({ type: 'Opaque' }), want: [['wrong', /is of type Opaque/]] },
    'is violated by an immutable Secret': { change: secretIs({ immutable: true }), want: [['wrong', /is immutable/]] },
    'is violated by a Secret without an owner': { change: secretIs({}, { ownerReferences: [] }), want: [['wrong', /has the owners \[\]/]] },
    'is violated by a Secret with an owner under Retain': {
      meant: [{ ...acme, retains: true }],
      want: [
        ['wrong', /has an owner/],
        ['wrong', /has an owner/],
      ],
    },
    'is violated by a Secret without its labels': { change: secretIs({}, { labels: {} }), want: [['wrong', /managed-by/]] },
    'is violated by a Secret with the uid of another credential': {
      change: secretIs({}, { labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': 'x' } }),
      want: [['wrong', /uid of another/]],
    },
    'is violated by a Secret without its annotation': { change: secretIs({}, { annotations: {} }), want: [['wrong', /annotation/]] },
    'is violated by a Secret without the labels of the spec': {
      meant: [{ ...acme, labels: { team: 'a' } }],
      want: [
        ['wrong', /label team/],
        ['wrong', /label team/],
      ],
    },
    'is violated by a Secret that was created again instead of being adopted': {
      foreign: conflict,
      meant: [{ ...acme, adopts: true }],
      want: [['wrong', /created again/]],
    },
    'is violated by a Secret that no credential desires': {
      change: (seen) => seen.secrets.push(ours('shop')),
      want: [['leftover', /^Secret shop\/pull is ours/]],
    },
    'is irreparably violated by a Secret in a namespace that opts out': {
      change: (seen) => seen.secrets.push(ours('team-out')),
      want: [['strayed', /^Secret team-out\/pull/]],
    },
    'is violated by a credential that should be deleted': {
      meant: [],
      want: [
        ['leftover', /credential acme/],
        ['leftover', /team-a\/pull/],
        ['leftover', /team-b\/pull/],
        ['leftover', /team-a\/default records pull/],
        ['leftover', /team-b\/default records pull/],
      ],
    },
    'is violated by a credential that is missing': {
      change: (seen) => without(seen.credentials, '', 'acme'),
      want: [
        ['wrong', /has the owners/],
        ['wrong', /has the owners/],
        ['missing', /credential acme is gone/],
      ],
    },

    'is violated by a missing reference': {
      change: (seen) => replace(seen.accounts, account('team-a', [], 'pull')),
      want: [['missing', /refers to pull 0 times/]],
    },
    'is violated by a duplicate reference': {
      change: (seen) => replace(seen.accounts, account('team-a', ['pull', 'pull'], 'pull')),
      want: [['wrong', /refers to pull 2 times/]],
    },
    'is violated by a reference that no credential desires': {
      change: (seen) => replace(seen.accounts, account('shop', ['of-others', 'pull'], 'pull')),
      want: [['leftover', /shop\/default records pull/]],
    },
    'is violated by a reference in an account that is not selected': {
      change: (seen) => replace(seen.accounts, account('team-a', ['pull'], 'pull', 'builder')),
      want: [['leftover', /team-a\/builder records pull/]],
    },
    'is irreparably violated by a reference in an account that opts out': {
      change: (seen) => seen.accounts.push(account('team-a', ['pull'], 'pull', 'apart', { 'regcred.dev/exclude': 'true' })),
      want: [['strayed', /team-a\/apart records pull/]],
    },
    'is irreparably violated by a missing entry of others': {
      change: (seen) => replace(seen.accounts, account('team-b', ['pull'], 'pull')),
      want: [['touched', /had the entries \[of-others\] of others, and has \[\]/]],
    },
    'is irreparably violated by an unrecorded entry': {
      change: (seen) => replace(seen.accounts, account('team-a', ['pull', 'x'], 'pull')),
      want: [['touched', /has \[x\]/]],
    },
    'is irreparably violated by an account with another changed field': {
      change: (seen) => replace(seen.accounts, { ...account('shop', ['of-others'], undefined), immutable: true }),
      want: [['touched', /beside its imagePullSecrets: immutable/]],
    },
    'is irreparably violated by a Secret of others that was written without a change': {
      change: (seen) => replace(seen.secrets, object('shop', 'others', { type: 'Opaque', data: { a: 'Yg==' } }, { resourceVersion: '2' })),
      want: [['touched', /shop\/others is not ours, and was changed: metadata.resourceVersion/]],
    },
    'is irreparably violated by a missing Secret of others': {
      change: (seen) => without(seen.secrets, 'shop', 'others'),
      want: [['touched', /and it is gone/]],
    },
    'is irreparably violated by a conflicting Secret of others that became ours': {
      change: (seen) => statusIs(status(1, 2, { failures: [{ namespace: 'team-b' }] }))(seen),
      foreign: conflict,
      want: [
        ['leftover', /team-b\/pull is ours/],
        ['touched', /team-b\/pull is not ours, and was changed: metadata.uid/],
      ],
    },

    'is violated by a status of an older spec': {
      change: statusIs(status(2, 2, { observedGeneration: 0 })),
      want: [['untrue', /observedGeneration 0 and not 1/]],
    },
    'is violated by a status with wrong counts': {
      change: statusIs(status(2, 2, { summary: '1/2', namespaces: { desired: 2, synced: 1, failed: 1, conflicted: 0 } })),
      want: [
        ['untrue', /summary "1\/2"/],
        ['untrue', /namespaces \{"desired":2,"synced":1/],
      ],
    },
    'is violated by a status with a wrong number of accounts': {
      change: statusIs(status(2, 2, { serviceAccounts: { desired: 2, synced: 1, failed: 0, conflicted: 0 } })),
      want: [['untrue', /serviceAccounts/]],
    },
    'is violated by a status that is Ready in spite of a conflict': {
      change: (seen) => {
        blocked(seen);
        statusIs(status(2, 2))(seen);
      },
      foreign: conflict,
      want: [
        ['untrue', /summary/],
        ['untrue', /namespaces/],
        ['untrue', /failuresTotal/],
        ['untrue', /failures in/],
        ['untrue', /SecretsSynced "True"/],
        ['untrue', /Ready "True"/],
      ],
    },
    'is violated by a condition of an older generation': {
      change: (seen) => {
        const conditions = status(2, 2).conditions.map((one) => (one.type === 'Ready' ? condition('Ready', 'True', 0) : one));
        statusIs(status(2, 2, { conditions }))(seen);
      },
      want: [['untrue', /Ready for generation 0/]],
    },
    'is violated by a failure in the status that no longer exists': {
      change: statusIs(status(2, 2, { failuresTotal: 1, failures: [{ namespace: 'team-a' }] })),
      want: [
        ['untrue', /failuresTotal 1/],
        ['untrue', /failures in \["team-a"\]/],
      ],
    },

    'holds with the credential of a tenant, in its namespace and where it is accepted': { change: tenant(), meant: both, want: [] },
    'is violated by the copy of a tenant where it is no longer accepted': {
      change: tenant((seen) => replace(seen.namespaces, object('', 'team-a'))),
      meant: both,
      want: [
        ['untrue', /shop\/own says summary "2\/2" and not "1\/1"/],
        ['untrue', /namespaces/],
        ['untrue', /serviceAccounts/],
        ['wrong', /shop\/own has a needless finalizer/],
        ['leftover', /^Secret team-a\/own is ours/],
        ['leftover', /team-a\/default records own/],
      ],
    },
    'is violated by a copy of a tenant that is missing where it is accepted': {
      change: tenant((seen) => without(seen.secrets, 'team-a', 'own')),
      meant: both,
      want: [['missing', /^Secret team-a\/own of shop\/own is not there/]],
    },
    'is violated by the credential of a tenant without a finalizer, although it is placed elsewhere': {
      change: tenant((seen) => replace(seen.credentials, ownIs(status(2, 2), { generation: 1 }))),
      meant: both,
      want: [['wrong', /shop\/own lacks its finalizer/]],
    },
    'is violated by a copy of a tenant with an owner in another namespace': {
      change: tenant((seen) => replace(seen.secrets, copy('team-a', { ownerReferences: [ownOwner] }))),
      meant: both,
      want: [['wrong', /has an owner in another namespace/]],
    },
    'is violated by a copy of a tenant with an owner of the other kind': {
      change: tenant((seen) => replace(seen.secrets, copy('shop', { ownerReferences: [{ ...ownOwner, kind: 'RegistryCredential' }] }))),
      meant: both,
      want: [['wrong', /has the owners \["RegistryCredential own"\]/]],
    },
    'is violated by a copy of a tenant that does not name its namespace': {
      change: tenant((seen) => replace(seen.secrets, copy('team-a', { annotations: { 'regcred.dev/credential': 'own' } }))),
      meant: both,
      want: [['wrong', /annotation/]],
    },
    'is irreparably violated by a copy of a tenant in a namespace that has never accepted it': {
      change: tenant((seen) => seen.secrets.push(copy('team-b'))),
      meant: both,
      want: [['strayed', /^Secret team-b\/own/]],
    },
    'is irreparably violated by a reference of a tenant in a namespace that has never accepted it': {
      change: tenant((seen) => replace(seen.accounts, account('team-b', ['of-others', 'pull', 'own'], 'pull,own'))),
      meant: both,
      want: [['strayed', /team-b\/default records own/]],
    },
    'holds if a tenant wants the Secret of a cluster-scoped credential, and its status reports the conflict': {
      change: (seen) => seen.credentials.push(rivalIs(0, { ...noAccounts, failures: [{ namespace: 'team-a' }] })),
      meant: [acme, rival],
      want: [],
    },
    'is violated by a tenant that has the Secret of a cluster-scoped credential': {
      change: (seen) => {
        seen.credentials.push(rivalIs(1));
        replace(seen.secrets, copy('team-a', { name: 'pull', annotations: { 'regcred.dev/credential': 'team-a/rival' } }));
      },
      meant: [acme, rival],
      want: [
        ['wrong', /^Secret team-a\/pull of acme does not have the annotation/],
        ['untrue', /team-a\/rival says summary/],
        ['untrue', /namespaces/],
        ['untrue', /serviceAccounts/],
        ['untrue', /failuresTotal/],
        ['untrue', /failures in/],
        ['untrue', /SecretsSynced "True"/],
        ['untrue', /Ready "True"/],
      ],
    },
    'holds if of two tenants the one whose Secret is there has the name': {
      change: tenant((seen) => {
        replace(seen.namespaces, object('', 'team-a', {}, { annotations: { 'regcred.dev/accept-from': 'shop,team-b' } }));
        seen.credentials.push(
          object(
            'team-b',
            'late',
            { status: status(0, 1, { ...noAccounts, secretName: 'own', failures: [{ namespace: 'team-a' }] }) },
            OBJECT,
          ),
        );
      }),
      meant: [...both, { ...own, name: 'late', home: 'team-b', wants: ({ name }) => name === 'team-a', never: () => false }],
      want: [],
    },
  };
  for (const [what, { change, meant = [acme], foreign: more, want }] of Object.entries(cases)) {
    it(what, () => {
      const seen: World = structuredClone(right);
      change?.(seen);
      const found = violations(seen, meant, { ...foreign, ...more });
      expect(
        found.map(({ kind }) => kind),
        found.map(({ says }) => says).join('\n'),
      ).to.deep.equal(want.map(([kind]) => kind));
      for (const [at, [, says]] of want.entries()) expect(found[at]?.says).to.match(says);
      expect(found.some(isTrespass)).to.equal(what.startsWith('is irreparably violated'));
    });
  }
});
