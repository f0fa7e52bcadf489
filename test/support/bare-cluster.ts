/** A cluster without regcred, with what a reader of the pages about Helm has: the kinds of the Prometheus Operator, and its namespace. */
import type { KubeClient } from '../../src/kube/client.ts';
import { connect } from './api.ts';
import { type ControlPlane, startControlPlane } from './controlplane.ts';

export interface Bare {
  readonly controlPlane: ControlPlane;
  readonly api: KubeClient;
}

export async function startBare(): Promise<Bare> {
  const controlPlane = await startControlPlane((line) => console.error(line));
  const api = connect(controlPlane.kubeconfig);
  await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name: 'monitoring' } } });
  for (const kind of ['PodMonitor', 'ServiceMonitor', 'PrometheusRule']) await api.call('POST', CRDS, { body: crdOf(kind) });
  return { controlPlane, api };
}

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** A kind of the Prometheus Operator, without its schema. */
function crdOf(kind: string): object {
  const singular = kind.toLowerCase();
  const names = { kind, singular, plural: `${singular}s` };
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const group = 'monitoring.coreos.com';
  const versions = [{ name: 'v1', served: true, storage: true, schema }];
  return { metadata: { name: `${names.plural}.${group}` }, spec: { group, scope: 'Namespaced', names, versions } };
}
