import { type CredentialRef, isHome, isNamespaced } from '../api/credential-ref.ts';
import { isEnding } from '../plan/placement/intent.ts';
import type { CredentialStates, PlacementKind } from './credential-state.ts';
import type { PlacementState } from './placement-counts.ts';

/** Records the state of a credential in one namespace. Undefined means: nothing is desired there, and nothing is left. */
export type RecordPlacement = (
  credential: CredentialRef,
  kind: PlacementKind,
  namespace: string,
  state: PlacementState | undefined,
) => void;

/** What happens after a placement was recorded. */
export interface OnRecorded {
  /** The status may have changed. */
  readonly changed: (credential: CredentialRef) => void;
  /** A deleted credential has nothing left anywhere, or one of a namespace has nothing left in another: its finalizer may go. */
  readonly cleanedUp: (credential: CredentialRef) => void;
}

/** Makes the function by which the reconcilers of Secrets and ServiceAccounts record the states of placements. */
export function placementRecorder(states: CredentialStates, now: () => number, { changed, cleanedUp }: OnRecorded): RecordPlacement {
  return (credential, kind, namespace, placementState) => {
    const state = states.stateOf(credential);
    if (!state) return;
    if (placementState === undefined && state[kind].get(namespace) !== undefined) state.progressAt = now();
    state[kind].set(namespace, placementState);
    if (placementState) states.noteWorkIn(namespace, credential);
    changed(credential);
    const intent = states.intentOf(credential);
    const isAwayFromHome = isNamespaced(credential) && !isHome(credential, namespace);
    const isDone = intent && isEnding(intent) ? state.isEmpty : isAwayFromHome && placementState === undefined;
    if (isDone) cleanedUp(credential);
  };
}
