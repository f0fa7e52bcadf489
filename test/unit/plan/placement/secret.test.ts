import { expect } from 'chai';
import fc from 'fast-check';
import type { SecretRecord } from '../../../../src/api/records.ts';
import { readSecret } from '../../../../src/cluster/secrets.ts';
import type { KubeObject } from '../../../../src/kube/object.ts';
import { type ObservedSecrets, planSecret, type SecretAction, type SecretPlan } from '../../../../src/plan/placement/secret.ts';
import { content, intent, merged, namespace, secret, unmanagedSecret } from '../../../support/builders.ts';

const observed = (named?: SecretRecord, mods: Partial<ObservedSecrets> = {}): ObservedSecrets => ({
  named,
  withUid: [],
  otherCredential: undefined,
  isSource: false,
  ...mods,
});
const plan = (mods: Parameters<typeof intent>[0], state: ObservedSecrets, where = namespace()) => planSecret(intent(mods), where, state);
const deletion = ({ name }: SecretRecord): SecretAction => ({
  kind: 'delete-secret',
  namespace: 'shop',
  name,
  uid: `uid-${name}`,
  resourceVersion: '1',
});

const ABSENT: SecretPlan = { kind: 'absent' };
const SYNCED: SecretPlan = { kind: 'synced' };
const WAITING: SecretPlan = { kind: 'waitingForSources' };
const OWNER = { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', name: 'acme', uid: 'uid-acme', controller: true };
const OTHER_OWNER = { ...OWNER, kind: 'Foo', uid: 'x', controller: false };
const FORMER_OWNER = { ...OWNER, uid: 'uid-gone', controller: false };
const LABELS = { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': 'uid-acme' };
const metadata = { labels: { team: 'a' }, annotations: { note: 'b' } };

const former = secret({ name: 'former' });
/** Retained by a deleted credential of the same name. */
const retained = { labels: { ...LABELS, 'regcred.dev/credential-uid': 'uid-gone' }, owners: [] };
const elsewhere = { spec: { namespaces: { names: ['team-*'] } } };

const OTHER = { kind: 'RegistryCredential', namespace: '', name: 'other' } as const;

describe('The Secret of a credential in a namespace', () => {
  const creation = (more: object): SecretAction => ({
    kind: 'create-secret',
    namespace: 'shop',
    name: 'acme',
    body: {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/dockerconfigjson',
      metadata: {
        name: 'acme',
        namespace: 'shop',
        labels: LABELS,
        annotations: { 'regcred.dev/credential': 'acme' },
        ownerReferences: [OWNER],
        ...more,
      },
      data: { '.dockerconfigjson': content().data },
    },
  });

  const plans: Record<string, readonly [got: () => SecretPlan, want: SecretPlan]> = {
    'is created if there is none': [() => plan({}, observed()), { kind: 'place', actions: [creation({})] }],
    'has no owner under Retain': [
      () => plan({ spec: { deletionPolicy: 'Retain' } }, observed()),
      { kind: 'place', actions: [creation({ ownerReferences: [] })] },
    ],
    'gets the metadata of the spec, and an annotation that lists it': [
      () => plan({ spec: { secretMetadata: metadata } }, observed()),
      {
        kind: 'place',
        actions: [
          creation({
            labels: { team: 'a', ...LABELS },
            annotations: { note: 'b', 'regcred.dev/credential': 'acme', 'regcred.dev/secret-metadata': 'annotations:note,labels:team' },
          }),
        ],
      },
    ],
    'is left alone if it is as desired': [() => plan({}, observed(secret())), SYNCED],
    'keeps the labels, annotations and owners of others': [
      () =>
        plan(
          {},
          observed(
            secret({
              labels: { ...LABELS, team: 'x' },
              annotations: { 'regcred.dev/credential': 'acme', note: 'y' },
              owners: [OTHER_OWNER, OWNER],
            }),
          ),
        ),
      SYNCED,
    ],
    'is created before the Secret under a former name is deleted': [
      () => plan({}, observed(undefined, { withUid: [former] })),
      { kind: 'place', actions: [creation({}), deletion(former)] },
    ],
    'has the Secret under a former name deleted once it is as desired': [
      () => plan({}, observed(secret(), { withUid: [secret(), former] })),
      { kind: 'place', actions: [deletion(former)] },
    ],
    'does not have a Secret deleted again that is being deleted': [
      () => plan({}, observed(secret(), { withUid: [{ ...former, terminating: true }] })),
      SYNCED,
    ],
    'waits if there is no content yet, and the Secret under a former name stays': [
      () => plan({ content: undefined }, observed(undefined, { withUid: [former] })),
      WAITING,
    ],
    'waits if there is no content yet, even if an unmanaged Secret exists': [
      () => plan({ content: undefined }, observed(unmanagedSecret())),
      WAITING,
    ],
    'stays as it is while its source is missing': [() => plan({ content: undefined }, observed(secret({ contentHash: 'other' }))), SYNCED],
    'is deleted under any name if the namespace is not selected': [
      () => plan(elsewhere, observed(secret(), { withUid: [secret(), former] })),
      { kind: 'remove', actions: [deletion(secret()), deletion(former)] },
    ],
    'is deleted with the credential, even if it lost its labels': [
      () => plan({ mode: 'cleanup' }, observed(secret({ labels: {}, annotations: {} }))),
      { kind: 'remove', actions: [deletion(secret())] },
    ],
    'is not deleted if it is unmanaged': [() => plan({ mode: 'cleanup' }, observed(unmanagedSecret())), ABSENT],
    'is not deleted if another credential placed it': [
      () => plan({ mode: 'cleanup' }, observed(secret({ ...retained }), { otherCredential: OTHER })),
      ABSENT,
    ],
    'is left alone by a suspended credential': [() => plan({ mode: 'suspend', ...elsewhere }, observed(secret())), ABSENT],
    'is left alone in a Terminating namespace': [
      () => plan({ mode: 'cleanup' }, observed(secret()), namespace({ terminating: true })),
      ABSENT,
    ],
    'needs nothing in a namespace that no longer exists': [() => planSecret(intent(), undefined, observed(secret())), ABSENT],
  };
  for (const [what, [got, want]] of Object.entries(plans)) it(what, () => expect(got()).to.deep.equal(want));

  it('is updated by a patch for exactly this version, which removes the metadata of a former spec', () => {
    const drifted = secret({
      resourceVersion: '7',
      labels: { 'app.kubernetes.io/managed-by': 'regcred', team: 'a', theirs: 'x' },
      annotations: {
        'regcred.dev/credential': 'acme',
        note: 'b',
        theirs: 'y',
        'regcred.dev/secret-metadata': 'annotations:note,labels:gone,labels:team',
      },
      owners: [{ ...FORMER_OWNER, controller: true }, OTHER_OWNER],
      strayKeys: ['more'],
    });
    const patch = {
      metadata: {
        uid: 'uid-acme',
        resourceVersion: '7',
        labels: { team: null, ...LABELS },
        annotations: { note: null, 'regcred.dev/credential': 'acme', 'regcred.dev/secret-metadata': null },
        ownerReferences: [OTHER_OWNER, OWNER],
      },
      data: { more: null, '.dockerconfigjson': content().data },
    };
    expect(plan({}, observed(drifted))).to.deep.equal({
      kind: 'place',
      actions: [{ kind: 'update-secret', namespace: 'shop', name: 'acme', patch }],
    });
  });

  it('loses its owner when the spec changes to Retain', () => {
    const { kind, actions } = plan({ spec: { deletionPolicy: 'Retain' } }, observed(secret({ owners: [OWNER, OTHER_OWNER] }))) as Extract<
      SecretPlan,
      { kind: 'place' }
    >;
    expect(kind).to.equal('place');
    expect(actions).to.have.nested.property('[0].patch.metadata.ownerReferences').that.deep.equals([OTHER_OWNER]);
  });

  const Adopt = { spec: { conflictPolicy: 'Adopt' } } as const;
  const controller = { apiVersion: 'v1', kind: 'Foo', name: 'boss', uid: 'x', controller: true };
  const conflicts: Record<string, readonly [got: () => SecretPlan, reason: string, phrase: string]> = {
    'with an unmanaged Secret': [() => plan({}, observed(unmanagedSecret())), 'SecretExists', 'conflictPolicy: Adopt'],
    'with a Secret of another type': [
      () => plan(Adopt, observed(unmanagedSecret({ type: 'Opaque' }))),
      'SecretExists',
      'with type "Opaque"',
    ],
    'if it has another type': [() => plan({}, observed(secret({ type: 'Opaque' }))), 'SecretExists', 'with type "Opaque"'],
    'if it was made immutable': [() => plan({}, observed(secret({ immutable: true }))), 'SecretImmutable', 'never be rotated'],
    'with the Secret of another credential': [
      () => plan(Adopt, observed(secret(retained), { otherCredential: OTHER })),
      'SecretExists',
      'by RegistryCredential other',
    ],
    'with a source, even under Adopt': [
      () => plan(Adopt, observed(unmanagedSecret(), { isSource: true })),
      'SecretExists',
      'source of credentials',
    ],
    'with a source of another type': [
      () => plan({}, observed(unmanagedSecret({ type: 'kubernetes.io/basic-auth' }), { isSource: true })),
      'SecretExists',
      'source of credentials',
    ],
    'with a source that is immutable': [
      () => plan({}, observed(unmanagedSecret({ immutable: true }), { isSource: true })),
      'SecretExists',
      'source of credentials',
    ],
    'with a source that another object controls': [
      () => plan({}, observed(unmanagedSecret({ owners: [controller] }), { isSource: true })),
      'SecretExists',
      'source of credentials',
    ],
    'with a source that does not exist': [
      () => plan(Adopt, observed(undefined, { isSource: true })),
      'SecretExists',
      'uses it as a source, so the operator does not create its copy there',
    ],
    'if it was made immutable and another credential reads it': [
      () => plan({}, observed(secret({ immutable: true }), { isSource: true })),
      'SecretImmutable',
      'Do not delete it',
    ],
    'if it has another type and another credential reads it': [
      () => plan({}, observed(secret({ type: 'Opaque' }), { isSource: true })),
      'SecretExists',
      'Do not delete it',
    ],
    'with the Secret of another credential that is immutable': [
      () => plan(Adopt, observed(secret({ ...retained, immutable: true }), { otherCredential: OTHER })),
      'SecretExists',
      'by RegistryCredential other',
    ],
    'with a Secret that another object controls, even under Adopt': [
      () => plan(Adopt, observed(unmanagedSecret({ owners: [controller] }))),
      'SecretExists',
      'controlled by Foo boss',
    ],
    'if another object controls it': [() => plan({}, observed(secret({ owners: [controller] }))), 'SecretExists', 'controlled by Foo boss'],
    'with an unmanaged Secret, and the Secret under a former name stays': [
      () => plan({}, observed(unmanagedSecret(), { withUid: [former] })),
      'SecretExists',
      'left untouched',
    ],
  };
  for (const [what, [got, reason, phrase]] of Object.entries(conflicts)) {
    it(`is in conflict ${what}`, () => {
      const plan = got();
      if (plan.kind !== 'conflict') throw new Error(`the plan is ${plan.kind}`);
      expect(plan).to.have.all.keys('kind', 'problem');
      expect(plan.problem.reason).to.equal(reason);
      expect(plan.problem.message)
        .to.match(/^Secret shop\/acme /)
        .and.to.contain(phrase);
    });
  }

  it('that is a source is never to be deleted, by any message', () => {
    const one = fc.constantFrom;
    const records = fc.record({
      type: one('Opaque', 'kubernetes.io/dockerconfigjson', 'kubernetes.io/basic-auth'),
      immutable: fc.boolean(),
      owners: fc.subarray([OWNER, controller]),
      labels: one({}, LABELS, { ...LABELS, 'regcred.dev/credential-uid': 'uid-other' }),
    });
    const policies = fc.record({ conflictPolicy: one('Adopt' as const, 'Fail' as const) });
    const property = fc.property(fc.option(records, { nil: undefined }), policies, one(undefined, OTHER), (mods, spec, otherCredential) => {
      const named = mods && secret(mods);
      const got = plan({ spec }, observed(named, { isSource: true, otherCredential }));
      if (got.kind === 'conflict') expect(got.problem.message).to.not.match(/(?<!Do not )\bdelete it|Delete/);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('is taken over from a credential with which it swaps names, without its owner', () => {
    const other = { ...OWNER, name: 'other', uid: 'uid-other' };
    const theirs = secret({ labels: { ...LABELS, 'regcred.dev/credential-uid': 'uid-other' }, owners: [OTHER_OWNER, other] });
    const claims = { otherCredential: OTHER, takesOverFrom: 'uid-other', withUid: [former] };
    const got = plan({}, observed(theirs, claims));
    if (got.kind !== 'place') throw new Error(`the plan is ${got.kind}`);
    const [update, last] = got.actions;
    expect(update).to.have.nested.property('patch.metadata.ownerReferences').that.deep.equals([OTHER_OWNER, OWNER]);
    expect(last).to.deep.equal(deletion(former));
  });

  it('is as desired after one write, whatever was there before', () => {
    const some = (values: Record<string, fc.Arbitrary<string>>) =>
      fc.record(values, { requiredKeys: [] }) as fc.Arbitrary<Record<string, string>>;
    const one = fc.constantFrom;
    const labels = some({
      team: one('a'),
      theirs: one('x'),
      'app.kubernetes.io/managed-by': one('regcred', 'other'),
      'regcred.dev/credential-uid': one('uid-acme', 'uid-gone'),
    });
    const annotations = some({ note: one('b'), theirs: one('y'), 'regcred.dev/credential': one('acme', 'other') });
    const recorded = fc.subarray([
      'labels:team',
      'labels:gone',
      'annotations:note',
      'labels:app.kubernetes.io/managed-by',
      'annotations:regcred.dev/credential',
      'x',
      '',
    ]);
    const owners = fc
      .subarray([FORMER_OWNER, OTHER_OWNER, OWNER, { ...OWNER, controller: false }])
      .filter((list) => new Set(list.map(({ uid }) => uid)).size === list.length);
    const present = fc.record({ labels, annotations, recorded, owners, hash: one(content().data, 'b3RoZXI='), stray: fc.boolean() });
    const given = fc.record({
      labels: some({ team: one('a', 'c'), more: one('a') }),
      annotations: some({ note: one('b', 'c'), more: one('b') }),
    });
    const specs = fc.record({
      conflictPolicy: one('Adopt' as const),
      deletionPolicy: one('Delete' as const, 'Retain' as const),
      secretMetadata: fc.option(given, { nil: undefined }),
    });

    fc.assert(
      fc.property(fc.option(present, { nil: undefined }), specs, (before, spec) => {
        const object = before && objectOf(before);
        const first = plan({ spec }, observed(object && readSecret(object)));
        expect(first.kind).to.be.oneOf(['place', 'synced']);
        const actions = 'actions' in first ? first.actions : [];
        expect(actions.length).to.be.at.most(1);
        const written = actions.reduce(applied, object) as KubeObject;
        expect(plan({ spec }, observed(readSecret(written)))).to.deep.equal(SYNCED);
        expect(written.data).to.deep.equal({ '.dockerconfigjson': content().data });
        expect(written.metadata.labels).to.include({ ...spec.secretMetadata?.labels, ...LABELS });
        expect(written.metadata.annotations).to.include({ ...spec.secretMetadata?.annotations, 'regcred.dev/credential': 'acme' });
        expect(written.metadata.labels?.theirs).to.equal(before?.labels.theirs);
        if (before?.recorded.includes('labels:team')) expect(written.metadata.labels?.team).to.equal(spec.secretMetadata?.labels?.team);
        if (before?.recorded.includes('annotations:note'))
          expect(written.metadata.annotations?.note).to.equal(spec.secretMetadata?.annotations?.note);
        const others = (before?.owners ?? []).filter((owner) => owner === OTHER_OWNER);
        expect(written.metadata.ownerReferences).to.deep.equal(spec.deletionPolicy === 'Retain' ? others : [...others, OWNER]);
      }),
      { numRuns: 500 },
    );
  });

  interface Present extends Pick<SecretRecord, 'labels' | 'annotations' | 'owners'> {
    readonly recorded: readonly string[];
    readonly hash: string;
    readonly stray: boolean;
  }

  const objectOf = ({ labels, annotations, owners, recorded, hash, stray }: Present): KubeObject => ({
    metadata: {
      namespace: 'shop',
      name: 'acme',
      uid: 'uid-1',
      resourceVersion: '1',
      labels,
      annotations: { ...annotations, ...(recorded.length > 0 && { 'regcred.dev/secret-metadata': recorded.join(',') }) },
      ownerReferences: owners,
    },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': hash, ...(stray && { more: 'eA==' }) },
  });

  function applied(object: KubeObject | undefined, action: SecretAction): KubeObject | undefined {
    switch (action.kind) {
      case 'create-secret':
        return merged({} as KubeObject, merged(action.body, { metadata: { uid: 'uid-1', resourceVersion: '1' } }));
      case 'update-secret':
        return merged(object, action.patch);
      case 'delete-secret':
        return undefined;
      default:
        return action satisfies never;
    }
  }
});
