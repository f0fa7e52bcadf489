import { expect } from 'chai';
import { readAccount } from '../../../src/cluster/accounts.ts';
import { readCredential } from '../../../src/cluster/credentials.ts';
import { readJob } from '../../../src/cluster/jobs.ts';
import { readPod } from '../../../src/cluster/pods.ts';
import { readSecret } from '../../../src/cluster/secrets.ts';
import { readSource } from '../../../src/cluster/sources.ts';
import type { KubeObject } from '../../../src/kube/object.ts';

/** A new object each time, as a JSON parser creates it. */
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

describe('Records', () => {
  it('of the Secrets of one credential share equal parts', () => {
    const [one, other] = [readSecret(secret('shop')), readSecret(secret('team-a'))];
    for (const part of ['labels', 'annotations', 'owners', 'strayKeys'] as const) expect(other[part], part).to.equal(one[part]);
    expect(other).to.deep.equal({ ...one, namespace: 'team-a', uid: 'uid-team-a' });
  });

  it('of Secrets with a long annotation share the other parts', () => {
    const long = (namespace: string): KubeObject => {
      const { metadata, ...rest } = secret(namespace);
      const annotations = { ...metadata.annotations, 'regcred.dev/secret-metadata': 'annotations:note', note: 'n'.repeat(4000) };
      return { ...rest, metadata: { ...metadata, annotations } };
    };
    const [one, other] = [readSecret(long('shop')), readSecret(long('team-a'))];
    for (const part of ['labels', 'owners'] as const) expect(other[part], part).to.equal(one[part]);
    expect(other.annotations).to.deep.equal({
      'regcred.dev/credential': 'acme',
      'regcred.dev/secret-metadata': 'annotations:note',
      note: 'n'.repeat(4000),
    });
  });

  it('of accounts share equal lists, and keep lists that differ', () => {
    const account = (names: object[]): KubeObject => ({
      metadata: { namespace: 'shop', name: 'default', uid: 'uid', resourceVersion: '1' },
      imagePullSecrets: names,
    });
    const [one, same, other] = [[{ name: 'acme' }], [{ name: 'acme' }], [{ name: 'acme' }, {}]].map((names) => readAccount(account(names)));
    expect(same?.pullSecrets).to.equal(one?.pullSecrets);
    expect(other?.pullSecrets).to.deep.equal([{ name: 'acme' }, {}]);
  });

  it('of a RegistryCredential that the API of the previous version stored have the default verification', () => {
    const object = (spec: object): KubeObject => ({ metadata: { name: 'acme', uid: 'uid', resourceVersion: '1' }, spec });
    const given = { mode: 'None', interval: '1h' };
    expect(readCredential(object({})).spec.verification).to.deep.equal({ mode: 'Report', interval: '6h' });
    expect(readCredential(object({ verification: given })).spec.verification).to.deep.equal(given);
  });

  it('do not change when the caller changes the object that they were read from', () => {
    const labels = { 'regcred.dev/credential-uid': 'records' };
    const object = { ...secret('shop'), metadata: { ...secret('shop').metadata, labels } };
    readSecret(object);
    labels['regcred.dev/credential-uid'] = 'other';
    const again = { 'regcred.dev/credential-uid': 'records' };
    expect(readSecret({ ...object, metadata: { ...object.metadata, labels: again } }).labels).to.deep.equal(again);
  });

  it('of Secrets have the labels and annotations that decisions read, and none that may repeat the data', () => {
    const object = secret('shop');
    const labels = { ...object.metadata.labels, 'app.kubernetes.io/managed-by': 'regcred', team: 'shop', cost: '7' };
    const annotations = {
      ...object.metadata.annotations,
      'regcred.dev/secret-metadata': 'labels:team,annotations:note,annotations:missing,other:cost,cost',
      note: 'asked for',
      remark: 'of another user',
      'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ data: object.data }),
    };
    const record = readSecret({ ...object, metadata: { ...object.metadata, labels, annotations } });
    expect(record.labels).to.deep.equal({
      'app.kubernetes.io/managed-by': 'regcred',
      'regcred.dev/credential-uid': 'uid-acme',
      team: 'shop',
    });
    expect(record.annotations).to.deep.equal({
      'regcred.dev/credential': 'acme',
      'regcred.dev/secret-metadata': annotations['regcred.dev/secret-metadata'],
      note: 'asked for',
    });
    expect(JSON.stringify(record)).to.not.include('e30=');
  });

  it('are still correct after so many different values that the cache of shared parts is cleared', () => {
    for (let n = 0; n < 3000; n++) {
      const object = secret('shop');
      const labels = { 'regcred.dev/credential-uid': String(n) };
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
    'when it was created, if no manager has written to it': { metadata: {}, want: day(1) },
    'at the last write to its data': {
      metadata: {
        managedFields: [
          { time: day(3), fieldsV1: data },
          { time: day(2), fieldsV1: data },
        ],
      },
      want: day(3),
    },
    'not at a write to its labels': {
      metadata: {
        managedFields: [
          { time: day(2), fieldsV1: data },
          { time: day(4), fieldsV1: labels },
        ],
      },
      want: day(2),
    },
    'when it was created, if the managed fields have no time': { metadata: { managedFields: [{ fieldsV1: data }, {}] }, want: day(1) },
  };
  for (const [when, { metadata: more, want }] of Object.entries(table)) {
    it(when, () => expect(readSource({ metadata: { ...metadata, ...more } }).changedAt).to.equal(Date.parse(want) / 1000));
  }

  it('at no time, if it has no creation time', () =>
    expect(readSource({ metadata: { ...metadata, creationTimestamp: '' } }).changedAt).to.equal(0));
});

describe('The record of a pod', () => {
  const metadata = { namespace: 'shop', name: 'web-1', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:07Z' };
  const owner = (name: string, controller: boolean) => ({ apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid: name, controller });
  const waiting = (name: string, reason: string) => ({ name, state: { waiting: { reason } } });
  const spec = {
    serviceAccountName: 'builder',
    imagePullSecrets: [{ name: 'acme' }, {}],
    initContainers: [{ name: 'init', image: 'registry.example.com/init' }],
    containers: ['a', 'b', 'c'].map((name) => ({ name, image: `registry.example.com/${name}` })),
  };

  it('has the images that it waits for, including init containers, and whether one was just tried', () => {
    const of = (initContainerStatuses: object[], containerStatuses: object[]) => {
      const { failingImages, hasJustTried } = readPod({ metadata, spec, status: { initContainerStatuses, containerStatuses } });
      return [failingImages.map((image) => image.replace('registry.example.com/', '')), hasJustTried];
    };
    expect(of([], [waiting('a', 'ContainerCreating'), { name: 'b', state: { running: {} } }])).to.deep.equal([[], false]);
    expect(of([], [waiting('b', 'ImagePullBackOff'), waiting('c', 'InvalidImageName')])).to.deep.equal([['b'], false]);
    expect(of([waiting('init', 'ErrImagePull')], [waiting('a', 'PodInitializing')])).to.deep.equal([['init'], true]);
    expect(of([waiting('init', 'ImagePullBackOff')], [waiting('c', 'ErrImagePull')])).to.deep.equal([['init', 'c'], true]);
  });

  it('has whether one of its containers runs', () => {
    const of = (state: object) =>
      readPod({ metadata, spec, status: { containerStatuses: [waiting('a', 'ErrImagePull'), { name: 'b', state }] } });
    expect(of({ running: {} }).hasRunningContainer).to.equal(true);
    expect(of({ terminated: {} }).hasRunningContainer).to.equal(false);
  });

  it('has its controller, account, pull secrets and creation time', () => {
    const labels = { 'regcred.dev/exclude': 'true' };
    const pod = readPod({ metadata: { ...metadata, labels, ownerReferences: [owner('other', false), owner('web', true)] }, spec });
    expect(pod).to.deep.include({ serviceAccount: 'builder', pullSecrets: ['acme'], owner: owner('web', true), isOptedOut: true });
    expect(pod.createdAt).to.equal(Date.parse('2026-01-01T00:00:07Z') / 1000);
    expect(readPod({ metadata, spec: {} })).to.deep.include({
      serviceAccount: 'default',
      owner: undefined,
      failingImages: [],
      isOptedOut: false,
    });
  });

  it('of its Job has how often it may fail, and whether it counts in another way', () => {
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
  it('at the last write to it, and not at a write to other fields', () => {
    const managedFields = [
      { time: '2026-01-02T00:00:00Z', fieldsV1: list },
      { time: '2026-01-03T00:00:00Z', fieldsV1: annotations },
    ];
    expect(readAccount({ metadata: { ...metadata, managedFields } }).changedAt).to.equal(Date.parse('2026-01-02T00:00:00Z') / 1000);
    expect(readAccount({ metadata }).changedAt).to.equal(Date.parse('2026-01-01T00:00:00Z') / 1000);
  });
});
