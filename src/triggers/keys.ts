/** What can be worked on. Each kind has one reconciler, which never learns why it was called. */
export type Key =
  | { readonly kind: 'credential'; readonly name: string }
  /** The Secret of one credential in one namespace. */
  | { readonly kind: 'secret'; readonly credential: string; readonly namespace: string }
  /** The references in all ServiceAccounts of one namespace. */
  | { readonly kind: 'accounts'; readonly namespace: string };

export function idOf(key: Key): string {
  switch (key.kind) {
    case 'credential':
      return `credential ${key.name}`;
    case 'secret':
      return `secret ${key.credential} ${key.namespace}`;
    case 'accounts':
      return `accounts ${key.namespace}`;
    default:
      return key satisfies never;
  }
}
