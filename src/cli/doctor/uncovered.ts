/** What to report if no entry of a pod's pull secrets matches an image: which RegistryCredential should provide one? */
import { formatCredential } from '../../api/credential-ref.ts';
import type { CredentialRecord } from '../../api/records.ts';
import { formatServer } from '../../plan/content/format-server.ts';
import type { Image } from '../../plan/matching/image.ts';
import { secretNameOf } from '../../plan/placement/intent.ts';
import { seeStatus } from '../credential-name.ts';
import { findNearMiss } from './entries.ts';
import { askForRight, type Pod, rightToSeeAll, type Step, type Surroundings } from './observed.ts';
import { hasEntryFor, whyNot, whyNotSelected } from './why-not.ts';

const MAX_SERVERS = 10;

/**
 * The step about an image for which no entry matches.
 *
 * @param written the image as the pod has it
 * @param isPulled the image could be pulled, so credentials are not needed
 */
export function uncoveredStep(
  { written, image, isPulled }: { readonly written: string; readonly image: Image; readonly isPulled: boolean },
  pod: Pod,
  surroundings: Surroundings,
): Step {
  const none = `For ${written} no entry of the pod's pull secrets matches, so the kubelet asks without credentials, unless its node has some`;
  if (isPulled) return { check: 'Entries', mark: 'note', reason: 'NotNeeded', message: `${none}. That is enough for this image.` };
  const near = findNearMiss(image, pod, surroundings);
  if (near) return { check: 'Entries', mark: 'wrong', reason: 'ServerNotFound', message: `${none}. ${near.message}`, fix: near.fix };
  const { credentials } = surroundings;
  const all = credentials.state === 'found' ? credentials.value : [];
  const candidates = all.filter((credential) => hasEntryFor(credential, image, surroundings));
  // A credential that selects this namespace is the closest to working.
  const best = candidates.find((credential) => !whyNotSelected(credential, pod.namespace, surroundings)) ?? candidates[0];
  if (best) return candidateStep(none, best, pod, surroundings);
  const right = rightToSeeAll(credentials);
  if (right !== undefined)
    return {
      check: 'Credential',
      mark: 'unseen',
      reason: 'Forbidden',
      message: `${none}. You may not list RegistryCredentials, so doctor cannot tell whether one covers this image.`,
      fix: `Missing right: ${right}. Ask a person who has it. If the image is public, nothing is missing.`,
    };
  return {
    check: 'Credential',
    mark: 'unseen',
    reason: 'NotCovered',
    message: `${none}. ${formatCovered(all, credentials.state === 'missing')}.`,
    fix: `If the image is public, nothing is missing: --pull asks the registry. If it is not, create a credential: kubectl regcred create NAME --server ${image.host.toLowerCase()} --username … --password-stdin | kubectl apply -f -${inLowerCase(image)}`,
  };
}

/** The kubelet compares names exactly, and a server of spec.registries is in lower case. */
const inLowerCase = ({ host }: Image): string =>
  host === host.toLowerCase() ? '' : `. Also write the registry in lower case in the image name: ${host.toLowerCase()}`;

/** Why the credential that covers the image does not help. */
function candidateStep(none: string, credential: CredentialRecord, pod: Pod, surroundings: Surroundings): Step {
  const why = whyNot(credential, pod, surroundings);
  if (why) return { check: 'Credential', mark: 'wrong', reason: why.reason, message: `${none}. ${why.message}`, fix: why.fix };
  if (surroundings.account.state === 'forbidden' && !pod.pullSecrets.includes(secretNameOf(credential)))
    return {
      check: 'Credential',
      mark: 'unseen',
      reason: 'Forbidden',
      message: `${none}. ${formatCredential(credential)} covers it. Why the pod does not name its Secret is unknown: the ServiceAccount cannot be read.`,
      fix: askForRight(surroundings.account),
    };
  if (surroundings.account.state === 'missing' && !pod.pullSecrets.includes(secretNameOf(credential)))
    return {
      check: 'Credential',
      mark: 'unseen',
      reason: 'AccountMissing',
      message: `${none}. ${formatCredential(credential)} covers it. Whether the pod names its Secret is unknown until its ServiceAccount exists.`,
    };
  return {
    check: 'Credential',
    mark: 'wrong',
    reason: 'NotPlaced',
    message: `${none}. ${formatCredential(credential)} should cover it, but its placed Secret has no such entry.`,
    fix: seeStatus(credential),
  };
}

function formatCovered(all: readonly CredentialRecord[], isMissing: boolean): string {
  if (isMissing) return 'regcred is not installed on this cluster';
  const servers = [...new Set(all.flatMap(({ spec }) => (spec.registries ?? []).map(({ server }) => formatServer(server))))];
  if (servers.length === 0) return 'No RegistryCredential names a registry that covers it';
  const more = servers.length > MAX_SERVERS ? ' and others' : '';
  return `No RegistryCredential covers it. There are RegistryCredentials for ${servers.slice(0, MAX_SERVERS).join(', ')}${more}`;
}
