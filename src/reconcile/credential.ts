import { isNamespaced, qualifiedName, refOf } from '../api/credential-ref.ts';
import { PENDING } from '../api/names.ts';
import { type Problem, REASON } from '../api/reasons.ts';
import type { CredentialRecord } from '../api/records.ts';
import { classify } from '../kube/errors.ts';
import type { Content } from '../plan/content/content.ts';
import { redact } from '../plan/content/redact.ts';
import { changesOf, type Intent, intentOf, isEnding, isFinalized, secretNameOf } from '../plan/placement/intent.ts';
import { whyNotServed } from '../plan/targets/served.ts';
import type { KeyOf } from '../queue/keys.ts';
import { PRIORITY, type Requeue } from '../queue/queue.ts';
import { CredentialState } from '../status/credential-state.ts';
import { areAllDecided } from './all-decided.ts';
import { changeEvent } from './change-events.ts';
import { decideContent } from './credential-content.ts';
import type { CredentialReconciler } from './credential-reconciler.ts';
import { keepWatches, type Names, stopWatches, watchNames } from './credential-watches.ts';
import { finishDeletion } from './deletion.ts';
import { enqueueWaiting, fanOut } from './fan-out.ts';
import { addFinalizer, removeFinalizer } from './finalizer.ts';
import { hasNeedlessFinalizer, lacksFinalizer } from './finalizer-need.ts';
import { cleanUpOrphan } from './orphan.ts';

/** Derives the desired state of one credential from its spec and sources, and enqueues every namespace where it changes something. */
export async function reconcileCredential(reconciler: CredentialReconciler, key: KeyOf<'credential'>): Promise<Requeue | undefined> {
  const { observed, states, reporter } = reconciler;
  const credential = observed.credentials.get(key.credential.namespace, key.credential.name);
  if (!credential || isFinalized(credential)) return (await cleanUpOrphan(reconciler, key)) ? undefined : forget(reconciler, key);
  const notServed = whyNotServed(credential, observed.credentials.in(credential.namespace), reconciler.isNamespacedOn);
  const tenant = observed.credentials.tenantOf(isNamespaced(credential) ? credential.namespace : undefined);
  // Before anything else: without the finalizer, nothing that is created later would be cleaned up.
  if (lacksFinalizer(reconciler, { ...credential, tenant }, notServed !== undefined)) return addFinalizer(reconciler, credential);

  const isLeaving = credential.terminating || notServed !== undefined;
  const names = keepWatches(reconciler, key, credential, isLeaving);
  const last = states.intentOf(credential);
  // A credential that was deleted and created again has no previous intent.
  const before = last?.uid === credential.uid ? last : undefined;
  const state = (before && states.stateOf(credential)) ?? states.setState(credential, newState(reconciler, credential));
  state.generation = credential.generation;
  state.blocked = blockedBy(secretNameOf(credential), names.error);
  state.notServed = notServed;

  const decided = names.state === 'loading' ? undefined : decide(reconciler, credential, state, before?.content, isLeaving);
  if (!decided || (names.state === 'later' && !decided.content)) {
    if (decided) watchNamesNow(reconciler, credential);
    if (!isLeaving) state.sources = { state: 'loading' };
    reporter.touch(credential);
    return undefined; // The watches enqueue this key again.
  }

  // Nothing was released since the start: what is placed stays as it is.
  const content = decided.content ?? before?.content;
  const unchanged = content?.hash === before?.content?.hash;
  const intent = intentOf(credential, unchanged ? before?.content : content, { tenant, isNotServed: notServed !== undefined });
  await fanOutAndListNames(reconciler, credential, intent, names);
  reporter.touch(credential);
  if (isLeaving) return finishDeletion(reconciler, credential, intent);
  if (hasNeedlessFinalizer(reconciler, intent, credential)) return removeFinalizer(reconciler, credential);
  return decided.againMs === undefined ? undefined : { afterMs: decided.againMs };
}

/** The content of the pull secret. A cleanup needs neither the sources nor the registries. */
function decide(
  reconciler: CredentialReconciler,
  credential: CredentialRecord,
  state: CredentialState,
  last: Content | undefined,
  isLeaving: boolean,
) {
  if (!isLeaving) return decideContent(reconciler, credential, state);
  reconciler.checks.forget(credential);
  reconciler.tokens.forget(credential);
  return { content: last, againMs: undefined };
}

