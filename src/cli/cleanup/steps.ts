/** The steps of `cleanup`: how they are sent, several at a time, and how they are reported. */
import type { CredentialRef } from '../../api/credential-ref.ts';
import { FINALIZER, GROUP, MANAGER, RULES_KIND } from '../../api/names.ts';
import { readAccount } from '../../cluster/accounts.ts';
import { request } from '../../cluster/requests.ts';
import { readSecret } from '../../cluster/secrets.ts';
import type { KubeClient } from '../../kube/client.ts';
import { classify } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { WriteRequest } from '../../kube/writer.ts';
import { redact } from '../../plan/content/redact.ts';
import type { CleanupStep } from '../../plan/placement/cleanup.ts';
import { formatRejected } from '../../plan/placement/contested.ts';
import type { RulesStep } from '../../plan/placement/rules-cleanup.ts';
import { remainingOwnerField } from '../../plan/placement/secret-deviation.ts';
import type { CommandIo } from '../command-io.ts';
import { printable } from '../terminal/text.ts';

export interface StepFailure {
  readonly step: CleanupStep;
  readonly error: unknown;
}

/** The API server answered without an error, but an admission policy undid the step. */
class RejectedStepError extends Error {
  override readonly name = 'RejectedStepError';
}

/** Whether the same step fails again until a person changes something. */
export const isHopeless = ({ error }: StepFailure): boolean => error instanceof RejectedStepError || classify(error) === 'refused';

const CONCURRENCY = 16;

/** Runs the steps in this order, several at a time, and returns those that failed. `show` gets the progress. */
export async function runSteps(
  steps: readonly CleanupStep[],
  run: (step: CleanupStep) => Promise<void>,
  show: CommandIo['progress'],
): Promise<StepFailure[]> {
  const failures: StepFailure[] = [];
  const waiting = steps.values();
  let count = 0;
  const work = async () => {
    for (const step of waiting) {
      await run(step).catch((error: unknown) => failures.push({ step, error }));
      show(`${++count} of ${steps.length} steps done.`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return failures;
}

/** Sends one step, for exactly the observed version of the object. An object that is already gone counts as done. */
export async function sendStep(kube: KubeClient, step: CleanupStep, dryRun: 'server' | 'none'): Promise<void> {
  const { method, path, body } = requestOf(step);
  const isDryRun = dryRun === 'server';
  try {
    // For a deletion with options in its body, the API server takes the dry run from there.
    if (method === 'DELETE') {
      await kube.call(method, path, { body: { ...body, dryRun: isDryRun ? ['All'] : [] } });
      return;
    }
    const query = { fieldManager: MANAGER, ...(isDryRun && { dryRun: 'All' }) };
    const field = firstRejectedField(step, await kube.call<KubeObject>(method, path, { body, query }));
    if (field !== undefined) throw new RejectedStepError(formatRejected(field));
  } catch (error) {
    if (classify(error) !== 'gone') throw error;
  }
}

/** The field that the API server did not store as it was sent: an admission policy may change each write. */
function firstRejectedField(step: CleanupStep, answer: KubeObject): string | undefined {
  switch (step.kind) {
    case 'remove-finalizer':
      return answer.metadata.finalizers?.includes(FINALIZER) ? 'metadata.finalizers' : undefined;
    case 'update-secret':
      return remainingOwnerField({ uid: step.credential }, readSecret(answer));
    case 'patch-account':
      return readAccount(answer).pullSecrets.some(({ name = '' }) => step.removed.includes(name)) ? 'imagePullSecrets' : undefined;
    case 'delete-credential':
    case 'delete-secret':
    case 'delete-rules':
    case 'patch-rules':
      return undefined;
    default:
      return step satisfies never;
  }
}

function requestOf(step: CleanupStep): WriteRequest {
  switch (step.kind) {
    case 'delete-credential':
      return request.deleteCredential({ ...step.ref, uid: step.uid });
    case 'remove-finalizer':
      return request.patchCredential(step.ref, step.patch);
    case 'delete-secret':
      return request.deleteSecret(step);
    case 'update-secret':
      return request.patchSecret(step.namespace, step.name, step.patch);
    case 'patch-account':
      return request.patchAccount(step.namespace, step.name, step.patch);
    case 'delete-rules':
      return request.deleteRules(step.rules);
    case 'patch-rules':
      return request.patchRules(step.rules.name, step.patch);
    default:
      return step satisfies never;
  }
}

const objectName = ({ kind, name }: CredentialRef) => `${kind.toLowerCase()}.${GROUP} "${name}"`;

const rulesName = ({ rules }: RulesStep) => `${RULES_KIND.toLowerCase()}.${GROUP} "${rules.name}"`;

const inNamespace = ({ namespace }: CredentialRef) => (namespace === '' ? '' : ` in ${namespace} namespace`);

/** One line about a finished step, in kubectl's style. */
export function formatStep(step: CleanupStep): string {
  switch (step.kind) {
    case 'delete-credential':
      return `${objectName(step.ref)} deleted${inNamespace(step.ref)}`;
    case 'remove-finalizer':
      return `${objectName(step.ref)} patched${inNamespace(step.ref)}: removed the finalizer ${FINALIZER}`;
    case 'delete-secret':
      return `secret "${step.name}" deleted from ${step.namespace} namespace`;
    case 'update-secret':
      return `secret "${step.name}" patched in ${step.namespace} namespace: retained, without its owner reference`;
    case 'patch-account':
      return `serviceaccount "${step.name}" patched in ${step.namespace} namespace: removed ${printable(step.removed.join(', '))} from imagePullSecrets`;
    case 'delete-rules':
      return `${rulesName(step)} deleted`;
    case 'patch-rules':
      return `${rulesName(step)} patched: removed ${printable(step.removed.join(', '))}`;
    default:
      return step satisfies never;
  }
}

/** The object of a step, as kubectl's `-o name` prints it. */
export function formatName(step: CleanupStep): string {
  switch (step.kind) {
    case 'delete-credential':
    case 'remove-finalizer':
      return `${step.ref.kind.toLowerCase()}.${GROUP}/${step.ref.name}`;
    case 'delete-secret':
    case 'update-secret':
      return `secret/${step.name}`;
    case 'patch-account':
      return `serviceaccount/${step.name}`;
    case 'delete-rules':
    case 'patch-rules':
      return `${RULES_KIND.toLowerCase()}.${GROUP}/${step.rules.name}`;
    default:
      return step satisfies never;
  }
}

/** `Failed to delete secret "acme" in namespace shop: …`, without a secret value. */
export const formatStepFailure = ({ step, error }: StepFailure): string =>
  `Failed to ${formatAttempt(step)}: ${redact((error as Error).message, undefined)}`;

function formatAttempt(step: CleanupStep): string {
  switch (step.kind) {
    case 'delete-credential':
      return `delete ${objectName(step.ref)}${inNamespace(step.ref)}`;
    case 'remove-finalizer':
      return `remove the finalizer ${FINALIZER} from ${objectName(step.ref)}${inNamespace(step.ref)}`;
    case 'delete-secret':
      return `delete secret "${step.name}" in namespace ${step.namespace}`;
    case 'update-secret':
      return `remove the owner reference from secret "${step.name}" in namespace ${step.namespace}`;
    case 'patch-account':
      return `remove ${printable(step.removed.join(', '))} from imagePullSecrets of serviceaccount "${step.name}" in namespace ${step.namespace}`;
    case 'delete-rules':
      return `delete ${rulesName(step)}`;
    case 'patch-rules':
      return `remove ${printable(step.removed.join(', '))} from ${rulesName(step)}`;
    default:
      return step satisfies never;
  }
}
