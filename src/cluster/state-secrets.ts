import { isNamespaced, qualifiedName } from '../api/credential-ref.ts';
import { ANNOTATION, API_VERSION, LABEL } from '../api/names.ts';
import type { CredentialRecord, ObjectRecord } from '../api/records.ts';
import { identityOf, type KubeObject } from '../kube/object.ts';
import type { WatchTarget } from '../kube/watch.ts';
import type { StateSecret } from '../plan/placement/cleanup.ts';
import { path } from './paths.ts';
import { dataWith, textPatch, textUnder } from './secret-text.ts';

/** The Secret in the operator's namespace that keeps the state of one credential over a restart. Its text holds secret values. */
export interface StateRecord extends StateSecret {
  readonly text: string;
}

const KEY = 'state.json';

const PREFIX = 'regcred-state-';

/** The name of the state Secret of the credential with this uid. */
export const stateSecretName = (credentialUid: string): string => `${PREFIX}${credentialUid}`;

/** All state Secrets in the operator's namespace. */
export const stateSecretsTarget = (namespace: string): WatchTarget<StateRecord> => ({
  path: path.secretsIn(namespace),
  labelSelector: `${LABEL.state}=true`,
  read: readStateSecret,
});

/** The state Secrets in every namespace, without their text. An operator keeps them in its own. */
export const allStateSecretsTarget: WatchTarget<StateSecret> = {
  path: path.secrets,
  labelSelector: `${LABEL.state}=true`,
  read: stateIdentityOf,
};

function stateIdentityOf(object: KubeObject): StateSecret {
  const name = object.metadata.annotations?.[ANNOTATION.credential];
  return {
    ...identityOf(object),
    credential: object.metadata.name.slice(PREFIX.length),
    ...(name !== undefined && { ofNamespaced: name }),
  };
}

/** Reads a state Secret with its text, which holds secret values: never log the record. */
export function readStateSecret(object: KubeObject): StateRecord {
  return { ...stateIdentityOf(object), text: textUnder(KEY, object) };
}

/**
 * The state Secret of a credential. The garbage collector deletes it with a cluster-scoped credential. An owner in another namespace counts as
 * deleted, so the state of a namespaced credential has an annotation instead, and the operator deletes it.
 */
export function stateSecret(credential: CredentialRecord, namespace: string, text: string): object {
  const { kind, name, uid } = credential;
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: {
      name: stateSecretName(uid),
      namespace,
      labels: { [LABEL.state]: 'true' },
      ...(isNamespaced(credential)
        ? { annotations: { [ANNOTATION.credential]: qualifiedName(credential) } }
        : { ownerReferences: [{ apiVersion: API_VERSION, kind, name, uid }] }),
    },
    data: dataWith(KEY, text),
  };
}

/** Replaces the text, for exactly the observed version. */
export const statePatch = (stored: ObjectRecord, text: string): object => textPatch(KEY, stored, text);
