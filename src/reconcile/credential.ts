import { setImmediate } from 'node:timers/promises';
import { FINALIZER, LABEL, PENDING } from '../api/names.ts';
import { REASON } from '../api/reasons.ts';
import type { CredentialRecord } from '../api/records.ts';
import { classify } from '../kube/errors.ts';
import { asksForRecovery, type Intent, intentOf, isGone, secretNameOf } from '../plan/intent.ts';
import { type Resolution, resolve, sourcesOf } from '../plan/resolve.ts';
import type { SecretRef, SourceState } from '../plan/source.ts';
import { isTarget } from '../plan/targets.ts';
import { repeatable } from '../plan/words.ts';
import { type Again, PRIORITY } from '../queue/queue.ts';
import type { Key } from '../triggers/keys.ts';
import { Book, type Context, sourceKey, type World } from './context.ts';
import { attempt, retry } from './outcome.ts';
import { standing } from './tally.ts';

/** Turns one RegistryCredential and its sources into what it wants of the cluster, and sends that out to every namespace. */
export async function reconcileCredential(context: Context, key: Extract<Key, { kind: 'credential' }>): Promise<Again | undefined> {
  const { world } = context;
  const credential = world.credentials.get('', key.name);
  if (!credential || isGone(credential)) return forget(context, key.name);

  // Before anything is made, so that everything that is made is taken back.
  if (!credential.finalizers.includes(FINALIZER)) return patchFinalizers(context, credential, [...credential.finalizers, FINALIZER]);

  const sources = credential.deleting ? [] : sourcesOf(credential.spec).filter(({ namespace }) => mayRead(world, namespace));
  world.sources.want(credential.name, sources.map(sourceKey));
  const secretName = secretNameOf(credential);
  const formerNames = formerNamesOf(world, credential);
  world.foreign.want(credential.name, [secretName, ...formerNames]);
  watchPods(context, credential.name, asksForRecovery(credential));

  const before = context.intents.get(credential.name);
  const former = before?.uid === credential.uid ? before : undefined;
  const book = bookOf(context, credential, former);
  book.generation = credential.generation;
  // What stands under the name is not known yet; we are called again when it is. A deletion does not hang on it.
  const foreign = world.foreign.view(secretName);
  book.blocked = foreign?.synced ? undefined : blockedBy(secretName, foreign?.error);
  const known =
    (foreign?.synced || (credential.deleting && foreign?.error !== undefined)) &&
    formerNames.map((name) => world.foreign.view(name)).every((former) => former?.synced || former?.error !== undefined);
  const resolution = credential.deleting ? undefined : resolve(credential.spec, credential.uid, (ref) => stateOf(context, ref));
  if (resolution) book.sources = known ? said(resolution) : { state: 'loading' };
  if (!known || resolution?.state === 'loading') {
    context.reporter.touch(credential.name);
    return undefined;
  }

  // The last good content stays: a source that is missing or broken never empties what has been placed.
  const content = resolution?.state === 'ready' ? resolution.content : former?.content;
  const intent = intentOf(credential, content?.hash === former?.content?.hash ? former?.content : content);
  await decide(context, credential, former, intent);
  context.reporter.touch(credential.name);
  return credential.deleting ? finishDeletion(context, credential, intent) : undefined;
}

/** From here on this is what the credential wants; where it is news, it is sent out. */
async function decide(context: Context, credential: CredentialRecord, former: Intent | undefined, intent: Intent): Promise<void> {
  const rotated = former?.content !== undefined && intent.content !== former.content;
  const placedAnew = !former || !isSameBesidesContent(former, intent) || (former.content === undefined && intent.content !== undefined);
  if (!rotated && !placedAnew) return;
  const { intents, books, reporter } = context;
  intents.set(credential.name, intent);
  // Of what is released nothing is counted but the Secrets that are still to be freed.
  if (intent.mode === 'release' && former?.mode !== 'release') books.set(credential.name, new Book(context.now(), credential.generation));
  const book = books.get(credential.name) as Book;
  if (former?.mode !== intent.mode) book.progressAt = context.now();
  if (rotated && intent.mode === 'place') {
    void reporter.event(credential, 'Normal', REASON.rotated, 'The content of the sources changed; it is let out to every namespace.');
  }
  book.fanningOut = true;
  try {
    await fanOut(context, intent, former, book, placedAnew && intent.mode !== 'release');
    for (const pod of context.world.pods.view(PENDING)?.all() ?? []) {
      if (pod.failing.length > 0) context.add({ kind: 'pod', namespace: pod.namespace, name: pod.name }, PRIORITY.fanOut);
    }
  } catch (error) {
    // Still news, when it is tried again.
    if (former) intents.set(credential.name, former);
    else intents.delete(credential.name);
    throw error;
  } finally {
    book.fanningOut = false;
  }
  if (!former) sortOutNames(context);
}

