import { expect } from 'chai';
import { classify, type Failure, isExpired, isNotFound, KubeError } from '../../../src/kube/errors.ts';

const terminating = { reason: 'Forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } };

describe('A failed call means', () => {
  const meanings: Record<string, { error: unknown; want: Failure }> = {
    'gone, where the object is not found': { error: new KubeError('', 404), want: 'gone' },
    'gone, where the namespace is on its way out': { error: new KubeError('', 403, terminating), want: 'gone' },
    'stale, where somebody else was faster': { error: new KubeError('', 409), want: 'stale' },
    'refused, where the request is malformed': { error: new KubeError('', 400), want: 'refused' },
    'refused, where the right is missing': { error: new KubeError('', 403, { reason: 'Forbidden' }), want: 'refused' },
    'refused, where the kind has no such verb': { error: new KubeError('', 405), want: 'refused' },
    'refused, where it is too large': { error: new KubeError('', 413), want: 'refused' },
    'refused, where the server does not read this kind of patch': { error: new KubeError('', 415), want: 'refused' },
    'refused, where the object is invalid': { error: new KubeError('', 422), want: 'refused' },
    'passing, where the credentials are not accepted: they may be rotated': { error: new KubeError('', 401), want: 'passing' },
    'passing, where the server asks for patience': { error: new KubeError('', 429), want: 'passing' },
    'passing, where the server fails': { error: new KubeError('', 500), want: 'passing' },
    'passing, where the server is being restarted': { error: new KubeError('', 503), want: 'passing' },
    'passing, where no answer came': { error: new KubeError('', 0), want: 'passing' },
    'passing, where it was no answer of the API server at all': { error: new TypeError('x'), want: 'passing' },
    'passing, where what was thrown is no error': { error: undefined, want: 'passing' },
  };
  for (const [what, { error, want }] of Object.entries(meanings)) {
    it(what, () => expect(classify(error)).to.equal(want));
  }

  it('expired, by its code or by its reason', () => {
    const errors = [new KubeError('', 410), new KubeError('', 0, { reason: 'Expired' }), new KubeError('', 404), new Error('410')];
    expect(errors.map(isExpired)).to.deep.equal([true, true, false, false]);
  });

  it('not found, by its code', () => {
    expect([new KubeError('', 404), new KubeError('', 410), new Error('404')].map(isNotFound)).to.deep.equal([true, false, false]);
  });
});
