import { expect } from 'chai';
import { classify, type ErrorKind, isExpired, isNotFound, isOverloaded, KubeError } from '../../../src/kube/errors.ts';

const terminating = { reason: 'Forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } };

describe('A failed call means', () => {
  const meanings: Record<string, { error: unknown; want: ErrorKind }> = {
    'gone, if the object is not found': { error: new KubeError('', 404), want: 'gone' },
    'gone, if the namespace is being deleted': { error: new KubeError('', 403, terminating), want: 'gone' },
    'stale, if another writer was faster': { error: new KubeError('', 409), want: 'stale' },
    'refused, if the request is malformed': { error: new KubeError('', 400), want: 'refused' },
    'refused, if the right is missing': { error: new KubeError('', 403, { reason: 'Forbidden' }), want: 'refused' },
    'refused, if the kind does not support the verb': { error: new KubeError('', 405), want: 'refused' },
    'refused, if it is too large': { error: new KubeError('', 413), want: 'refused' },
    'refused, if the server does not support this kind of patch': { error: new KubeError('', 415), want: 'refused' },
    'refused, if the object is invalid': { error: new KubeError('', 422), want: 'refused' },
    'passing, if the credentials are not accepted: they may be rotated': { error: new KubeError('', 401), want: 'passing' },
    'passing, if the server asks to retry later': { error: new KubeError('', 429), want: 'passing' },
    'passing, if the server fails': { error: new KubeError('', 500), want: 'passing' },
    'passing, if the server restarts': { error: new KubeError('', 503), want: 'passing' },
    'passing, if there is no answer': { error: new KubeError('', 0), want: 'passing' },
    'passing, if the error is not from the API server': { error: new TypeError('x'), want: 'passing' },
    'passing, if the thrown value is not an error': { error: undefined, want: 'passing' },
  };
  for (const [what, { error, want }] of Object.entries(meanings)) {
    it(what, () => expect(classify(error)).to.equal(want));
  }

  it('expired, by its code or its reason', () => {
    const errors = [new KubeError('', 410), new KubeError('', 0, { reason: 'Expired' }), new KubeError('', 404), new Error('410')];
    expect(errors.map(isExpired)).to.deep.equal([true, true, false, false]);
  });

  it('not found, by its code', () => {
    expect([new KubeError('', 404), new KubeError('', 410), new Error('404')].map(isNotFound)).to.deep.equal([true, false, false]);
  });
});

describe('The API server is overloaded', () => {
  const answers: Record<string, { error: unknown; want: boolean }> = {
    'by a 429 without a Status, as of API Priority and Fairness': { error: new KubeError('', 429), want: true },
    'by a 503 without a Status, as of a load balancer': { error: new KubeError('', 503), want: true },
    'not by a 429 of an admission webhook': { error: new KubeError('', 429, { message: 'denied the request', code: 429 }), want: false },
    'not by a 429 of a PodDisruptionBudget': { error: new KubeError('', 429, { reason: 'TooManyRequests' }, 10_000), want: false },
    'not by a 503 of one kind of object': { error: new KubeError('', 503, { reason: 'ServiceUnavailable' }), want: false },
    'not by a 500': { error: new KubeError('', 500), want: false },
    'not by a call without an answer': { error: new KubeError('', 0), want: false },
    'not by an error that is no answer': { error: new Error('429'), want: false },
  };
  for (const [what, { error, want }] of Object.entries(answers)) it(what, () => expect(isOverloaded(error)).to.equal(want));
});
