import { ANNOTATION } from '../api/names.ts';
import type { AccountRecord, CloudAnnotations } from '../api/records.ts';
import { changedAt, identityOf, isTerminating, type KubeObject } from '../kube/object.ts';
import type { WatchTarget } from '../kube/watch.ts';
import { interned } from './interning.ts';
import { path } from './paths.ts';

/** Every ServiceAccount. */
export const accountsTarget: WatchTarget<AccountRecord> = { path: path.accounts, read: readAccount };

/** Reads from a ServiceAccount what decisions need. */
export function readAccount(object: KubeObject): AccountRecord {
  return {
    ...identityOf(object),
    labels: object.metadata.labels ?? NO_LABELS,
    pullSecrets: interned(object.imagePullSecrets ?? []),
    recorded: interned(recordedNames(object.metadata.annotations?.[ANNOTATION.pullSecrets] ?? '')),
    changedAt: changedAt(object, 'f:imagePullSecrets'),
    terminating: isTerminating(object),
    ...cloudOf(object.metadata.annotations ?? NO_LABELS),
  };
}

const CLOUD_ANNOTATIONS: Readonly<Record<keyof CloudAnnotations, string>> = {
  roleArn: 'eks.amazonaws.com/role-arn',
  serviceAccount: 'iam.gke.io/gcp-service-account',
  tenantId: 'azure.workload.identity/tenant-id',
  clientId: 'azure.workload.identity/client-id',
};

/** Nothing for an account without these annotations, as most are: a cluster has thousands of accounts. */
function cloudOf(annotations: Readonly<Record<string, string>>): { readonly cloud?: CloudAnnotations } {
  const found = Object.entries(CLOUD_ANNOTATIONS).flatMap(([field, name]) =>
    annotations[name] === undefined ? [] : [[field, annotations[name]] as const],
  );
  return found.length === 0 ? {} : { cloud: interned(Object.fromEntries(found)) };
}

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

/** More than anyone needs. Without this limit, an annotation of 256 KiB could fill the operator's memory with one-letter names. */
const MAX_RECORDED_NAMES = 1000;

function recordedNames(text: string): readonly string[] {
  const names = new Set(text.split(',').map((name) => name.trim()));
  names.delete('');
  return [...names].slice(0, MAX_RECORDED_NAMES);
}
