import { qualifiedName } from '../../api/credential-ref.ts';
import type { CredentialRecord } from '../../api/records.ts';
import { secretNameOf } from '../../plan/placement/intent.ts';
import type { Secret, Surroundings } from './observed.ts';

/** The Secret that the operator has placed for a credential; undefined if there is none, or if it cannot be read. */
export function placedSecretOf(credential: CredentialRecord, secrets: Surroundings['secrets']): Secret | undefined {
  const secret = secrets.get(secretNameOf(credential));
  return secret?.state === 'found' && isSecretOf(credential, secret.value) ? secret.value : undefined;
}

/** By uid, or by name: a re-created credential takes over the Secrets of the earlier one. */
const isSecretOf = (credential: CredentialRecord, secret: Secret): boolean =>
  secret.credential !== undefined && (secret.credential.uid === credential.uid || secret.credential.name === qualifiedName(credential));
