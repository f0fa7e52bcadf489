/** The steps about a pod. They depend on the observation alone. */
import { formatCredential } from '../../api/credential-ref.ts';
import { ANNOTATION } from '../../api/names.ts';
import type { CredentialRecord } from '../../api/records.ts';
import { formatImage, parseImage } from '../../plan/matching/image.ts';
import { secretNameOf } from '../../plan/placement/intent.ts';
import { readPullSecret } from '../../plan/pods/pull-secret.ts';
import { formatPlaceToFix } from './entries.ts';
import { type Diagnosis, imageSteps } from './image.ts';
import { askForRight, type Pod, rightToSeeAll, type Secret, type Step, type Surroundings } from './observed.ts';
import { originOf } from './pull-secret-origin.ts';
import { whyNot } from './why-not.ts';

/** The steps about a pod: its images, its ServiceAccount, its pull secrets, and whether the kubelet gets each image with them. */
export function examine(diagnosis: Diagnosis): Step[] {
  const { pod, surroundings } = diagnosis;
  const images = [...new Set(pod.containers.map(({ image }) => image))];
  // Nothing else can be decided, least of all which RegistryCredential selects it.
  if (surroundings.namespace.state === 'missing') return [...images.map((image) => imageStep(image, pod)), missingNamespaceStep(pod)];
  return [
    ...images.map((image) => imageStep(image, pod)),
    ...podAccountSteps(pod, surroundings),
    listStep(pod, surroundings),
    ...pod.pullSecrets.flatMap((name) => secretSteps(name, pod, surroundings)),
    ...images.flatMap((image) => imageSteps(image, diagnosis)),
  ];
}

function imageStep(written: string, pod: Pod): Step {
  const names = pod.containers.flatMap(({ name, image }) => (image === written && name) || []);
  const containers = names.length > 0 ? ` (${names.join(', ')})` : '';
  const image = parseImage(written);
  if (image === undefined) {
    const message = `${JSON.stringify(written)}${containers} is not a valid image name.`;
    const fix = 'Write [HOST[:PORT]/]PATH[:TAG][@DIGEST], without https:// and with the path in lower case: ghcr.io/acme/app:1.';
    return { check: 'Image', mark: 'wrong', reason: 'InvalidImageName', message, fix };
  }
  const { host, path } = image;
  const completed = formatImage(image) === written ? '' : `, which means ${formatImage(image)}`;
  const registry = host === 'docker.io' ? 'Docker Hub (docker.io)' : host;
  return { check: 'Image', mark: 'ok', reason: 'Parsed', message: `${written}${containers}${completed}: ${path} at ${registry}.` };
}

function missingNamespaceStep({ namespace }: Pod): Step {
  const message = `Namespace ${namespace} does not exist, so nothing else can be checked.`;
  const fix = 'Correct the name, or create the namespace. Its name and labels decide which RegistryCredentials select it.';
  return { check: 'Namespace', mark: 'wrong', reason: 'NamespaceMissing', message, fix };
}

function podAccountSteps(pod: Pod, { account }: Surroundings): Step[] {
  if (pod.existing?.isStatic || account.state === 'found') return [];
  const name = `ServiceAccount ${pod.namespace}/${pod.account}`;
  if (account.state === 'forbidden') {
    // The names in the pod are known without it.
    const mark = pod.existing || pod.pullSecrets.length > 0 ? 'note' : 'unseen';
    return [{ check: 'Account', mark, reason: 'Forbidden', message: `${name} cannot be read.`, fix: `Missing right: ${account.right}.` }];
  }
  const fix = 'Create it, or correct serviceAccountName: Kubernetes admits no pod without its ServiceAccount.';
  return [{ check: 'Account', mark: 'wrong', reason: 'AccountMissing', message: `${name} does not exist.`, fix }];
}

function listStep(pod: Pod, surroundings: Surroundings): Step {
  if (pod.pullSecrets.length === 0) {
    const message = pod.existing ? 'The pod names no pull secret.' : 'A new pod would have no pull secret.';
    return { check: 'PullSecrets', mark: 'note', reason: 'None', message };
  }
  const subject = pod.existing ? 'The pod names' : 'A new pod would name';
  const names = pod.pullSecrets.map((name) => `${name} (${formatOrigin(name, pod, surroundings)})`);
  return { check: 'PullSecrets', mark: 'ok', reason: 'Named', message: `${subject} ${names.join(', ')}.` };
}

