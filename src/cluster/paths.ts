import { type CredentialRef, isNamespaced } from '../api/credential-ref.ts';
import { API_VERSION } from '../api/names.ts';

/** The resources whose objects create pods, and their API. */
const WORKLOADS = {
  deployments: '/apis/apps/v1',
  statefulsets: '/apis/apps/v1',
  daemonsets: '/apis/apps/v1',
  replicasets: '/apis/apps/v1',
  jobs: '/apis/batch/v1',
  cronjobs: '/apis/batch/v1',
} as const;
export type WorkloadResource = keyof typeof WORKLOADS;

/** The API server's paths. No other file writes one down. */
export const path = {
  credentials: `/apis/${API_VERSION}/registrycredentials`,
  namespacedCredentials: `/apis/${API_VERSION}/namespacedregistrycredentials`,
  namespacedCredentialsIn: (namespace: string) => `/apis/${API_VERSION}/namespaces/${namespace}/namespacedregistrycredentials`,
  credential: (name: string) => `${path.credentials}/${name}`,
  /** An object of either kind. */
  credentialOf: (ref: CredentialRef) =>
    isNamespaced(ref) ? `${path.namespacedCredentialsIn(ref.namespace)}/${ref.name}` : path.credential(ref.name),
  rules: `/apis/${API_VERSION}/pullsecretrules`,
  namespaces: '/api/v1/namespaces',
  namespace: (name: string) => `${path.namespaces}/${name}`,
  pods: (namespace: string) => `/api/v1/namespaces/${namespace}/pods`,
  pod: (namespace: string, name: string) => `${path.pods(namespace)}/${name}`,
  secrets: '/api/v1/secrets',
  secretsIn: (namespace: string) => `/api/v1/namespaces/${namespace}/secrets`,
  secret: (namespace: string, name: string) => `${path.secretsIn(namespace)}/${name}`,
  accounts: '/api/v1/serviceaccounts',
  accountsIn: (namespace: string) => `/api/v1/namespaces/${namespace}/serviceaccounts`,
  account: (namespace: string, name: string) => `${path.accountsIn(namespace)}/${name}`,
  accountToken: (namespace: string, name: string) => `${path.account(namespace, name)}/token`,
  allPods: '/api/v1/pods',
  eviction: (namespace: string, pod: string) => `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`,
  workloads: (resource: WorkloadResource, namespace: string) => `${WORKLOADS[resource]}/namespaces/${namespace}/${resource}`,
  workload: (resource: WorkloadResource, namespace: string, name: string) => `${path.workloads(resource, namespace)}/${name}`,
  job: (namespace: string, name: string) => path.workload('jobs', namespace, name),
  events: (namespace: string) => `/api/v1/namespaces/${namespace}/events`,
  leases: (namespace: string) => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`,
  allLeases: '/apis/coordination.k8s.io/v1/leases',
  admission: (version: 'v1' | 'v1beta1', kind: string) => `/apis/admissionregistration.k8s.io/${version}/${kind}`,
  version: '/version',
};