/** Fans out. Then it lists the names that come later, or enqueues what has waited for them. */
async function fanOutAndListNames(
  reconciler: CredentialReconciler,
  credential: CredentialRecord,
  intent: Intent,
  names: Names,
): Promise<void> {
  const state = reconciler.states.stateOf(credential) as CredentialState;
  const wasWaiting = state.isWaitingForNames;
  state.isWaitingForNames = names.state === 'later';
  try {
    await fanOutChanges(reconciler, credential, intent);
  } finally {
    if (state.isWaitingForNames && !wasWaiting) watchNamesNow(reconciler, credential);
  }
  if (state.isWaitingForNames || !wasWaiting) return;
  await enqueueWaiting(reconciler, intent, state);
  enqueueUnknownOwners(reconciler);
}

/** Lists the Secrets of the credential's names, and enqueues the credential when they are listed. Another credential may have listed them already. */
function watchNamesNow({ observed, add }: CredentialReconciler, credential: CredentialRecord): void {
  const key = { kind: 'credential', credential: refOf(credential) } as const;
  watchNames(observed, key, credential);
  const watch = observed.secrets.watchOf(secretNameOf(credential));
  if (watch?.synced || watch?.error !== undefined) add(key, PRIORITY.now);
}

/** Makes this intent the current one, and enqueues the namespaces where it changes something. */
async function fanOutChanges(reconciler: CredentialReconciler, credential: CredentialRecord, intent: Intent): Promise<void> {
  const { states, observed, reporter, add, now } = reconciler;
  let state = states.stateOf(credential) as CredentialState;
  // Compare with the last completed fan-out: if a fan-out fails, its retry must repeat all of it.
  const former = state.fannedOut;
  const changes = changesOf(former, intent);
  reconciler.log.debug('Decided about a RegistryCredential.', {
    credential: qualifiedName(credential),
    mode: intent.mode,
    hasContent: intent.content !== undefined,
    ...changes,
  });
  if (!changes.isRotated && !changes.mayChangeReferences) return;
  states.setIntent(intent);
  // Reset the counters: under Retain, only Secrets that still have our owner reference are left to do.
  if (intent.mode === 'retain' && former?.mode !== 'retain') state = states.setState(credential, newState(reconciler, credential));
  if (former?.mode !== intent.mode) {
    state.progressAt = now();
    state.endingAt = isEnding(intent) ? now() : undefined;
  }
  const event = changeEvent(former, intent);
  if (event) void reporter.event(credential, event);
  state.isFanningOut = true;
  try {
    await fanOut(reconciler, { intent, former, state, withAccounts: changes.mayChangeReferences && intent.mode !== 'retain' });
  } finally {
    state.isFanningOut = false;
  }
  state.fannedOut = intent;
  for (const { namespace, name, failingImages } of observed.pods.view(PENDING)?.all() ?? []) {
    if (failingImages.length > 0) add({ kind: 'pod', namespace, name }, PRIORITY.fanOut);
  }
  if (former === undefined) retryUnknownOwners(reconciler);
}

const newState = ({ now }: CredentialReconciler, { generation }: CredentialRecord) => new CredentialState(now(), generation);

/** Why the Secrets under the desired name cannot be observed, if only a person can change that. */
function blockedBy(secretName: string, error: Names['error']): Problem | undefined {
  if (error === undefined || classify(error) !== 'refused') return undefined;
  const why = redact((error as Error).message, undefined);
  return {
    reason: REASON.forbidden,
    message: `The operator may not list the Secrets named ${secretName}, so it places nothing: ${why}. Grant the permissions in manifests/rbac.yaml.`,
  };
}

/** Once every credential is known, enqueues the accounts with recorded names whose owner was unknown. */
function retryUnknownOwners(reconciler: CredentialReconciler): void {
  if (reconciler.namespacesWithUnknownOwner.size > 0 && areAllDecided(reconciler)) enqueueUnknownOwners(reconciler);
}

function enqueueUnknownOwners({ namespacesWithUnknownOwner, add }: CredentialReconciler): void {
  for (const namespace of namespacesWithUnknownOwner) add({ kind: 'accounts', namespace }, PRIORITY.fanOut);
  namespacesWithUnknownOwner.clear();
}

function forget(reconciler: CredentialReconciler, key: KeyOf<'credential'>): undefined {
  const { states, reporter, checks, tokens, log } = reconciler;
  checks.forget(key.credential);
  tokens.forget(key.credential);
  const namespaces = [...(states.stateOf(key.credential)?.secrets.namespaces() ?? [])];
  if (states.delete(key.credential)) log.info('The RegistryCredential no longer exists.', { credential: qualifiedName(key.credential) });
  else retryUnknownOwners(reconciler);
  reporter.forget(key.credential);
  stopWatches(reconciler, key, namespaces);
}
