import { expect } from 'chai';
import type { KubeObject } from '../support/cluster.ts';
import { type Foreign, isTrespass, type Meant, type Seen, type Violation, violations } from '../support/invariant.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const config = (password: string) => {
  const auth = base64(`robot:${password}`);
  return { '.dockerconfigjson': base64(JSON.stringify({ auths: { 'registry.example.com': { auth, password, username: 'robot' } } })) };
};

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

/** Two targets, one that is none, one that opts out; everything right. */
const right = {
  credentials: [object('', 'acme', { status: status(2, 2) }, { generation: 1 })],
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
const statusIs = (said: object) => (seen: World) => replace(seen.credentials, object('', 'acme', { status: said }, { generation: 1 }));
const conflict = { secrets: new Map([...foreign.secrets, ['team-b/pull', inTheWay]]) };
const blocked = (seen: World) => {
  replace(seen.secrets, inTheWay);
  statusIs(status(1, 2, { failures: [{ namespace: 'team-b' }] }))(seen);
};

describe('What must hold of a cluster', () => {
  const cases: Record<string, Case> = {
    'holds where everything is right': { want: [] },
    'holds where a Secret of others is in the way, and the status says so': { change: blocked, foreign: conflict, want: [] },
    'holds where the former Secret stays because of that': {
      change: (seen) => {
        blocked(seen);
        seen.secrets.push(ours('team-b', 'former'));
        replace(seen.accounts, account('team-b', ['of-others', 'former', 'pull'], 'former,pull'));
      },
      foreign: conflict,
      meant: [{ ...acme, formerName: 'former' }],
      want: [],
    },
    'holds where a reference stays to a Secret that pretends to be left behind': {
      change: (seen) => {
        replace(seen.secrets, pretender);
        replace(seen.accounts, account('shop', ['of-others', 'pull'], 'pull'));
      },
      foreign: { secrets: new Map([...foreign.secrets, ['shop/pull', pretender]]) },
      want: [],
    },
    'holds where a namespace goes away with everything in it': {
      change: (seen) => {
        replace(seen.namespaces, object('', 'team-b', { status: { phase: 'Terminating' } }));
        without(seen.secrets, 'team-b', 'pull');
        statusIs(status(1, 1))(seen);
      },
      want: [],
    },
    'holds where a credential was deleted and has left its Secrets': {
      change: (seen) => {
        seen.credentials.length = 0;
        for (const name of ['team-a', 'team-b']) replace(seen.secrets, ours(name, 'pull', {}, { ownerReferences: [] }));
      },
      meant: [{ ...acme, retains: true, left: true }],
      want: [],
    },
    'holds where an entry that a person made is under a name of ours': {
      change: (seen) => replace(seen.accounts, account('team-a', ['pull'], undefined)),
      foreign: { accounts: new Map([...foreign.accounts, ['team-a/default', account('team-a', ['pull'], undefined)]]) },
      want: [],
    },

    'is broken by a Secret that is missing': {
      change: (seen) => without(seen.secrets, 'team-a', 'pull'),
      want: [['missing', /^Secret team-a\/pull of acme is not there/]],
    },
    'is broken by a Secret with another password': { change: secretIs({ data: config('former') }), want: [['wrong', /another content/]] },
    'is broken by a Secret that is no JSON': {
      change: secretIs({ data: { '.dockerconfigjson': base64('{') } }),
      want: [['wrong', /another content/]],
    },
    'is broken by a Secret with a key too many': {
      change: secretIs({ data: { ...config('sample'), stray: 'eA==' } }),
      want: [['wrong', /has the keys/]],
    },
    'is broken by a Secret of another type': { change: secretIs({ type: 'Opaque' }), want: [['wrong', /is of type Opaque/]] },
    'is broken by a Secret that can never be rotated': { change: secretIs({ immutable: true }), want: [['wrong', /is immutable/]] },
    'is broken by a Secret without an owner': { change: secretIs({}, { ownerReferences: [] }), want: [['wrong', /has the owners \[\]/]] },
    'is broken by a Secret with an owner under Retain': {
      meant: [{ ...acme, retains: true }],
      want: [
        ['wrong', /has an owner/],
        ['wrong', /has an owner/],
      ],
    },
    'is broken by a Secret without its labels': { change: secretIs({}, { labels: {} }), want: [['wrong', /managed-by/]] },
    'is broken by a Secret with the uid of another': {
      change: secretIs({}, { labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': 'x' } }),
      want: [['wrong', /uid of another/]],
    },
    'is broken by a Secret without its annotation': { change: secretIs({}, { annotations: {} }), want: [['wrong', /annotation/]] },
    'is broken by a Secret without the labels that were asked for': {
      meant: [{ ...acme, labels: { team: 'a' } }],
      want: [
        ['wrong', /label team/],
        ['wrong', /label team/],
      ],
    },
    'is broken by a Secret that was made anew where one was to be taken over': {
      foreign: conflict,
      meant: [{ ...acme, adopts: true }],
      want: [['wrong', /made anew/]],
    },
    'is broken by a Secret where nobody wants one': {
      change: (seen) => seen.secrets.push(ours('shop')),
      want: [['leftover', /^Secret shop\/pull is ours/]],
    },
    'is broken for good by a Secret in a namespace that opts out': {
      change: (seen) => seen.secrets.push(ours('team-out')),
      want: [['strayed', /^Secret team-out\/pull/]],
    },
    'is broken by a credential that should be gone': {
      meant: [],
      want: [
        ['leftover', /RegistryCredential acme/],
        ['leftover', /team-a\/pull/],
        ['leftover', /team-b\/pull/],
        ['leftover', /team-a\/default records pull/],
        ['leftover', /team-b\/default records pull/],
      ],
    },
    'is broken by a credential that is gone': {
      change: (seen) => without(seen.credentials, '', 'acme'),
      want: [
        ['wrong', /has the owners/],
        ['wrong', /has the owners/],
        ['missing', /RegistryCredential acme is gone/],
      ],
    },

    'is broken by a reference that is missing': {
      change: (seen) => replace(seen.accounts, account('team-a', [], 'pull')),
      want: [['missing', /refers to pull 0 times/]],
    },
    'is broken by a reference that is there twice': {
      change: (seen) => replace(seen.accounts, account('team-a', ['pull', 'pull'], 'pull')),
      want: [['wrong', /refers to pull 2 times/]],
    },
    'is broken by a reference where nobody wants one': {
      change: (seen) => replace(seen.accounts, account('shop', ['of-others', 'pull'], 'pull')),
      want: [['leftover', /shop\/default records pull/]],
    },
    'is broken by a reference in an account that is not meant': {
      change: (seen) => replace(seen.accounts, account('team-a', ['pull'], 'pull', 'builder')),
      want: [['leftover', /team-a\/builder records pull/]],
    },
    'is broken for good by a reference in an account that opts out': {
      change: (seen) => seen.accounts.push(account('team-a', ['pull'], 'pull', 'apart', { 'regcred.dev/exclude': 'true' })),
      want: [['strayed', /team-a\/apart records pull/]],
    },
    'is broken for good by an entry of others that is gone': {
      change: (seen) => replace(seen.accounts, account('team-b', ['pull'], 'pull')),
      want: [['touched', /had the entries \[of-others\] of others, and has \[\]/]],
    },
    'is broken for good by an entry that nobody recorded': {
      change: (seen) => replace(seen.accounts, account('team-a', ['pull', 'x'], 'pull')),
      want: [['touched', /has \[x\]/]],
    },
    'is broken for good by an account that was changed beside its list': {
      change: (seen) => replace(seen.accounts, { ...account('shop', ['of-others'], undefined), immutable: true }),
      want: [['touched', /beside its imagePullSecrets: immutable/]],
    },
    'is broken for good by a Secret of others that was written, though it says the same': {
      change: (seen) => replace(seen.secrets, object('shop', 'others', { type: 'Opaque', data: { a: 'Yg==' } }, { resourceVersion: '2' })),
      want: [['touched', /shop\/others is not ours, and was changed: metadata.resourceVersion/]],
    },
    'is broken for good by a Secret of others that is gone': {
      change: (seen) => without(seen.secrets, 'shop', 'others'),
      want: [['touched', /and it is gone/]],
    },
    'is broken for good by a Secret of others that was in the way and is ours now': {
      change: (seen) => statusIs(status(1, 2, { failures: [{ namespace: 'team-b' }] }))(seen),
      foreign: conflict,
      want: [
        ['leftover', /team-b\/pull is ours/],
        ['touched', /team-b\/pull is not ours, and was changed: metadata.uid/],
      ],
    },

    'is broken by a status that lags behind the spec': {
      change: statusIs(status(2, 2, { observedGeneration: 0 })),
      want: [['untrue', /observedGeneration 0 and not 1/]],
    },
    'is broken by a status with other counts': {
      change: statusIs(status(2, 2, { summary: '1/2', namespaces: { desired: 2, synced: 1, failed: 1, conflicted: 0 } })),
      want: [
        ['untrue', /summary "1\/2"/],
        ['untrue', /namespaces \{"desired":2,"synced":1/],
      ],
    },
    'is broken by a status that counts other accounts': {
      change: statusIs(status(2, 2, { serviceAccounts: { desired: 2, synced: 1, failed: 0, conflicted: 0 } })),
      want: [['untrue', /serviceAccounts/]],
    },
    'is broken by a status that says Ready where something is in the way': {
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
    'is broken by a condition of a former generation': {
      change: (seen) => {
        const conditions = status(2, 2).conditions.map((one) => (one.type === 'Ready' ? condition('Ready', 'True', 0) : one));
        statusIs(status(2, 2, { conditions }))(seen);
      },
      want: [['untrue', /Ready for generation 0/]],
    },
    'is broken by a failure that the status keeps after its end': {
      change: statusIs(status(2, 2, { failuresTotal: 1, failures: [{ namespace: 'team-a' }] })),
      want: [
        ['untrue', /failuresTotal 1/],
        ['untrue', /failures in \["team-a"\]/],
      ],
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
      expect(found.some(isTrespass)).to.equal(what.startsWith('is broken for good'));
    });
  }
});
