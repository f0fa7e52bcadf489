import type { CredentialRef } from '../api/credential-ref.ts';
import type { ObjectRecord } from '../api/records.ts';
import type { WriteRequest } from '../kube/writer.ts';
import { path } from './paths.ts';

type ObjectVersion = Pick<ObjectRecord, 'namespace' | 'name' | 'uid' | 'resourceVersion'>;

/** Every write of the operator or a command. A deletion or eviction has the observed version as a precondition. */
export const request = {
  createSecret: (namespace: string, body: object): WriteRequest => ({ method: 'POST', path: path.secretsIn(namespace), body }),

  patchSecret: (namespace: string, name: string, body: object): WriteRequest => ({
    method: 'PATCH',
    path: path.secret(namespace, name),
    body,
  }),

  deleteSecret: ({ namespace, name, uid, resourceVersion }: ObjectVersion): WriteRequest => ({
    method: 'DELETE',
    path: path.secret(namespace, name),
    body: { preconditions: { uid, resourceVersion } },
  }),

  patchAccount: (namespace: string, name: string, body: object): WriteRequest => ({
    method: 'PATCH',
    path: path.account(namespace, name),
    body,
  }),

  /**
   * A token of a ServiceAccount for one audience, valid for one hour.
   * https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
   */
  createAccountToken: (namespace: string, name: string, audience: string): WriteRequest => ({
    method: 'POST',
    path: path.accountToken(namespace, name),
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [audience], expirationSeconds: 3600 },
    },
  }),

  patchCredential: (credential: CredentialRef, body: object): WriteRequest => ({
    method: 'PATCH',
    path: path.credentialOf(credential),
    body,
  }),

  /** For exactly the version that the status is about: an older status that arrives late must not replace a newer one. */
  patchCredentialStatus: (credential: CredentialRef & ObjectVersion, status: object): WriteRequest => ({
    method: 'PATCH',
    path: `${path.credentialOf(credential)}/status`,
    body: { metadata: { uid: credential.uid, resourceVersion: credential.resourceVersion }, status },
  }),

  createRules: (body: object): WriteRequest => ({ method: 'POST', path: path.rules, body }),

  /** Replaces the object, if it has the resourceVersion that the body names. */
  replaceRules: (name: string, body: object): WriteRequest => ({ method: 'PUT', path: `${path.rules}/${name}`, body }),

  patchRules: (name: string, body: object): WriteRequest => ({ method: 'PATCH', path: `${path.rules}/${name}`, body }),

  deleteRules: ({ name, uid, resourceVersion }: ObjectVersion): WriteRequest => ({
    method: 'DELETE',
    path: `${path.rules}/${name}`,
    body: { preconditions: { uid, resourceVersion } },
  }),

  deleteCredential: (credential: CredentialRef & Pick<ObjectRecord, 'uid'>): WriteRequest => ({
    method: 'DELETE',
    path: path.credentialOf(credential),
    body: { preconditions: { uid: credential.uid } },
  }),

  /**
   * The Eviction API rather than a plain deletion: the permission to evict does not override a PodDisruptionBudget once a pod is past
   * the phase Pending. https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
   */
  evictPod: ({ namespace, name, uid, resourceVersion }: ObjectVersion): WriteRequest => ({
    method: 'POST',
    path: path.eviction(namespace, name),
    body: {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { namespace, name },
      deleteOptions: { preconditions: { uid, resourceVersion } },
    },
  }),

  createEvent: (namespace: string, body: object): WriteRequest => ({ method: 'POST', path: path.events(namespace), body }),
};
