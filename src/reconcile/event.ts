import { API_VERSION, KIND, MANAGER } from '../api/names.ts';
import type { Reason } from '../api/reasons.ts';
import type { ObjectRecord } from '../api/records.ts';

/** Events of cluster-scoped objects live there (ValidateEvent in k8s.io/kubernetes/pkg/apis/core/validation). */
const EVENTS_NAMESPACE = 'default';

const LONGEST_EVENT = 1024;

export interface Told {
  readonly type: 'Normal' | 'Warning';
  readonly reason: Reason;
  readonly message: string;
}

/** An object as an Event refers to it. */
export function referenceTo(apiVersion: string, kind: string, { namespace, name, uid, resourceVersion }: ObjectRecord) {
  return { apiVersion, kind, ...(namespace !== '' && { namespace }), name, uid, resourceVersion };
}

export const referenceToCredential = (credential: ObjectRecord) => referenceTo(API_VERSION, KIND, credential);

/** An Event on an object, and the namespace to write it to. */
export function eventOn(involved: ReturnType<typeof referenceTo>, { type, reason, message }: Told, now: Date, related?: typeof involved) {
  const namespace = involved.namespace ?? EVENTS_NAMESPACE;
  const time = now.toISOString().replace(/\.\d+Z$/, 'Z');
  const body = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { generateName: `${involved.name}.`, namespace },
    involvedObject: involved,
    ...(related && { related }),
    type,
    reason,
    message: message.slice(0, LONGEST_EVENT),
    source: { component: MANAGER },
    reportingComponent: MANAGER,
    reportingInstance: MANAGER,
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
  return { namespace, body };
}
