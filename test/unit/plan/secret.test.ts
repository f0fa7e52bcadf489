import { expect } from 'chai';
import fc from 'fast-check';
import type { SecretRecord } from '../../../src/api/records.ts';
import { type KubeObject, readSecret } from '../../../src/kube/records.ts';
import { planSecret, type SecretAction, type SecretPlan, type SecretsThere } from '../../../src/plan/secret.ts';
import { content, foreignSecret, intent, merged, namespace, secret } from '../../support/builders.ts';

const there = (named?: SecretRecord, mods: Partial<SecretsThere> = {}): SecretsThere => ({
  named,
  labelled: [],
  rival: undefined,
  isSource: false,
  ...mods,
});
const plan = (mods: Parameters<typeof intent>[0], state: SecretsThere, where = namespace()) => planSecret(intent(mods), where, state);
const deletion = ({ name }: SecretRecord): SecretAction => ({
  kind: 'delete-secret',
  namespace: 'shop',
  name,
  uid: `uid-${name}`,
  resourceVersion: '1',
});

const UNTOUCHED: SecretPlan = { wanted: false, actions: [] };
const AS_WANTED: SecretPlan = { wanted: true, actions: [] };
const WAITS: SecretPlan = { wanted: true, actions: [], waits: true };
const OWNER = { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', name: 'acme', uid: 'uid-acme', controller: true };
const OTHER_OWNER = { ...OWNER, kind: 'Foo', uid: 'x', controller: false };
const FORMER_OWNER = { ...OWNER, uid: 'uid-gone', controller: false };
const LABELS = { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': 'uid-acme' };
const metadata = { labels: { team: 'a' }, annotations: { note: 'b' } };

const former = secret({ name: 'former' });
/** Left behind by a credential of the same name that was deleted under Retain. */
const leftBehind = { labels: { ...LABELS, 'regcred.dev/credential-uid': 'uid-gone' }, owners: [] };
const elsewhere = { spec: { namespaces: { names: ['team-*'] } } };

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
    'is created where there is none': [() => plan({}, there()), { wanted: true, actions: [creation({})] }],
    'has no owner under Retain': [
      () => plan({ spec: { deletionPolicy: 'Retain' } }, there()),
      { wanted: true, actions: [creation({ ownerReferences: [] })] },
    ],
    'gets the metadata of the spec, and a record of it': [
      () => plan({ spec: { secretMetadata: metadata } }, there()),
      {
        wanted: true,
        actions: [
          creation({
            labels: { team: 'a', ...LABELS },
            annotations: { note: 'b', 'regcred.dev/credential': 'acme', 'regcred.dev/secret-metadata': 'annotations:note,labels:team' },
          }),
        ],
      },
    ],
    'is left alone where it is as wanted': [() => plan({}, there(secret())), AS_WANTED],
    'is left alone with what other people put on it': [
      () =>
        plan(
          {},
          there(
            secret({
              labels: { ...LABELS, team: 'x' },
              annotations: { 'regcred.dev/credential': 'acme', note: 'y' },
              owners: [OTHER_OWNER, OWNER],
            }),
          ),
        ),
      AS_WANTED,
    ],
    'takes the place of one under a former name, which goes after it': [
      () => plan({}, there(undefined, { labelled: [former] })),
      { wanted: true, actions: [creation({}), deletion(former)] },
    ],
    'has one under a former name deleted when it is as wanted itself': [
      () => plan({}, there(secret(), { labelled: [secret(), former] })),
      { wanted: true, actions: [deletion(former)] },
    ],
    'does not have one deleted again that is being deleted': [
      () => plan({}, there(secret(), { labelled: [{ ...former, terminating: true }] })),
      AS_WANTED,
    ],
    'waits where there has been no content yet, and a former one stays': [
      () => plan({ content: undefined }, there(undefined, { labelled: [former] })),
      WAITS,
    ],
    'waits where there has been no content yet, whatever stands there': [() => plan({ content: undefined }, there(foreignSecret())), WAITS],
    'stays as it is while its source is missing': [() => plan({ content: undefined }, there(secret({ contentHash: 'other' }))), AS_WANTED],
    'is deleted where the namespace is no target, under any name': [
      () => plan(elsewhere, there(secret(), { labelled: [secret(), former] })),
      { wanted: false, actions: [deletion(secret()), deletion(former)] },
    ],
    'is deleted with the credential, whatever its labels have become': [
      () => plan({ mode: 'remove' }, there(secret({ labels: {}, annotations: {} }))),
      { wanted: false, actions: [deletion(secret())] },
    ],
    'is not deleted where it is somebody else’s': [() => plan({ mode: 'remove' }, there(foreignSecret())), UNTOUCHED],
    'is not deleted where another credential has placed it': [
      () => plan({ mode: 'remove' }, there(secret({ ...leftBehind }), { rival: 'other' })),
      UNTOUCHED,
    ],
    'is left alone by a credential on hold': [() => plan({ mode: 'hold', ...elsewhere }, there(secret())), UNTOUCHED],
    'is left to a namespace that is Terminating': [
      () => plan({ mode: 'remove' }, there(secret()), namespace({ terminating: true })),
      UNTOUCHED,
    ],
    'is nothing to decide on in a namespace that is gone': [() => planSecret(intent(), undefined, there(secret())), UNTOUCHED],
  };
  for (const [what, [got, want]] of Object.entries(plans)) it(what, () => expect(got()).to.deep.equal(want));

  it('is updated by a patch that holds for that version only, and takes back what the former spec put there', () => {
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
    expect(plan({}, there(drifted))).to.deep.equal({
      wanted: true,
      actions: [{ kind: 'update-secret', namespace: 'shop', name: 'acme', patch }],
    });
  });

  const Adopt = { spec: { conflictPolicy: 'Adopt' } } as const;
  const controller = { apiVersion: 'v1', kind: 'Foo', name: 'boss', uid: 'x', controller: true };
  const conflicts: Record<string, readonly [got: () => SecretPlan, reason: string, says: string]> = {
    'where somebody else’s stands': [() => plan({}, there(foreignSecret())), 'SecretExists', 'conflictPolicy: Adopt'],
    'where one of another type stands': [() => plan(Adopt, there(foreignSecret({ type: 'Opaque' }))), 'SecretExists', 'of type "Opaque"'],
    'where its own has another type': [() => plan({}, there(secret({ type: 'Opaque' }))), 'SecretExists', 'of type "Opaque"'],
    'where its own was made immutable': [() => plan({}, there(secret({ immutable: true }))), 'SecretImmutable', 'never be rotated'],
    'where another credential has placed one': [
      () => plan(Adopt, there(secret(leftBehind), { rival: 'other' })),
      'SecretExists',
      'by RegistryCredential other',
    ],
    'where a source stands, even under Adopt': [
      () => plan(Adopt, there(foreignSecret(), { isSource: true })),
      'SecretExists',
      'source of credentials',
    ],
    'where one stands that somebody controls, even under Adopt': [
      () => plan(Adopt, there(foreignSecret({ owners: [controller] }))),
      'SecretExists',
      'controlled by Foo boss',
    ],
    'where somebody has made another the controller of its own': [
      () => plan({}, there(secret({ owners: [controller] }))),
      'SecretExists',
      'controlled by Foo boss',
    ],
    'where somebody else’s stands, and one under a former name stays': [
      () => plan({}, there(foreignSecret(), { labelled: [former] })),
      'SecretExists',
      'left untouched',
    ],
  };
  for (const [what, [got, reason, says]] of Object.entries(conflicts)) {
    it(`is in conflict ${what}`, () => {
      const { conflict, ...rest } = got();
      expect(rest).to.deep.equal(AS_WANTED);
      expect(conflict?.reason).to.equal(reason);
      expect(conflict?.message).to.contain('A Secret shop/acme ').and.to.contain(says);
    });
  }

  it('once written is as wanted, whatever was there before', () => {
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
    const standing = fc.record({ labels, annotations, recorded, owners, hash: one(content().data, 'b3RoZXI='), stray: fc.boolean() });
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
      fc.property(fc.option(standing, { nil: undefined }), specs, (before, spec) => {
        const object = before && objectOf(before);
        const { actions } = plan({ spec }, there(object && readSecret(object)));
        expect(actions.length).to.be.at.most(1);
        const written = actions.reduce(applied, object) as KubeObject;
        expect(plan({ spec }, there(readSecret(written)))).to.deep.equal(AS_WANTED);
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

  interface Standing extends Pick<SecretRecord, 'labels' | 'annotations' | 'owners'> {
    readonly recorded: readonly string[];
    readonly hash: string;
    readonly stray: boolean;
  }

  const objectOf = ({ labels, annotations, owners, recorded, hash, stray }: Standing): KubeObject => ({
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
