import { type CredentialRef, credentialId } from '../api/credential-ref.ts';

/** A unit of work. Each kind has one reconciler. The key does not say why the reconciler is called. */
export type Key =
  | { readonly kind: 'credential'; readonly credential: CredentialRef }
  /** The Secret of one credential in one namespace. */
  | { readonly kind: 'secret'; readonly credential: CredentialRef; readonly namespace: string }
  /** The references in all ServiceAccounts of one namespace. */
  | { readonly kind: 'accounts'; readonly namespace: string }
  /** The Secret in which the operator keeps the state of one credential. */
  | { readonly kind: 'state'; readonly credential: CredentialRef }
  /** A token of a cloud, by the name of the Secret that keeps it. */
  | { readonly kind: 'token'; readonly name: string }
  /** What the policy for new pods reads. There is only one. */
  | { readonly kind: 'rules' }
  /** A pod that waits for an image, where some credential has podRecovery. */
  | { readonly kind: 'pod'; readonly namespace: string; readonly name: string };

export type KeyOf<K extends Key['kind']> = Extract<Key, { readonly kind: K }>;

/** Equal for equal keys. */
export function idOf(key: Key): string {
  switch (key.kind) {
    case 'credential':
      return `credential ${credentialId(key.credential)}`;
    case 'secret':
      return `secret ${credentialId(key.credential)} ${key.namespace}`;
    case 'accounts':
      return `accounts ${key.namespace}`;
    case 'state':
      return `state ${credentialId(key.credential)}`;
    case 'token':
      return `token ${key.name}`;
    case 'rules':
      return 'rules';
    case 'pod':
      return `pod ${key.namespace} ${key.name}`;
    default:
      return key satisfies never;
  }
}

/**
 * Keys of one namespace form one group, because an admission webhook usually applies to a namespace. Keys of credentials have no group: they
 * are slow only because of a large fan-out.
 */
export const groupOf = (key: Key): string | undefined => ('namespace' in key ? key.namespace : undefined);
