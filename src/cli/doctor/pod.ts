/** What is to be said of a pod: decided of what was looked at, and nothing else. */
import { ANNOTATION } from '../../api/names.ts';
import { parseImage, sayImage } from '../../plan/image.ts';
import { secretNameOf } from '../../plan/intent.ts';
import { readPullSecret } from '../../plan/pull-secret.ts';
import { originOf, whyNot } from './cover.ts';
import { type Diagnosis, imageSteps, sourceOf } from './image.ts';
import type { Pod, Step, Surroundings } from './observed.ts';

export function examine(diagnosis: Diagnosis): Step[] {
  const { pod, around } = diagnosis;
  const images = [...new Set(pod.containers.map(({ image }) => image))];
  return [
    ...images.map((image) => imageStep(image, pod)),
    ...accountSteps(diagnosis),
    listStep(pod, around),
    ...pod.pullSecrets.flatMap((name) => secretSteps(name, pod, around)),
    ...images.flatMap((image) => imageSteps(image, diagnosis)),
  ];
}

function imageStep(written: string, pod: Pod): Step {
  const names = pod.containers.flatMap(({ name, image }) => (image === written && name) || []);
  const within = names.length > 0 ? ` (${names.join(', ')})` : '';
  const image = parseImage(written);
  if (image === undefined) {
    const message = `${JSON.stringify(written)}${within} is not the name of an image.`;
    const mend = 'It must be [HOST[:PORT]/]PATH[:TAG][@DIGEST], without https://, and the path in lower case: ghcr.io/acme/app:1.';
    return { check: 'Image', mark: 'wrong', reason: 'InvalidImageName', message, mend };
  }
  const { host, path } = image;
  const meant = sayImage(image) === written ? '' : `, which means ${sayImage(image)}`;
  const where = host === 'docker.io' ? 'Docker Hub (docker.io)' : host;
  return { check: 'Image', mark: 'ok', reason: 'Parsed', message: `${written}${within}${meant}: ${path} at ${where}.` };
}

function accountSteps({ pod, around: { account, namespace } }: Diagnosis): Step[] {
  if (namespace.state === 'missing') {
    const mend = 'Create it. Which RegistryCredentials are meant for it follows from its name and labels.';
    return [{ check: 'Namespace', mark: 'wrong', reason: 'NamespaceMissing', message: `Namespace ${pod.namespace} does not exist.`, mend }];
  }
  if (pod.made?.isStatic || account.state === 'there') return [];
  const name = `ServiceAccount ${pod.namespace}/${pod.account}`;
  if (account.state === 'forbidden') {
    const mend = `Missing right: ${account.right}.`;
    const own = pod.made || pod.pullSecrets.length > 0;
    return [{ check: 'Account', mark: own ? 'note' : 'unseen', reason: 'Forbidden', message: `${name} cannot be read.`, mend }];
  }
  const mend = 'Create it, or correct serviceAccountName: without it no pod is admitted.';
  return [{ check: 'Account', mark: 'wrong', reason: 'AccountMissing', message: `${name} does not exist.`, mend }];
}

function listStep(pod: Pod, around: Surroundings): Step {
  const subject = pod.made ? 'The pod names' : 'A pod of it would name';
  if (pod.pullSecrets.length === 0) return { check: 'PullSecrets', mark: 'note', reason: 'None', message: `${subject} no pull secret.` };
  const named = pod.pullSecrets.map((name) => `${name} (${sayOrigin(name, pod, around)})`);
  return { check: 'PullSecrets', mark: 'ok', reason: 'Named', message: `${subject} ${named.join(', ')}.` };
}

function sayOrigin(name: string, pod: Pod, around: Surroundings): string {
  const origin = originOf(name, pod, around);
  const owner = around.credentials.state === 'there' ? around.credentials.value.find((one) => secretNameOf(one) === name) : undefined;
  switch (origin) {
    case 'account': {
      const ours = around.account.state === 'there' && around.account.value.recorded.includes(name);
      const by = ours
        ? `put there by RegistryCredential ${owner?.name ?? '(gone)'}`
        : `put there by somebody else, as ${ANNOTATION.pullSecrets} does not record it`;
      return `from ServiceAccount ${pod.account}, ${by}`;
    }
    case 'policy':
      return `from the admission policy, for RegistryCredential ${owner?.name}`;
    case 'pod':
      return "from the pod's own spec or template";
    case 'unknown':
      return 'from where cannot be seen';
    default:
      return origin satisfies never;
  }
}

function secretSteps(name: string, pod: Pod, around: Surroundings): Step[] {
  const secret = around.secrets.get(name);
  const at = `Secret ${pod.namespace}/${name}`;
  if (secret === undefined || secret.state === 'missing') {
    const owner = around.credentials.state === 'there' ? around.credentials.value.find((one) => secretNameOf(one) === name) : undefined;
    const why = owner && whyNot(owner, pod, around);
    const message = `${at} does not exist; the kubelet goes on without it, and takes it once it is there.${why ? ` ${why.message}` : ''}`;
    const mend =
      why?.mend ??
      `Create it, or take ${name} out of imagePullSecrets${originOf(name, pod, around) === 'account' ? ` of ServiceAccount ${pod.account}` : ''}.`;
    return [{ check: 'Secret', mark: 'wrong', reason: why?.reason ?? 'SecretMissing', message, mend }];
  }
  if (secret.state === 'forbidden') {
    return [
      {
        check: 'Secret',
        mark: 'unseen',
        reason: 'Forbidden',
        message: `${at} cannot be read.`,
        mend: `Missing right: ${secret.right}. Ask for it, or somebody who has it to run this.`,
      },
    ];
  }
  const { entries, problems } = readPullSecret(secret.value);
  const source = sourceOf(secret.value, undefined, around);
  if (problems.length === 0) {
    const message = `${at} is valid: ${secret.value.type}, with ${entries.length === 1 ? 'one entry' : `${entries.length} entries`}.`;
    return [{ check: 'Secret', mark: 'ok', reason: 'Valid', message }];
  }
  return problems.map(({ reason, message }) => ({ check: 'Secret', mark: 'wrong', reason, message, mend: `Put it right in ${source}.` }));
}
