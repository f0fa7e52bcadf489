/** What can be worked on. Each kind has one reconciler, which never learns why it was called. */
export type Key =
  | { readonly kind: 'credential'; readonly name: string }
  /** The Secret of one credential in one namespace. */
  | { readonly kind: 'secret'; readonly credential: string; readonly namespace: string }
  /** The references in all ServiceAccounts of one namespace. */
  | { readonly kind: 'accounts'; readonly namespace: string }
  /** A pod that waits for an image, where some credential asks that such pods be looked after. */
  | { readonly kind: 'pod'; readonly namespace: string; readonly name: string };

export function idOf(key: Key): string {
  switch (key.kind) {
    case 'credential':
      return `credential ${key.name}`;
    case 'secret':
      return `secret ${key.credential} ${key.namespace}`;
    case 'accounts':
      return `accounts ${key.namespace}`;
    case 'pod':
      return `pod ${key.namespace} ${key.name}`;
    default:
      return key satisfies never;
  }
}
