import { expect } from 'chai';
import { type KubeObject, readSource } from '../../../src/kube/records.ts';

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
