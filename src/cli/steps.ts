/** The steps of `cleanup`: how they are taken, a few at once, and what is said of them. */
import { FINALIZER, MANAGER } from '../api/names.ts';
import type { Kube, Method } from '../kube/client.ts';
import { classify } from '../kube/errors.ts';
import { path } from '../kube/resources.ts';
import type { Step } from '../plan/cleanup.ts';
import { repeatable } from '../plan/words.ts';
import { safe } from './view.ts';

export interface Failure {
  readonly step: Step;
  readonly error: unknown;
}

/** So many are under way at once. */
const WIDTH = 16;

/** Between two words of how far it is. */
const TELL_MS = 2000;

/** Runs the steps, a few at once and in this order, and returns what failed. `tell` hears now and then how many are done. */
export async function each(
  steps: readonly Step[],
  run: (step: Step) => Promise<void>,
  tell: (count: number) => void = () => {},
): Promise<Failure[]> {
  const failures: Failure[] = [];
  const waiting = steps.values();
  let count = 0;
  let toldAt = performance.now();
  const work = async () => {
    for (const step of waiting) {
      await run(step).catch((error: unknown) => failures.push({ step, error }));
      count++;
      if (performance.now() - toldAt < TELL_MS) continue;
      toldAt = performance.now();
      tell(count);
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, work));
  return failures;
}

/** Takes one step, for the very object in the very state that was looked at. What is gone already is done. */
export async function take(kube: Kube, step: Step, how: 'server' | 'none'): Promise<void> {
  const { method, at, body } = requestOf(step);
  const dryRun = how === 'server' ? ['All'] : [];
  try {
    // Of a request with options in its body, the API server takes them from there.
    if (method === 'DELETE') await kube.call(method, at, { body: { ...body, dryRun } });
    else await kube.call(method, at, { body, query: { fieldManager: MANAGER, ...(how === 'server' && { dryRun: 'All' }) } });
  } catch (error) {
    if (classify(error) !== 'gone') throw error;
  }
}

function requestOf(step: Step): { method: Method; at: string; body: object } {
  switch (step.kind) {
    case 'delete-credential':
      return { method: 'DELETE', at: path.credential(step.name), body: { preconditions: { uid: step.uid } } };
    case 'remove-finalizer':
      return { method: 'PATCH', at: path.credential(step.name), body: step.patch };
    case 'delete-secret': {
      const { namespace, name, uid, resourceVersion } = step;
      return { method: 'DELETE', at: `${path.secretsIn(namespace)}/${name}`, body: { preconditions: { uid, resourceVersion } } };
    }
    case 'update-secret':
      return { method: 'PATCH', at: `${path.secretsIn(step.namespace)}/${step.name}`, body: step.patch };
    case 'patch-account':
      return { method: 'PATCH', at: path.account(step.namespace, step.name), body: step.patch };
    default:
      return step satisfies never;
  }
}

/** In the manner of kubectl. */
export function said(step: Step): string {
  switch (step.kind) {
    case 'delete-credential':
      return `registrycredential.regcred.dev "${step.name}" deleted`;
    case 'remove-finalizer':
      return `registrycredential.regcred.dev "${step.name}" patched: without the finalizer ${FINALIZER}`;
    case 'delete-secret':
      return `secret "${step.name}" deleted from ${step.namespace} namespace`;
    case 'update-secret':
      return `secret "${step.name}" patched in ${step.namespace} namespace: kept, without its owner`;
    case 'patch-account':
      return `serviceaccount "${step.name}" patched in ${step.namespace} namespace: imagePullSecrets without ${safe(step.taken.join(', '))}`;
    default:
      return step satisfies never;
  }
}

export const saidFailure = ({ step, error }: Failure) => `Not done: ${said(step)}: ${repeatable((error as Error).message, undefined)}`;
