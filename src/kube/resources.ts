import { API_VERSION, LABEL, MANAGER, POD_POLICY } from '../api/names.ts';
import type { AccountRecord, CredentialRecord, NamespaceRecord, ObjectRecord, SecretRecord, SourceRecord } from '../api/records.ts';
import { identity, readAccount, readCredential, readNamespace, readSecret, readSource } from './records.ts';
import type { Target } from './watch.ts';

/** Where the objects are: the only place that knows the API server's paths. */
export const path = {
  credentials: `/apis/${API_VERSION}/registrycredentials`,
  credential: (name: string) => `${path.credentials}/${name}`,
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
  allPods: '/api/v1/pods',
  eviction: (namespace: string, pod: string) => `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`,
  job: (namespace: string, name: string) => `/apis/batch/v1/namespaces/${namespace}/jobs/${name}`,
  events: (namespace: string) => `/api/v1/namespaces/${namespace}/events`,
  allLeases: '/apis/coordination.k8s.io/v1/leases',
  leases: (namespace: string) => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`,
  admission: (version: 'v1' | 'v1beta1', kind: string) => `/apis/admissionregistration.k8s.io/${version}/${kind}`,
  version: '/version',
};

export const credentials: Target<CredentialRecord> = { path: path.credentials, read: readCredential };
export const namespaces: Target<NamespaceRecord> = { path: path.namespaces, read: readNamespace };
export const accounts: Target<AccountRecord> = { path: path.accounts, read: readAccount };

/** Every Secret that we made, by its label. */
export const managedSecrets: Target<SecretRecord> = {
  path: path.secrets,
  labelSelector: `${LABEL.managedBy}=${MANAGER}`,
  read: readSecret,
};

/** Every other Secret of one name, in whatever namespace: what may stand in our way, and when it no longer does. */
export const foreignSecrets = (name: string): Target<SecretRecord> => ({
  path: path.secrets,
  labelSelector: `${LABEL.managedBy}!=${MANAGER}`,
  fieldSelector: `metadata.name=${name}`,
  read: readSecret,
});

/** Every Secret of one name, ours and others': where Secrets may be asked for by name only. */
export const namedSecrets = (name: string): Target<SecretRecord> => ({
  path: path.secrets,
  fieldSelector: `metadata.name=${name}`,
  read: readSecret,
});

/** One Secret that credentials are read from. */
export const sourceSecret = (namespace: string, name: string): Target<SourceRecord> => ({
  path: path.secretsIn(namespace),
  fieldSelector: `metadata.name=${name}`,
  read: readSource,
});

/** The policy that adds our names to new pods, and its binding: of Kubernetes 1.36 on, before that in v1beta1 where somebody switched it on. */
export const podPolicy = ['mutatingadmissionpolicies', 'mutatingadmissionpolicybindings'].map(
  (kind): Target<ObjectRecord> => ({
    path: path.admission('v1', kind),
    olderPath: path.admission('v1beta1', kind),
    fieldSelector: `metadata.name=${POD_POLICY}`,
    read: identity,
  }),
);
