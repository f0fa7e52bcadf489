import { expect } from 'chai';
import { type KubeObject, readAccount, readJob, readPod, readSecret, readSource } from '../../../src/kube/records.ts';

/** A new object each time, as it comes off the wire. */
function secret(namespace: string): KubeObject {
  return {
    type: 'kubernetes.io/dockerconfigjson',
    metadata: {
      namespace,
      name: 'acme',
      uid: `uid-${namespace}`,
      resourceVersion: '1',
      labels: { 'regcred.dev/credential-uid': 'uid-acme' },
      annotations: { 'regcred.dev/credential': 'acme' },
      ownerReferences: [
        { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', name: 'acme', uid: 'uid-acme', controller: true },
      ],
    },
    data: { '.dockerconfigjson': 'e30=' },
  };
}

describe('The records', () => {
  it('of the Secrets of one credential have what is equal in them once', () => {
    const [one, other] = [readSecret(secret('shop')), readSecret(secret('team-a'))];
    for (const part of ['labels', 'annotations', 'owners', 'strayKeys'] as const) expect(other[part], part).to.equal(one[part]);
    expect(other).to.deep.equal({ ...one, namespace: 'team-a', uid: 'uid-team-a' });
  });

  it('of accounts have equal lists once, and entries that differ as they are', () => {
    const account = (names: object[]): KubeObject => ({
      metadata: { namespace: 'shop', name: 'default', uid: 'uid', resourceVersion: '1' },
      imagePullSecrets: names,
    });
    const [one, same, other] = [[{ name: 'acme' }], [{ name: 'acme' }], [{ name: 'acme' }, {}]].map((names) => readAccount(account(names)));
    expect(same?.pullSecrets).to.equal(one?.pullSecrets);
    expect(other?.pullSecrets).to.deep.equal([{ name: 'acme' }, {}]);
  });

  it('do not change when somebody goes on with the object that they were read from', () => {
    const labels = { team: 'records' };
    const object = { ...secret('shop'), metadata: { ...secret('shop').metadata, labels } };
    readSecret(object);
    labels.team = 'other';
    expect(readSecret({ ...object, metadata: { ...object.metadata, labels: { team: 'records' } } }).labels).to.deep.equal({
      team: 'records',
    });
  });

  it('stay right when so much differs that what is known is forgotten', () => {
    for (let n = 0; n < 3000; n++) {
      const object = secret('shop');
      const labels = { number: String(n) };
      expect(readSecret({ ...object, metadata: { ...object.metadata, labels } }).labels).to.deep.equal(labels);
    }
  });
});

describe('A source was last changed', () => {
  const metadata = { name: 'robot', namespace: 'sources', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
  const data = { 'f:data': { 'f:password': {} } };
  const labels = { 'f:metadata': { 'f:labels': {} } };
  const day = (n: number) => `2026-01-0${n}T00:00:00Z`;
  const table: Record<string, { metadata: Partial<KubeObject['metadata']>; want: string }> = {
    'when it was made, where nobody is noted to have written to it': { metadata: {}, want: day(1) },
    'when somebody last wrote data': {
      metadata: {
        managedFields: [
          { time: day(3), fieldsV1: data },
          { time: day(2), fieldsV1: data },
        ],
      },
      want: day(3),
    },
    'not when somebody wrote labels': {
      metadata: {
        managedFields: [
          { time: day(2), fieldsV1: data },
          { time: day(4), fieldsV1: labels },
        ],
      },
      want: day(2),
    },
    'when it was made, where the notes hold no time': { metadata: { managedFields: [{ fieldsV1: data }, {}] }, want: day(1) },
  };
  for (const [when, { metadata: more, want }] of Object.entries(table)) {
    it(when, () => expect(readSource({ metadata: { ...metadata, ...more } }).changedAt).to.equal(Date.parse(want) / 1000));
  }

  it('at no time, where there is none', () =>
    expect(readSource({ metadata: { ...metadata, creationTimestamp: '' } }).changedAt).to.equal(0));
});

describe('Of a pod is kept', () => {
  const metadata = { namespace: 'shop', name: 'web-1', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:07Z' };
  const owner = (name: string, controller: boolean) => ({ apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid: name, controller });
  const waiting = (name: string, reason: string) => ({ name, state: { waiting: { reason } } });
  const spec = {
    serviceAccountName: 'builder',
    imagePullSecrets: [{ name: 'acme' }, {}],
    initContainers: [{ name: 'init', image: 'registry.example.com/init' }],
    containers: ['a', 'b', 'c'].map((name) => ({ name, image: `registry.example.com/${name}` })),
  };

  it('the images that it waits for, init containers included, and whether one was just tried', () => {
    const of = (initContainerStatuses: object[], containerStatuses: object[]) => {
      const { failing, tried } = readPod({ metadata, spec, status: { initContainerStatuses, containerStatuses } });
      return [failing.map((image) => image.replace('registry.example.com/', '')), tried];
    };
    expect(of([], [waiting('a', 'ContainerCreating'), { name: 'b', state: { running: {} } }])).to.deep.equal([[], false]);
    expect(of([], [waiting('b', 'ImagePullBackOff'), waiting('c', 'InvalidImageName')])).to.deep.equal([['b'], false]);
    expect(of([waiting('init', 'ErrImagePull')], [waiting('a', 'PodInitializing')])).to.deep.equal([['init'], true]);
    expect(of([waiting('init', 'ImagePullBackOff')], [waiting('c', 'ErrImagePull')])).to.deep.equal([['init', 'c'], true]);
  });

  it('whether a container of it runs', () => {
    const of = (state: object) =>
      readPod({ metadata, spec, status: { containerStatuses: [waiting('a', 'ErrImagePull'), { name: 'b', state }] } });
    expect(of({ running: {} }).running).to.equal(true);
    expect(of({ terminated: {} }).running).to.equal(false);
  });

  it('the controller among its owners, its account, its pull secrets and when it was made', () => {
    const labels = { 'regcred.dev/exclude': 'true' };
    const pod = readPod({ metadata: { ...metadata, labels, ownerReferences: [owner('other', false), owner('web', true)] }, spec });
    expect(pod).to.deep.include({ serviceAccount: 'builder', pullSecrets: ['acme'], owner: owner('web', true), excluded: true });
    expect(pod.createdAt).to.equal(Date.parse('2026-01-01T00:00:07Z') / 1000);
    expect(readPod({ metadata, spec: {} })).to.deep.include({ serviceAccount: 'default', owner: undefined, failing: [], excluded: false });
  });

  it('of a Job how often it may fail, and whether it counts otherwise', () => {
    const job = (spec: object, status?: object) => readJob({ metadata, spec, ...(status && { status }) });
    expect(job({ backoffLimit: 2 }, { failed: 1 })).to.deep.equal({ failed: 1, backoffLimit: 2, countsOtherwise: false });
    expect(job({})).to.deep.equal({ failed: 0, backoffLimit: 6, countsOtherwise: false });
    expect(job({ podFailurePolicy: { rules: [] } }).countsOtherwise).to.equal(true);
    expect(job({ backoffLimitPerIndex: 1 }).countsOtherwise).to.equal(true);
  });
});

describe('The list of an account was last changed', () => {
  const list = { 'f:imagePullSecrets': {} };
  const annotations = { 'f:metadata': { 'f:annotations': {} } };
  const metadata = { name: 'default', namespace: 'shop', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
  it('when somebody last wrote to it, and not when somebody wrote something else', () => {
    const managedFields = [
      { time: '2026-01-02T00:00:00Z', fieldsV1: list },
      { time: '2026-01-03T00:00:00Z', fieldsV1: annotations },
    ];
    expect(readAccount({ metadata: { ...metadata, managedFields } }).changedAt).to.equal(Date.parse('2026-01-02T00:00:00Z') / 1000);
    expect(readAccount({ metadata }).changedAt).to.equal(Date.parse('2026-01-01T00:00:00Z') / 1000);
  });
});
