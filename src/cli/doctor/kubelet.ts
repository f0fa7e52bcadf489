/** What the kubelet last reported about an image, from the states of the containers and the Events of the pod. */
import { redact } from '../../plan/content/redact.ts';
import { formatImage, type Image } from '../../plan/matching/image.ts';
import { age } from '../terminal/text.ts';
import type { Container, PodEvent, Step, Surroundings } from './observed.ts';
import { explainPullError, type TriedCredentials } from './pull-errors.ts';

/** For reasons that need no look at the message. */
const BY_REASON: Record<string, (image: Image) => { meaning: string; fix: string }> = {
  ErrImageNeverPull: () => ({
    meaning: 'imagePullPolicy is Never, and the node does not have the image, or this pod has no credentials for it',
    fix: 'Set imagePullPolicy to IfNotPresent, or load the image onto the node. From Kubernetes 1.35 on, the pod also needs a pull secret for it.',
  }),
  InvalidImageName: () => ({
    meaning: 'the kubelet cannot parse the name of the image',
    fix: 'Correct it: [HOST[:PORT]/]PATH[:TAG][@DIGEST], in lower case.',
  }),
  SignatureValidationFailed: (image) => ({
    meaning: `the policy of the node does not accept the signature of ${formatImage(image)}`,
    fix: 'Sign the image, or correct the policy. Pull secrets are not the cause.',
  }),
};

/** One step for each container that has tried to get the image. */
export const kubeletSteps = (containers: readonly Container[], image: Image, tried: TriedCredentials, surroundings: Surroundings): Step[] =>
  containers.flatMap((container): Step[] => {
    switch (container.imageState.status) {
      case 'pending':
        return [];
      case 'pulled':
        return [{ check: 'Kubelet', mark: 'ok', reason: 'Pulled', message: `Container ${container.name} has its image.` }];
      case 'failed':
        return [failedStep(container, container.imageState, { image, tried, surroundings })];
      default:
        return container.imageState satisfies never;
    }
  });

function failedStep(
  container: Container,
  { reason, message }: { readonly reason: string; readonly message: string },
  { image, tried, surroundings }: { readonly image: Image; readonly tried: TriedCredentials; readonly surroundings: Surroundings },
): Step {
  const event = lastFailure(container, surroundings);
  // In back-off, older kubelets do not repeat the error in the state.
  const error = redact(hasNoError(message) && event ? event.message : message, undefined);
  const ago = event && !Number.isNaN(event.at) ? `, ${age(new Date(event.at).toISOString(), new Date(surroundings.now))} ago` : '';
  const report = `Container ${container.name} is in ${reason}${ago}: ${error || 'no message'}`;
  const step = { check: 'Kubelet', mark: 'wrong' } as const;
  const byReason = BY_REASON[reason]?.(image);
  if (byReason) return { ...step, reason, message: `${report}. That means: ${byReason.meaning}.`, fix: byReason.fix };
  const known = explainPullError(`${reason} ${error}`, image, tried);
  return known
    ? { ...step, reason: known.reason, message: `${report}. That means: ${known.meaning}.`, fix: known.fix }
    : { ...step, reason, message: `${report}.`, fix: fixForUnknown(surroundings) };
}

const fixForUnknown = ({ events }: Surroundings) =>
  events.state === 'forbidden'
    ? `The Events of the pod have its earlier messages. Missing right: ${events.right}. --pull asks the registry itself.`
    : 'doctor does not know this message. --pull asks the registry itself.';

const hasNoError = (message: string) => message === '' || /^Back-off pulling image "[^"]*"\.?$/.test(message);

/** The Event of the last attempt: `Failed to pull image "ghcr.io/acme/app:1": …` (pkg/kubelet/images/image_manager.go in k8s.io/kubernetes). */
function lastFailure({ image }: Container, { events }: Surroundings): PodEvent | undefined {
  if (events.state !== 'found') return undefined;
  return events.value.findLast(
    ({ reason, message }) => ['Failed', 'InspectFailed'].includes(reason) && message.includes(JSON.stringify(image)),
  );
}
