import { LABEL } from '../api/names.ts';
import type { ObjectRecord } from '../api/records.ts';
import { identityOf, type KubeObject } from '../kube/object.ts';
import type { WatchTarget } from '../kube/watch.ts';
import { path } from './paths.ts';
import { dataWith, textPatch, textUnder } from './secret-text.ts';

/** The Secret in the operator's namespace that keeps a token of a cloud over a restart. Its text holds secret values. */
export interface StoredToken extends ObjectRecord {
  readonly text: string;
}

const KEY = 'token.json';

/** All token Secrets in the operator's namespace. */
export const tokenSecretsTarget = (namespace: string): WatchTarget<StoredToken> => ({
  path: path.secretsIn(namespace),
  labelSelector: `${LABEL.token}=true`,
  read: readTokenSecret,
});

/** The token Secrets in every namespace, without their text. An operator keeps them in its own. */
export const allTokenSecretsTarget: WatchTarget<ObjectRecord> = {
  path: path.secrets,
  labelSelector: `${LABEL.token}=true`,
  read: identityOf,
};

/** Reads a token Secret with its text, which holds secret values: never log the record. */
export function readTokenSecret(object: KubeObject): StoredToken {
  return { ...identityOf(object), text: textUnder(KEY, object) };
}

/** It has no owner: several credentials may share one token. The operator deletes it when nothing has used it for an hour. */
export const tokenSecret = (name: string, namespace: string, text: string): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'Opaque',
  metadata: { name, namespace, labels: { [LABEL.token]: 'true' } },
  data: dataWith(KEY, text),
});

/** Replaces the text, for exactly the observed version. */
export const tokenPatch = (stored: ObjectRecord, text: string): object => textPatch(KEY, stored, text);
