import { KIND, NAMESPACED_KIND } from './names.ts';

export type CredentialKind = typeof KIND | typeof NAMESPACED_KIND;

/** Which credential: its kind, its namespace ('' for a cluster-scoped kind) and its name. Records and intents have these fields too. */
export interface CredentialRef {
  readonly kind: CredentialKind;
  readonly namespace: string;
  readonly name: string;
}

/** Only the fields that identify the credential. */
export const refOf = ({ kind, namespace, name }: CredentialRef): CredentialRef => ({ kind, namespace, name });

/** The text under which maps and queues file a credential. No part of it can contain a space. */
export const credentialId = ({ kind, namespace, name }: CredentialRef): string => `${kind} ${namespace}/${name}`;

/** `acme`, or `team-a/acme` for a namespaced kind: how logs, metrics and annotations name a credential. */
export const qualifiedName = ({ namespace, name }: Omit<CredentialRef, 'kind'>): string =>
  namespace === '' ? name : `${namespace}/${name}`;

/** The reverse of `qualifiedName`. */
export function parseQualifiedName(qualified: string): CredentialRef {
  const slash = qualified.indexOf('/');
  if (slash < 0) return { kind: KIND, namespace: '', name: qualified };
  return { kind: NAMESPACED_KIND, namespace: qualified.slice(0, slash), name: qualified.slice(slash + 1) };
}

/** Whether the credential belongs to a namespace: its tenants may write it. */
export const isNamespaced = ({ kind }: Pick<CredentialRef, 'kind'>): boolean => kind === NAMESPACED_KIND;

/** Whether the namespace is the credential's own. A cluster-scoped credential has none. */
export const isHome = ({ kind, namespace }: Omit<CredentialRef, 'name'>, name: string): boolean =>
  isNamespaced({ kind }) && namespace === name;

/** `RegistryCredential acme`, or `NamespacedRegistryCredential team-a/acme`: how a sentence names a credential. */
export const formatCredential = (credential: CredentialRef): string => `${credential.kind} ${qualifiedName(credential)}`;
