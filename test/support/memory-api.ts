import { setImmediate as turn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ObjectRecord } from '../../src/api/records.ts';
import type { Call, Method } from '../../src/kube/client.ts';
import { KubeError } from '../../src/kube/errors.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import type { WatchTarget } from '../../src/kube/watch.ts';
import { merged } from './builders.ts';

/** An object without what the API server fills in. */
export type Draft = Omit<KubeObject, 'metadata'> & { readonly metadata?: Partial<KubeObject['metadata']> };

export interface WrittenEvent {
  readonly reason: string;
  readonly type: string;
  readonly message: string;
  readonly involvedObject: { readonly kind: string; readonly name: string };
}

/** An API server in memory. It answers writes with resourceVersions, preconditions and finalizers, as the real one does. */
export class MemoryApi {
  readonly #objects = new Map<string, KubeObject>();
  #version = 0;
  /** Every accepted write, in order: `create secrets shop/acme`. */
  readonly writes: string[] = [];
  readonly events: WrittenEvent[] = [];
  /** Asked before each write. An error is the answer, and nothing is written. */
  refuse: (write: string) => KubeError | undefined = () => undefined;
  /** What an admission policy or webhook makes of each object that is written, before it is stored. */
  admit: (write: string, object: KubeObject) => KubeObject = (_, object) => object;
  /** Each write waits for this before it is accepted. */
  hold: Promise<void> = Promise.resolve();
  /** How many writes wait for their answer. */
  waiting = 0;

  /** Creates or replaces an object, as another user does. */
  put(at: string, draft: Draft): KubeObject {
    const { namespace, name } = parse(at);
    const before = this.#objects.get(at)?.metadata;
    const uid = draft.metadata?.uid ?? before?.uid ?? `uid-${name}`;
    return this.#store(at, {
      ...draft,
      metadata: { ...draft.metadata, ...(namespace !== '' && { namespace }), name, uid, resourceVersion: '' },
    });
  }

  /** Changes an object by a merge patch, as another user does. */
  change(at: string, patch: object): KubeObject {
    return this.#store(at, merged(this.get(at), patch));
  }

  /** Removes an object, as another user does. If it has finalizers, it is only marked as deleted. */
  remove(at: string): void {
    const object = this.get(at);
    if (object.metadata.finalizers?.length) this.change(at, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
    else this.#drop(at);
  }

  /** Throws a KubeError if there is none. */
  get(at: string): KubeObject {
    const object = this.#objects.get(at);
    if (!object) throw new KubeError(`${parse(at).resource} "${parse(at).name}" not found`, 404);
    return object;
  }

  has(at: string): boolean {
    return this.#objects.has(at);
  }

  /** The version of the last change. */
  get resourceVersion(): string {
    return String(this.#version);
  }

  *list<R extends ObjectRecord>(target: WatchTarget<R>): Iterable<R> {
    const wanted = parse(target.path);
    for (const [at, object] of this.#objects) {
      const { resource, namespace } = parse(at);
      if (resource === wanted.resource && (wanted.namespace === '' || wanted.namespace === namespace) && isSelected(object, target)) {
        yield target.read(object);
      }
    }
  }

  async call<T>(method: Method, at: string, { body = {}, fence }: Call = {}): Promise<T> {
    const write = describe(method, at, body);
    this.waiting++;
    await turn(); // A response never arrives in the same event loop turn as the call.
    await this.hold;
    this.waiting--;
    fence?.();
    const refusal = this.refuse(write);
    if (refusal) throw refusal;
    const answer = this.#answer(method, at, body);
    this.writes.push(write);
    return answer as T;
  }

  #answer(method: Method, at: string, body: object): KubeObject {
    const { resource, sub } = parse(at);
    if (resource === 'events') return this.#event(body as WrittenEvent);
    if (sub === 'eviction') return this.#delete(at.slice(0, -'/eviction'.length), (body as { deleteOptions: object }).deleteOptions);
    if (method === 'POST') return this.#create(at, body as KubeObject);
    if (method === 'DELETE') return this.#delete(at, body);
    return this.#patch(sub === 'status' ? at.slice(0, -'/status'.length) : at, body as Draft);
  }

  #event(event: WrittenEvent): KubeObject {
    this.events.push(event);
    return { metadata: { name: `event-${this.events.length}`, uid: '', resourceVersion: String(++this.#version) } };
  }

  #create(collection: string, body: KubeObject): KubeObject {
    const at = `${collection}/${body.metadata.name}`;
    if (this.#objects.has(at)) throw new KubeError(`"${body.metadata.name}" already exists`, 409);
    const created = { ...body, metadata: { ...body.metadata, uid: `uid-of-${this.#version + 1}` } };
    return this.#store(at, this.admit(describe('POST', collection, body), created));
  }

  #patch(at: string, patch: Draft): KubeObject {
    const before = this.get(at);
    const { uid = before.metadata.uid, resourceVersion = before.metadata.resourceVersion } = patch.metadata ?? {};
    if (uid !== before.metadata.uid || resourceVersion !== before.metadata.resourceVersion)
      throw new KubeError('the object has been modified', 409);
    const admitted = this.admit(describe('PATCH', at, patch), merged(before, patch));
    // A write that changes nothing makes no new version, and no event.
    const after = isDeepStrictEqual(admitted, before) ? before : this.#store(at, admitted);
    if (after.metadata.deletionTimestamp && after.metadata.finalizers?.length === 0) this.#drop(at);
    return after;
  }

  #delete(at: string, options: { preconditions?: { uid?: string; resourceVersion?: string } }): KubeObject {
    const object = this.get(at);
    const { uid, resourceVersion } = { ...object.metadata, ...options.preconditions };
    if (uid !== object.metadata.uid || resourceVersion !== object.metadata.resourceVersion)
      throw new KubeError('the precondition failed', 409);
    this.remove(at);
    return object;
  }

  #store(at: string, object: KubeObject): KubeObject {
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    this.#objects.set(at, stored);
    return stored;
  }

  #drop(at: string): void {
    this.#objects.delete(at);
    this.#version++;
  }
}

/** The parts of a path. The namespace of a cluster-scoped object is ''. */
function parse(at: string) {
  const [first = '', second = '', third, name = '', sub = ''] = at.replace(/^\/api\/v1\/|^\/apis\/[^/]+\/[^/]+\//, '').split('/');
  return first === 'namespaces' && third !== undefined
    ? { resource: third, namespace: second, name, sub }
    : { resource: first, namespace: '', name: second, sub: third ?? '' };
}

const VERB: Record<Method, string> = { GET: 'get', POST: 'create', PUT: 'replace', PATCH: 'patch', DELETE: 'delete' };

function describe(method: Method, at: string, body: object): string {
  const { resource, namespace, name, sub } = parse(at);
  if (resource === 'events') return `create events ${(body as WrittenEvent).reason}`;
  const named = name || (body as KubeObject).metadata.name;
  return `${VERB[method]} ${resource} ${[namespace, named, sub].filter((part) => part !== '').join('/')}`;
}

function isSelected({ metadata, status }: KubeObject, { labelSelector, fieldSelector }: WatchTarget<unknown>): boolean {
  const [, key = '', not, value] = /^(.+?)(!?)=(.*)$/.exec(labelSelector ?? '') ?? [];
  if (labelSelector && (metadata.labels?.[key] === value) === (not === '!')) return false;
  const [field, wanted] = (fieldSelector ?? '').split('=');
  if (field === 'metadata.name') return metadata.name === wanted;
  return field !== 'status.phase' || (status as { phase?: string } | undefined)?.phase === wanted;
}
