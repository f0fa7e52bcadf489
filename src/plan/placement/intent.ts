import { type CredentialRef, isHome, isNamespaced } from '../../api/credential-ref.ts';
import { FINALIZER } from '../../api/names.ts';
import type { CredentialRecord } from '../../api/records.ts';
import type { RegistryCredentialSpec } from '../../api/types.ts';
import type { Content } from '../content/content.ts';
import type { TargetRules } from '../targets/targets.ts';
import type { Claimant } from './precedence.ts';

/** The desired state of one credential, as far as it does not depend on a namespace. */
export interface Intent extends CredentialRef, TargetRules, Claimant {
  readonly spec: RegistryCredentialSpec;
  readonly secretName: string;
  /**
   * - sync: place the Secret and the references where the spec selects, and remove them everywhere else
   * - suspend: touch nothing
   * - cleanup: remove everything (deleted, or the operator does not serve its kind)
   * - retain: leave everything in place, without the owner reference that would delete it (deleted under Retain)
   */
  readonly mode: 'sync' | 'suspend' | 'cleanup' | 'retain';
  /** The last good content; undefined if the sources have not been valid since the start of the leader term. */
  readonly content: Content | undefined;
  /** Identifies the desired state of the Secrets. It changes when a user changes the spec or a source, not when a Secret drifts. */
  readonly desiredState: string;
}

/** The name of the Secret that the credential places in each target namespace. */
export const secretNameOf = (credential: CredentialRecord): string => credential.spec.secretName ?? credential.name;

/** What else an intent depends on, apart from the credential and its content. */
export interface IntentContext {
  readonly tenant?: TargetRules['tenant'];
  /** True if the operator does not serve the credential, so that nothing of it may be in place (`whyNotServed`). */
  readonly isNotServed?: boolean;
}

/**
 * The intent of a credential.
 *
 * @param content the last good content; undefined if there is none yet
 */
export function intentOf(
  credential: CredentialRecord,
  content: Content | undefined,
  { tenant, isNotServed = false }: IntentContext = {},
): Intent {
  const { kind, namespace, name, uid, createdAt, spec } = credential;
  return {
    kind,
    namespace,
    name,
    uid,
    createdAt,
    spec,
    ...(tenant && { tenant }),
    ...(isConfined(credential) && { isConfined: true }),
    secretName: secretNameOf(credential),
    mode: isNotServed ? 'cleanup' : modeOf(credential),
    content,
    desiredState: JSON.stringify([content?.hash, spec.secretMetadata, spec.deletionPolicy]),
  };
}

/** Whether the credential is being removed from the cluster: it was deleted, or the operator does not serve it. */
export const isEnding = ({ mode }: Pick<Intent, 'mode'>): boolean => mode === 'cleanup' || mode === 'retain';

/** Whether the references in ServiceAccounts stay as they are. */
export const leavesReferencesUnchanged = ({ mode }: Pick<Intent, 'mode'>): boolean => mode === 'suspend' || mode === 'retain';

/** Deleted, and the operator's cleanup is over: its finalizer is gone. The finalizer of another controller may still keep the object. */
export const isFinalized = ({ terminating, finalizers }: CredentialRecord): boolean => terminating && !finalizers.includes(FINALIZER);

/** Whether the credential may be placed in its own namespace only: without a finalizer, nothing elsewhere could be cleaned up. */
const isConfined = (credential: CredentialRecord): boolean => isNamespaced(credential) && !credential.finalizers.includes(FINALIZER);

/** Whether rules that act on objects of others apply in a namespace: for a namespaced credential only in its own. */
export const mayActOnOthersIn = (intent: CredentialRef, namespace: string): boolean => !isNamespaced(intent) || isHome(intent, namespace);

/** Whether the operator currently evicts stuck pods for this credential. */
export const wantsPodRecovery = (credential: Pick<CredentialRecord, 'terminating' | 'spec'>): boolean =>
  modeOf(credential) === 'sync' && credential.spec.podRecovery === 'Recreate';

/**
 * What changed from one intent to the next:
 * - isRotated: a good content was replaced by another one, so the Secrets change
 * - mayChangeReferences: anything else that decides where and how the credential is placed. The Secrets and the references may change
 */
export function changesOf(
  before: Intent | undefined,
  after: Intent,
): { readonly isRotated: boolean; readonly mayChangeReferences: boolean } {
  if (before === undefined) return { isRotated: false, mayChangeReferences: true };
  return {
    isRotated: before.content !== undefined && after.content !== before.content,
    mayChangeReferences: !isSameBesidesContent(before, after) || (before.content === undefined && after.content !== undefined),
  };
}

const isSameBesidesContent = (a: Intent, b: Intent) =>
  a.mode === b.mode &&
  a.isConfined === b.isConfined &&
  a.tenant?.value === b.tenant?.value &&
  JSON.stringify(a.spec) === JSON.stringify(b.spec);

function modeOf({ terminating, spec }: Pick<CredentialRecord, 'terminating' | 'spec'>): Intent['mode'] {
  if (terminating) return spec.deletionPolicy === 'Retain' ? 'retain' : 'cleanup';
  return spec.suspend ? 'suspend' : 'sync';
}
