/** A text under one key of a Secret: what the operator keeps over a restart. */
import type { ObjectRecord } from '../api/records.ts';
import type { KubeObject } from '../kube/object.ts';

/** Empty if the key is missing. */
export const textUnder = (key: string, object: KubeObject): string => Buffer.from(object.data?.[key] ?? '', 'base64').toString('utf8');

/** The `data` of a Secret that holds the text under this key only. */
export const dataWith = (key: string, text: string): KubeObject['data'] => ({ [key]: Buffer.from(text).toString('base64') });

/** Replaces the text, for exactly the observed version. */
export const textPatch = (key: string, { uid, resourceVersion }: ObjectRecord, text: string): object => ({
  metadata: { uid, resourceVersion },
  data: dataWith(key, text),
});