/** Watches pending pods as long as some credential asks for it. */
function watchPods({ world, recovery, books }: Context, credential: string, asks: boolean): void {
  world.pods.want(credential, asks ? [PENDING] : []);
  if (!asks) books.get(credential)?.notEvicted.clear();
  if (world.pods.view(PENDING) === undefined) recovery.sightings.clear();
}

/** Looks at the names in accounts of which it was not clear whose they are, once all credentials are known. */
function sortOutNames({ intents, world, unsure, add }: Context): void {
  if ([...world.credentials.all()].some((credential) => !isGone(credential) && !intents.has(credential.name))) return;
  for (const namespace of unsure) add({ kind: 'accounts', namespace }, PRIORITY.fanOut);
  unsure.clear();
}

/** Why it cannot be known what stands under the name, where it takes a person to change that. */
function blockedBy(secretName: string, error: unknown): Book['blocked'] {
  if (error === undefined || classify(error) !== 'refused') return undefined;
  const words = repeatable((error as Error).message, undefined);
  return {
    reason: REASON.forbidden,
    message: `The Secrets named ${secretName} cannot be listed, so nothing is placed: ${words}. Give the operator the rights that manifests/rbac.yaml lists.`,
  };
}

function bookOf(context: Context, credential: CredentialRecord, former: Intent | undefined): Book {
  const kept = former && context.books.get(credential.name);
  const book = kept ?? new Book(context.now(), credential.generation);
  context.books.set(credential.name, book);
  return book;
}

/** Where Secrets of ours are found by name only: the other names that there may be some under. */
function formerNamesOf({ managed, sourceNamespaces }: World, credential: CredentialRecord): string[] {
  if (sourceNamespaces === undefined) return [];
  const names = new Set(credential.status?.secretName === undefined ? [] : [credential.status.secretName]);
  for (const { name, labels } of managed.all()) if (labels[LABEL.credentialUid] === credential.uid) names.add(name);
  names.delete(secretNameOf(credential));
  return [...names];
}

const mayRead = ({ sourceNamespaces }: World, namespace: string) => sourceNamespaces?.includes(namespace) ?? true;

function stateOf({ world }: Context, ref: SecretRef): SourceState {
  if (!mayRead(world, ref.namespace)) return { state: 'notAllowed', allowed: world.sourceNamespaces ?? [] };
  const source = world.sources.view(sourceKey(ref));
  if (!source?.synced) {
    return source?.error === undefined
      ? { state: 'loading' }
      : { state: 'unreadable', why: repeatable((source.error as Error).message, undefined) };
  }
  const secret = source.get(ref.namespace, ref.name);
  return secret ? { state: 'present', secret } : { state: 'missing' };
}

function said(resolution: Resolution): Book['sources'] {
  return resolution.state === 'ready' ? { state: 'ready', servers: resolution.content.servers } : resolution;
}

const isSameBesidesContent = (a: Intent, b: Intent) =>
  a.mode === b.mode && a.secretName === b.secretName && JSON.stringify(a.spec) === JSON.stringify(b.spec);

/**
 * Enqueues every namespace where something is wanted, or something of ours may be: the rest of the work is done there. A
 * mere rotation leaves the accounts alone.
 */
