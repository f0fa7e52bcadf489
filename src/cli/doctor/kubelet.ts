/** What the kubelet last said about an image, from the states of its containers and the Events of the pod. */
import { type Image, sayImage } from '../../plan/image.ts';
import { repeatable } from '../../plan/words.ts';
import { age } from '../view.ts';
import type { Container, Step, Surroundings } from './observed.ts';
import { meaning, type Offered } from './words.ts';

/** Sentences by the reason that a container waits for, where that says it all. */
const BY_REASON: Record<string, (image: Image) => { means: string; mend: string }> = {
  ErrImageNeverPull: () => ({
    means: 'imagePullPolicy is Never, and the node does not have the image, or this pod has no credentials for it',
    mend: 'Set imagePullPolicy to IfNotPresent, or load the image onto the node. From Kubernetes 1.35 on the pod needs a pull secret for it as well.',
  }),
  InvalidImageName: () => ({
    means: 'the kubelet cannot parse the name of the image',
    mend: 'Correct it: [HOST[:PORT]/]PATH[:TAG][@DIGEST], in lower case.',
  }),
  SignatureValidationFailed: (image) => ({
    means: `the signature of ${sayImage(image)} is not accepted by the policy of the node`,
    mend: 'Sign the image, or correct the policy. No pull secret changes that.',
  }),
};

export function heard(containers: readonly Container[], image: Image, offered: Offered, around: Surroundings): Step[] {
  return containers.flatMap((container): Step[] => {
    const { name, state } = container;
    const step = (mark: Step['mark'], reason: string, message: string, mend?: string): Step[] => [
      { check: 'Kubelet', mark, reason, message, ...(mend !== undefined && { mend }) },
    ];
    if (state.at === 'pulled') return step('ok', 'Pulled', `Container ${name} has its image.`);
    if (state.at === 'before') return [];
    const event = lastWords(container, around);
    // Older kubelets say in the state only that they wait.
    const words = repeatable(isBare(state.message) && event ? event.message : state.message, undefined);
    const ago = event && !Number.isNaN(event.at) ? `, ${age(new Date(event.at).toISOString(), new Date(around.now))} ago` : '';
    const said = `Container ${name} is in ${state.reason}${ago}: ${words || 'no words'}`;
    const meant = BY_REASON[state.reason]?.(image);
    if (meant) return step('wrong', state.reason, `${said}. That is: ${meant.means}.`, meant.mend);
    const understood = meaning(`${state.reason} ${words}`, image, offered);
    return understood
      ? step('wrong', understood.reason, `${said}. That is: ${understood.means}.`, understood.mend)
      : step('wrong', state.reason, `${said}.`, unknown(around));
  });
}

const unknown = ({ events }: Surroundings) =>
  events.state === 'forbidden'
    ? `What it said before that is in the Events of the pod. Missing right: ${events.right}. --pull asks the registry itself.`
    : 'These words are not known here. --pull asks the registry itself.';

const isBare = (message: string) => message === '' || /^Back-off pulling image "[^"]*"\.?$/.test(message);

/** The Event of the last try: `Failed to pull image "ghcr.io/acme/app:1": …` (pkg/kubelet/images/image_manager.go). */
function lastWords({ image }: Container, { events }: Surroundings) {
  return events.state === 'there'
    ? events.value.findLast(
        ({ reason, message }) => ['Failed', 'InspectFailed'].includes(reason) && message.includes(JSON.stringify(image)),
      )
    : undefined;
}