function formatOrigin(name: string, pod: Pod, surroundings: Surroundings): string {
  const origin = originOf(name, pod, surroundings);
  const owner = ownerOf(name, surroundings);
  switch (origin) {
    case 'account': {
      const isRecorded = surroundings.account.state === 'found' && surroundings.account.value.recorded.includes(name);
      const by = isRecorded
        ? `added by ${owner ? formatCredential(owner) : unknownOwner(surroundings)}`
        : `added by another controller or user: ${ANNOTATION.pullSecrets} does not record it`;
      return `from ServiceAccount ${pod.account}, ${by}`;
    }
    case 'policy':
      return `from the admission policy, for ${owner ? formatCredential(owner) : unknownOwner(surroundings)}`;
    case 'written':
      return `from ${placeOf(pod)}`;
    case 'formerly-account-or-policy':
      return `added when the pod was created, by ServiceAccount ${pod.account} or an admission policy, neither of which has the name now`;
    case 'formerly-policy':
      return "added when the pod was created, by an admission policy or webhook: a ServiceAccount adds nothing to a pod's own list";
    case 'unknown':
      return pod.written === undefined ? "from the pod's own spec, or added when it was created" : 'of unknown origin: a right is missing';
    default:
      return origin satisfies never;
  }
}

const unknownOwner = ({ credentials }: Surroundings): string =>
  rightToSeeAll(credentials) === undefined ? 'a deleted credential' : 'a credential that you may not list';

/** The credential whose Secrets have this name. */
const ownerOf = (name: string, { credentials }: Surroundings): CredentialRecord | undefined =>
  credentials.state === 'found' ? credentials.value.find((credential) => secretNameOf(credential) === name) : undefined;

function secretSteps(name: string, pod: Pod, surroundings: Surroundings): Step[] {
  const secret = surroundings.secrets.get(name);
  if (secret === undefined || secret.state === 'missing') return [missingSecretStep(name, pod, surroundings)];
  if (secret.state === 'found') return foundSecretSteps(secret.value, surroundings);
  const message = `Secret ${pod.namespace}/${name} cannot be read.`;
  const fix = askForRight(secret);
  return [{ check: 'Secret', mark: 'unseen', reason: 'Forbidden', message, fix }];
}

function missingSecretStep(name: string, pod: Pod, surroundings: Surroundings): Step {
  const owner = ownerOf(name, surroundings);
  const why = owner && whyNot(owner, pod, surroundings);
  const isUnowned =
    owner === undefined && surroundings.credentials.state === 'found' && rightToSeeAll(surroundings.credentials) === undefined;
  const reason = why ? ` ${why.message}` : isUnowned ? ' No RegistryCredential creates a Secret of this name.' : '';
  return {
    check: 'Secret',
    mark: 'wrong',
    reason: why?.reason ?? 'SecretMissing',
    message: `Secret ${pod.namespace}/${name} does not exist. The kubelet ignores the name until the Secret exists.${reason}`,
    fix: why?.fix ?? `Create it, or ${withoutName(name, pod, surroundings)}.`,
  };
}

/** How to get a pod without this name. The list of an existing pod cannot change. */
function withoutName(name: string, pod: Pod, surroundings: Surroundings): string {
  const origin = originOf(name, pod, surroundings);
  const { existing } = pod;
  const list = origin === 'account' ? `imagePullSecrets of ServiceAccount ${pod.account}` : `imagePullSecrets of ${placeOf(pod)}`;
  if (!existing) return `remove ${name} from ${list}`;
  const isWritten = origin === 'account' || origin === 'written' || origin === 'unknown';
  const removal = isWritten ? `remove ${name} from ${list}, and then delete the pod` : 'delete the pod';
  const next = existing.owner ? `${existing.owner} re-creates it without the name` : 'Then create it again, because no controller does';
  return `${removal}: the list of an existing pod cannot change. ${next}`;
}

/** Where the names that were written for a pod are. */
function placeOf({ existing }: Pod): string {
  if (!existing) return 'the template';
  if (!existing.owner) return "the pod's own spec";
  return `the template of ${existing.owner}${existing.owner.startsWith('ReplicaSet ') ? ', which its Deployment writes' : ''}`;
}

function foundSecretSteps(secret: Secret, surroundings: Surroundings): Step[] {
  const { entries, problems } = readPullSecret(secret);
  if (problems.length === 0) {
    const message = `Secret ${secret.namespace}/${secret.name} is valid: ${secret.type}, with ${entries.length === 1 ? 'one entry' : `${entries.length} entries`}.`;
    return [{ check: 'Secret', mark: 'ok', reason: 'Valid', message }];
  }
  const fix = `Fix it in ${formatPlaceToFix(secret, undefined, surroundings)}.`;
  return problems.map(({ reason, message }) => ({ check: 'Secret', mark: 'wrong', reason, message, fix }));
}
