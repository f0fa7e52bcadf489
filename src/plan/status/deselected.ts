import { type CredentialRef, isHome, isNamespaced } from '../../api/credential-ref.ts';
import type { RegistryCredentialSpec } from '../../api/types.ts';
import { formatCount } from './condition.ts';

/** The message of the Event on namespaces where the operator removed the Secret. A tenant reads only the names that its spec has. */
export function formatDeselected(
  credential: CredentialRef & { readonly spec: RegistryCredentialSpec },
  namespaces: readonly string[],
): string {
  const { names = [] } = credential.spec.namespaces;
  const isNameable = (name: string) => !isNamespaced(credential) || isHome(credential, name) || names.includes(name);
  const nameable = namespaces.filter(isNameable);
  const shown = nameable.slice(0, 10);
  const more = namespaces.length - shown.length;
  const named = [...shown, ...(more > 0 ? [shown.length > 0 ? `${more} more` : formatCount(more, 'namespace', 'namespaces')] : [])];
  const list = named.length > 1 && more > 0 ? `${named.slice(0, -1).join(', ')} and ${named.at(-1)}` : named.join(', ');
  const causes = isNamespaced(credential)
    ? 'spec.namespaces, the acceptance by the namespace, its labels or its opt-out label changed'
    : "spec.namespaces, the namespace's labels or its opt-out label changed";
  return `${credential.kind} ${credential.name} no longer selects ${list} (${causes}). The operator removed the Secret and the references there.`;
}
