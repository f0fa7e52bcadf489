import { API_VERSION, MANAGER } from '../api/names.ts';
import type { Reason } from '../api/reasons.ts';
import type { CredentialRecord, ObjectRecord } from '../api/records.ts';

/** Events on cluster-scoped objects must be in this namespace (ValidateEvent in k8s.io/kubernetes/pkg/apis/core/validation). */
const CLUSTER_EVENTS_NAMESPACE = 'default';

const MAX_EVENT_LENGTH = 1024;

/** What an Event reports. The message is cut at 1024 characters. */
export interface EventText {
  readonly type: 'Normal' | 'Warning';
  readonly reason: Reason;
  readonly message: string;
}

/** An object as an Event refers to it. */
export interface ObjectReference extends Omit<ObjectRecord, 'namespace'> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
}

/** How an Event refers to an object. */
export function referenceTo(apiVersion: string, kind: string, { namespace, name, uid, resourceVersion }: ObjectRecord): ObjectReference {
  return { apiVersion, kind, ...(namespace !== '' && { namespace }), name, uid, resourceVersion };
}

/** How an Event refers to a credential of either kind. */
export const referenceToCredential = (credential: CredentialRecord): ObjectReference =>
  referenceTo(API_VERSION, credential.kind, credential);

/** An Event on an object, and the namespace to create it in. */
export function eventOn(involved: ObjectReference, { type, reason, message }: EventText, now: Date, related?: ObjectReference) {
  const namespace = involved.namespace ?? CLUSTER_EVENTS_NAMESPACE;
  const time = now.toISOString().replace(/\.\d+Z$/, 'Z');
  const body = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { generateName: `${involved.name}.`, namespace },
    involvedObject: involved,
    ...(related && { related }),
    type,
    reason,
    message: message.slice(0, MAX_EVENT_LENGTH),
    source: { component: MANAGER },
    reportingComponent: MANAGER,
    reportingInstance: MANAGER,
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
  return { namespace, body };
}
