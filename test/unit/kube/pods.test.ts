import { expect } from 'chai';
import type { Kube } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { jobsOf } from '../../../src/kube/pods.ts';

describe('The Job that a pod names as its owner', () => {
  const FAILED = { failed: 1, backoffLimit: 6, countsOtherwise: false };
  const job = { metadata: { namespace: 'shop', name: 'build', uid: 'u', resourceVersion: '1' }, spec: {}, status: { failed: 1 } };
  const cases: Record<string, { name?: string; uid?: string; answer: object | Error; asks?: string; want: object | undefined }> = {
    'is read': { answer: job, want: FAILED },
    'is none where there is none': { answer: new KubeError('not found', 404), want: undefined },
    'is none where it is another of the same name': { uid: 'other', answer: job, want: undefined },
    'is not asked for under another path': { name: '../../../../version', answer: job, asks: '', want: undefined },
    'is not asked for as a part of it': { name: 'build/status', answer: job, asks: '', want: undefined },
    'is not asked for with more than a name': { name: 'build?watch=1', answer: job, asks: '', want: undefined },
  };
  for (const [what, { name = 'build', uid = 'u', answer, asks = '/apis/batch/v1/namespaces/shop/jobs/build', want }] of Object.entries(
    cases,
  )) {
    it(what, async () => {
      let asked = '';
      const call = async (_: string, path: string) => {
        asked = path;
        if (answer instanceof Error) throw answer;
        return answer;
      };
      const found = await jobsOf({ call } as unknown as Kube)('shop', { apiVersion: 'batch/v1', kind: 'Job', name, uid });
      expect({ asked, found }).to.deep.equal({ asked: asks, found: want });
    });
  }

  it('is not known where the API server says neither', async () => {
    const call = () => Promise.reject(new KubeError('forbidden', 403));
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'build', uid: 'u' };
    const error = await jobsOf({ call } as unknown as Kube)('shop', owner).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(KubeError);
  });
});
