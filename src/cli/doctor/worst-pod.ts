import type { Pod } from './observed.ts';

/** How far each pod is from having its images: more failed containers are worse, then more containers that wait. */
function badness({ containers }: Pod): number {
  const count = (status: string) => containers.filter(({ imageState }) => imageState.status === status).length;
  return count('failed') * 1000 + count('pending');
}

/** Whether the kubelet failed to get an image of the pod. */
export const waitsForImage = ({ containers }: Pod): boolean => containers.some(({ imageState }) => imageState.status === 'failed');

/** The pod that says most about what is wrong; of equal ones the newest, because it has the newest template. Undefined if there is none. */
export function worstPod(pods: readonly Pod[]): Pod | undefined {
  const createdAt = ({ existing }: Pod) => existing?.createdAt ?? '';
  const order = (a: Pod, b: Pod) => badness(b) - badness(a) || (createdAt(a) < createdAt(b) ? 1 : -1);
  return [...pods].sort(order)[0];
}
