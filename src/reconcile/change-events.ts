/** The Events about what a person changed: the spec of a credential, or the content of its sources. */
import { REASON } from '../api/reasons.ts';
import { changesOf, type Intent, isEnding } from '../plan/placement/intent.ts';
import { formatChangedServers, formatSpecChange } from '../plan/placement/spec-change.ts';
import type { EventText } from '../status/events.ts';

/** What to report of a new intent; undefined if nothing changed, or if the credential was deleted. */
export function changeEvent(before: Intent | undefined, after: Intent): EventText | undefined {
  if (before === undefined || isEnding(after)) return undefined;
  const spec = formatSpecChange(before.spec, after.spec);
  const servers =
    before.content && after.content && changesOf(before, after).isRotated ? formatChangedServers(before.content, after.content) : '';
  const effect =
    after.mode === 'suspend' ? 'The operator writes nothing while spec.suspend is true.' : 'The operator is updating the namespaces.';
  if (spec !== undefined) {
    const entries = servers === '' ? '' : ` The entries for ${servers} changed.`;
    return { type: 'Normal', reason: REASON.specChanged, message: `The spec changed: ${spec}.${entries} ${effect}` };
  }
  if (servers === '' || after.mode === 'suspend') return undefined;
  return { type: 'Normal', reason: REASON.rotated, message: `The content of the sources changed for ${servers}. ${effect}` };
}
