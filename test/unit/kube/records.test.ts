import { expect } from 'chai';
import { type KubeObject, readAccount, readSecret, readSource } from '../../../src/kube/records.ts';

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
