import { expect } from 'chai';
import { getJobFrom } from '../../../src/cluster/jobs.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';

describe('The Job that owns a pod', () => {
  const FAILED = { failed: 1, backoffLimit: 6, countsOtherwise: false };
  const job = { metadata: { namespace: 'shop', name: 'build', uid: 'u', resourceVersion: '1' }, spec: {}, status: { failed: 1 } };
  const cases: Record<string, { name?: string; uid?: string; answer: object | Error; asks?: string; want: object | undefined }> = {
    'is read': { answer: job, want: FAILED },
    'is undefined if it does not exist': { answer: new KubeError('not found', 404), want: undefined },
    'is undefined if another Job has the same name': { uid: 'other', answer: job, want: undefined },
    'is not requested with a name that is another path': { name: '../../../../version', answer: job, asks: '', want: undefined },
    'is not requested with a name that has a subresource': { name: 'build/status', answer: job, asks: '', want: undefined },
    'is not requested with a name that has a query': { name: 'build?watch=1', answer: job, asks: '', want: undefined },
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
      const found = await getJobFrom({ call } as unknown as KubeClient)('shop', { apiVersion: 'batch/v1', kind: 'Job', name, uid });
      expect({ asked, found }).to.deep.equal({ asked: asks, found: want });
    });
  }

  it('is an error if the API server fails', async () => {
    const call = () => Promise.reject(new KubeError('forbidden', 403));
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'build', uid: 'u' };
    const error = await getJobFrom({ call } as unknown as KubeClient)('shop', owner).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(KubeError);
  });
});
