import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Scene } from './cluster.ts';
import { eventually } from './eventually.ts';

const WEBHOOKS = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';

interface Held {
  readonly resources: readonly string[];
  readonly operations: readonly string[];
  readonly namespaceSelector: object;
  /** What the API server does after half a minute without an answer. */
  readonly failurePolicy: 'Ignore' | 'Fail';
}

/**
 * Makes the API server wait before it creates or deletes any Secret in one namespace, as for a slow admission webhook. The returned
 * function ends the wait; otherwise it ends after 30 seconds.
 */
export const holdSecrets = (scene: Scene, namespace: string): Promise<() => Promise<void>> =>
  holdWrites(scene, namespace, {
    resources: ['secrets'],
    operations: ['CREATE', 'DELETE'],
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
    failurePolicy: 'Ignore',
  });

/** A validating webhook that never answers. It includes `namespace`, where it is tried out. What it returns removes it. */
export async function holdWrites(scene: Scene, namespace: string, held: Held): Promise<() => Promise<void>> {
  const waiting = new Set<Socket>();
  let asked = false;
  const server = createServer((socket) => {
    asked = true;
    waiting.add(socket);
    socket.on('error', () => {}).once('close', () => waiting.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const webhook = {
    name: 'hold.test.example.com',
    clientConfig: { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/` },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: held.operations, resources: held.resources }],
    namespaceSelector: held.namespaceSelector,
    failurePolicy: held.failurePolicy,
    timeoutSeconds: 30,
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  };
  const name = `hold-${scene.name}-${Date.now()}`;
  await scene.api.call('POST', WEBHOOKS, { body: { metadata: { name }, webhooks: [webhook] } });
  const letGo = () => {
    for (const socket of waiting) socket.destroy();
  };
  await eventually('the API server calls the webhook', async () => {
    const probe = scene.api.call('POST', `/api/v1/namespaces/${namespace}/secrets`, {
      body: { metadata: { name: 'probe' } },
      query: { dryRun: 'All' },
      signal: AbortSignal.timeout(500),
    });
    await probe.catch(() => {});
    if (!asked) throw new Error('it did not');
    letGo();
  });
  return async () => {
    await scene.api.call('DELETE', `${WEBHOOKS}/${name}`);
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      letGo();
    });
  };
}
