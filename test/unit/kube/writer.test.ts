import { once } from 'node:events';
import { expect } from 'chai';
import { KubeClient } from '../../../src/kube/client.ts';
import { classify, KubeError } from '../../../src/kube/errors.ts';
import { FencedWriter } from '../../../src/kube/writer.ts';
import { serve } from './apiserver.ts';

describe('A write without an answer', () => {
  it('ends when its signal is aborted, may be repeated, and leaves the API server', async () => {
    let asked = () => {};
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    let left: Promise<unknown> = Promise.resolve();
    const server = await serve((response) => {
      left = once(response, 'close');
      asked();
    });
    const kube = new KubeClient(() => server.config());
    const errors: unknown[] = [];
    const run = new AbortController();
    const writer = new FencedWriter({ kube, fieldManager: 'regcred', fence: () => {}, onError: (error) => errors.push(error) });
    const writing = writer.until(run.signal).write({ method: 'POST', path: '/api/v1/namespaces/shop/secrets', body: {} });
    await isAsked;
    run.abort();
    const error = await writing.catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(KubeError).and.have.property('message', 'the API server did not answer in time');
    expect(classify(error)).to.equal('passing');
    expect(errors).to.deep.equal([error]);
    await left;
    await kube.close();
    await server.close();
  });
});
