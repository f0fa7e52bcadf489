import { FINALIZER } from '../api/names.ts';
import type { CredentialRecord } from '../api/records.ts';
import type { RegistryCredentialSpec } from '../api/types.ts';
import type { Content } from './resolve.ts';

/** What one RegistryCredential wants of the cluster at present. */
export interface Intent {
  readonly name: string;
  readonly uid: string;
  readonly spec: RegistryCredentialSpec;
  readonly secretName: string;
  /**
   * - place: put the Secret and the references where they are wanted, and take them back elsewhere
   * - hold: touch nothing (suspended)
   * - remove: take everything back (deleted)
   * - release: leave everything where it is, with no owner whose end would take it along (deleted under Retain)
   */
  readonly mode: 'place' | 'hold' | 'remove' | 'release';
  /** The last good content; undefined as long as there has been none since the start. */
  readonly content: Content | undefined;
  /** All that the Secrets are made of: it changes when one who was asked to changed them, and not when somebody else did. */
  readonly version: string;
}

export const secretNameOf = (credential: CredentialRecord) => credential.spec.secretName ?? credential.name;

export function intentOf(credential: CredentialRecord, content: Content | undefined): Intent {
  return {
    name: credential.name,
    uid: credential.uid,
    spec: credential.spec,
    secretName: secretNameOf(credential),
    mode: modeOf(credential),
    content,
    version: JSON.stringify([content?.hash, credential.spec.secretMetadata, credential.spec.deletionPolicy]),
  };
}

/** Of a credential that was deleted. */
export const isEnding = ({ mode }: Pick<Intent, 'mode'>) => mode === 'remove' || mode === 'release';

/** Whose references in accounts stay as they are. */
export const leavesAccounts = ({ mode }: Pick<Intent, 'mode'>) => mode === 'hold' || mode === 'release';

/** Another finalizer may keep the object alive; for us it is gone. */
export const isGone = ({ deleting, finalizers }: CredentialRecord) => deleting && !finalizers.includes(FINALIZER);

/** Whether its stuck pods are looked after at present. */
export const asksForRecovery = (credential: Pick<CredentialRecord, 'deleting' | 'spec'>) =>
  modeOf(credential) === 'place' && credential.spec.podRecovery === 'Recreate';

function modeOf({ deleting, spec }: Pick<CredentialRecord, 'deleting' | 'spec'>): Intent['mode'] {
  if (deleting) return spec.deletionPolicy === 'Retain' ? 'release' : 'remove';
  return spec.suspend ? 'hold' : 'place';
}
