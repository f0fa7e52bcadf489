/** Which RegistryCredential should let a pod pull an image, and the first reason why it does not. */
import { formatCredential } from '../../api/credential-ref.ts';
import { ANNOTATION, LABEL } from '../../api/names.ts';
import type { CredentialRecord } from '../../api/records.ts';
import { canonicalServer, namesOf } from '../../plan/content/server.ts';
import type { Image } from '../../plan/matching/image.ts';
import { matchingEntries } from '../../plan/matching/keyring.ts';
import { secretNameOf } from '../../plan/placement/intent.ts';
import { readPullSecret } from '../../plan/pods/pull-secret.ts';
import { explainObserved } from '../../plan/targets/targets.ts';
import { editCommand } from '../credential-name.ts';
import { explainByStatus, type WhyNot } from './explain-by-status.ts';
import type { Pod, Surroundings } from './observed.ts';
import { placedSecretOf } from './placed-secret.ts';
import { whyNotNamed } from './why-not-named.ts';

/** Whether a credential has an entry for the image, as far as is known: the servers of `dockerConfigs` are only visible in its placed Secret. */
export function hasEntryFor(credential: CredentialRecord, image: Image, { secrets }: Surroundings): boolean {
  const servers = (credential.spec.registries ?? []).map(({ server }) => canonicalServer(server));
  const entries = servers.flatMap((server) => namesOf(server, servers)).map((server) => [server, undefined] as const);
  if (matchingEntries(entries, image).length > 0) return true;
  const placed = placedSecretOf(credential, secrets);
  return placed !== undefined && matchingEntries(readPullSecret(placed).entries, image).length > 0;
}

/** The first thing that keeps a credential from helping the pod; undefined if there is none. */
export const whyNot = (credential: CredentialRecord, pod: Pod, surroundings: Surroundings): WhyNot | undefined =>
  whyNotSelected(credential, pod.namespace, surroundings) ??
  whyNotPlaced(credential, pod.namespace, surroundings) ??
  whyNotNamed(credential, pod, surroundings);

/** Its spec does not select this namespace, or the operator does not sync it at present. */
export function whyNotSelected(credential: CredentialRecord, where: string, { namespace, secrets }: Surroundings): WhyNot | undefined {
  const { terminating, spec } = credential;
  const subject = formatCredential(credential);
  if (terminating)
    return {
      reason: 'Deleting',
      message: `${subject} is being deleted.`,
      fix: 'Create it again after that, or add this registry to another RegistryCredential.',
    };
  if (spec.suspend)
    return { reason: 'Suspended', message: `${subject} is suspended.`, fix: `Set its spec.suspend to false: ${editCommand(credential)}` };
  if (namespace.state !== 'found') return undefined;
  const verdict = explainObserved(credential, namespace.value, placedSecretOf(credential, secrets) !== undefined);
  switch (verdict) {
    case 'selected':
      return undefined;
    case 'terminating':
      return {
        reason: 'NamespaceTerminating',
        message: `Namespace ${where} is being deleted, so the operator puts nothing into it.`,
        fix: 'Use another namespace, or create this one again after the deletion.',
      };
    case 'opted-out':
      return {
        reason: 'NamespaceOptedOut',
        message: `Namespace ${where} has the label ${LABEL.exclude}: "true", so ${subject} does not select it.`,
        fix: `kubectl label namespace ${where} ${LABEL.exclude}-`,
      };
    case 'excluded':
      return {
        reason: 'NamespaceExcluded',
        message: `${subject} does not select namespace ${where}: spec.namespaces.exclude matches it.`,
        fix: `Remove it from spec.namespaces.exclude: ${editCommand(credential)}`,
      };
    case 'not-matched':
      return {
        reason: 'NamespaceNotMatched',
        message: `${subject} does not select namespace ${where}: no entry of spec.namespaces.names and no spec.namespaces.selector matches it.`,
        fix: spec.namespaces.selector
          ? `Add ${where} to spec.namespaces.names (${editCommand(credential)}), or add the labels to the namespace that the selector requires.`
          : `Add ${where} to spec.namespaces.names: ${editCommand(credential)}`,
      };
    case 'not-accepted':
      return {
        reason: 'NamespaceNotAccepting',
        message: `Namespace ${where} does not accept credentials from namespace ${credential.namespace}, as far as its annotation ${ANNOTATION.acceptFrom} says.`,
        fix: `If it should, ask an administrator to add ${credential.namespace} to that annotation: kubectl annotate namespace ${where} ${ANNOTATION.acceptFrom}=${credential.namespace}`,
      };
    default:
      return verdict satisfies never;
  }
}

/** Its spec selects this namespace, but its Secret is missing, or another Secret has that name. */
export function whyNotPlaced(credential: CredentialRecord, namespace: string, { secrets }: Surroundings): WhyNot | undefined {
  const name = secretNameOf(credential);
  const secret = secrets.get(name);
  if (secret === undefined || secret.state === 'forbidden') return undefined;
  if (placedSecretOf(credential, secrets)) return undefined;
  const problem = secret.state === 'missing' ? 'has not created its Secret' : 'does not own the Secret';
  return explainByStatus(
    credential,
    { kind: 'Secret', namespace, name },
    `${formatCredential(credential)} ${problem} ${namespace}/${name}`,
    'NotPlaced',
  );
}