async function fanOut(context: Context, intent: Intent, former: Intent | undefined, book: Book, withAccounts: boolean): Promise<void> {
  if (intent.mode === 'hold') return;
  const { world } = context;
  const secrets = new Set(book.secrets.namespaces());
  const accounts = new Set(book.accounts.namespaces());
  if (intent.mode !== 'remove') {
    for await (const slice of inSlices(world.namespaces.all())) {
      for (const namespace of slice) {
        if (!isTarget(intent.spec, namespace)) continue;
        secrets.add(namespace.name);
        accounts.add(namespace.name);
      }
    }
  }
  for await (const slice of inSlices(world.managed.all())) {
    for (const { namespace, labels } of slice) if (labels[LABEL.credentialUid] === intent.uid) secrets.add(namespace);
  }
  const names = [intent.secretName, former?.secretName];
  for await (const slice of inSlices(world.accounts.all())) {
    for (const { namespace, recorded } of slice) if (recorded.some((name) => names.includes(name))) accounts.add(namespace);
  }

  for await (const slice of inSlices(new Set([...accounts, ...secrets]))) {
    for (const namespace of slice) {
      // The account first, and never after the Secret: a missing Secret heals by itself, a pod admitted without the reference never does.
      if (withAccounts && accounts.has(namespace)) {
        pend(book.accounts, namespace, 0);
        context.add({ kind: 'accounts', namespace }, PRIORITY.fanOut);
      }
      if (secrets.has(namespace)) {
        pend(book.secrets, namespace, intent.mode === 'place' ? 1 : 0);
        context.add({ kind: 'secret', credential: intent.name, namespace }, PRIORITY.fanOut);
      }
    }
  }
}

/** A few milliseconds of work: between two slices a new namespace, and the Lease, have their turn. */
const SLICE = 500;

async function* inSlices<T>(all: Iterable<T>): AsyncGenerator<readonly T[], void, undefined> {
  let slice: T[] = [];
  for (const one of all) {
    if (slice.push(one) < SLICE) continue;
    yield slice;
    slice = [];
    await setImmediate();
  }
  yield slice;
}

/** Until its turn comes a namespace counts as work under way, with what was last known of it. */
function pend(tally: Book['secrets'], namespace: string, desired: number): void {
  const known = tally.get(namespace);
  tally.set(namespace, standing(known?.desired ?? desired, known?.synced ?? 0, true));
}

/** Lets the object go when nothing is left of what was made for it, or when what is left cannot be taken back. */
async function finishDeletion(context: Context, credential: CredentialRecord, intent: Intent): Promise<Again | undefined> {
  const book = context.books.get(credential.name) as Book;
  if (book.secrets.size + book.accounts.size > 0) {
    const stillMs = context.now() - book.progressAt;
    const failures = [...book.secrets.failures(), ...book.accounts.failures()];
    const hopeless = failures.length > 0 && failures.every(({ final }) => final) && book.secrets.pending + book.accounts.pending === 0;
    if (stillMs < context.cleanupTimeoutMs || !hopeless) return { afterMs: Math.max(1000, context.cleanupTimeoutMs - stillMs) };
    const named = failures.slice(0, 10).map(({ kind, namespace, name, message }) => `${kind} ${namespace}/${name}: ${message}`);
    const message = `Gave up after ${Math.round(stillMs / 1000)} s without progress; ${intent.mode === 'release' ? 'these Secrets still have it as their owner and will be deleted' : 'take back by hand what is left'} (${failures.length}): ${named.join('; ')}`;
    context.log.warn('The cleanup was given up.', { credential: credential.name, left: failures.length });
    await context.reporter.event(credential, 'Warning', REASON.cleanupIncomplete, message);
  }
  return patchFinalizers(
    context,
    credential,
    credential.finalizers.filter((finalizer) => finalizer !== FINALIZER),
  );
}

async function patchFinalizers(context: Context, credential: CredentialRecord, finalizers: readonly string[]): Promise<Again | undefined> {
  const metadata = { uid: credential.uid, resourceVersion: credential.resourceVersion, finalizers };
  const outcome = await attempt(async () => {
    context.world.credentials.wrote(await context.writer.patchCredential(credential.name, { metadata }));
  });
  const { again, tell } = retry(context, { kind: 'credential', name: credential.name }, [outcome]);
  if (tell && 'failed' in outcome)
    context.log.warn('The finalizer could not be written; it is tried again.', { credential: credential.name, error: outcome.error });
  return again;
}

function forget(context: Context, name: string): undefined {
  if (context.intents.delete(name)) context.log.info('The RegistryCredential is gone.', { credential: name });
  else sortOutNames(context);
  context.books.delete(name);
  context.reporter.forget(name);
  context.world.sources.want(name, []);
  context.world.foreign.want(name, []);
  watchPods(context, name, false);
}
