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
   * - hold: touch nothing (suspended, or deleted under Retain)
   * - remove: take everything back (deleted)
   */
  readonly mode: 'place' | 'hold' | 'remove';
  /** The last good content; undefined as long as there has been none since the start. */
  readonly content: Content | undefined;
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
  };
}

function modeOf({ deleting, spec }: CredentialRecord): Intent['mode'] {
  if (deleting) return spec.deletionPolicy === 'Retain' ? 'hold' : 'remove';
  return spec.suspend ? 'hold' : 'place';
}
