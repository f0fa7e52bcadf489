/** An API server in memory for the tests of the page: lists, single objects and watches, of thousands of objects if a test wants so. */
import type { Call, KubeClient, Method } from '../../src/kube/client.ts';
import { KubeError } from '../../src/kube/errors.ts';

export interface Stored {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly resourceVersion?: string;
    readonly [field: string]: unknown;
  };
  readonly [member: string]: unknown;
}

interface Line {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: Stored;
}

interface Watcher {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly push: (line: Line) => void;
}

const PAGE = 500;

export class PageKube {
  readonly #collections = new Map<string, Map<string, Stored>>();
  readonly #watchers = new Set<Watcher>();
  #version = 1;
  #lists = new Map<string, readonly Stored[]>();
  /** The paths that a request may not read. */
  forbidden: RegExp | undefined;
  /** The kinds that the cluster does not have. */
  missing: RegExp | undefined;
  /** While it is true, no request is answered, and every watch breaks. */
  isDown = false;

  /** As the page's code sees it. */
  get client(): KubeClient {
    return this as unknown as KubeClient;
  }

  /** Creates or replaces an object of a collection in all namespaces, such as /api/v1/secrets. */
  put(collection: string, object: Stored): void {
    const objects = this.#collections.get(collection) ?? new Map<string, Stored>();
    this.#collections.set(collection, objects);
    const key = keyOf(object.metadata);
    const stored = { ...object, metadata: { uid: `uid-${key}`, ...object.metadata, resourceVersion: String(++this.#version) } };
    this.#tell(collection, { type: objects.has(key) ? 'MODIFIED' : 'ADDED', object: stored });
    objects.set(key, stored);
  }

  remove(collection: string, metadata: Stored['metadata']): void {
    const objects = this.#collections.get(collection);
    const object = objects?.get(keyOf(metadata));
    if (!object) throw new Error(`There is no ${keyOf(metadata)} in ${collection}.`);
    objects?.delete(keyOf(metadata));
    this.#tell(collection, {
      type: 'DELETED',
      object: { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } },
    });
  }

  /** Breaks every watch, as when the API server restarts. */
  breakWatches(): void {
    for (const watcher of this.#watchers)
      watcher.push({ type: 'ERROR' as 'DELETED', object: { metadata: { name: '' }, message: 'the API server restarts', code: 500 } });
  }

  async call(_: Method, path: string, { query = {} }: Call = {}): Promise<unknown> {
    this.#admit(path);
    const { collection, namespace, name } = parse(path);
    if (name === undefined) return this.#list(collection, namespace, query);
    const found = this.#collections.get(collection)?.get(keyOf({ namespace, name }));
    if (!found) throw new KubeError(`${name} not found`, 404, { reason: 'NotFound' });
    return found;
  }

  async open(path: string, { query = {}, signal }: Call): Promise<AsyncGenerator<readonly Line[]>> {
    this.#admit(path);
    if (query.sendInitialEvents) throw new KubeError('sendInitialEvents is forbidden for watch', 422, { reason: 'Invalid' });
    const lines: Line[] = [];
    let wake = () => {};
    const watcher: Watcher = {
      path: parse(path).collection,
      query,
      push: (line) => {
        lines.push(line);
        wake();
      },
    };
    this.#watchers.add(watcher);
    const watchers = this.#watchers;
    signal?.addEventListener('abort', () => wake(), { once: true });
    return (async function* () {
      try {
        while (!signal?.aborted) {
          while (lines.length > 0) yield lines.splice(0);
          await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        watchers.delete(watcher);
      }
    })();
  }

  close = async (): Promise<void> => {};

  #admit(path: string): void {
    if (this.isDown) throw new KubeError('the API server cannot be reached: connect ECONNREFUSED', 0);
    if (this.missing?.test(path)) throw new KubeError('the server could not find the requested resource', 404);
    if (this.forbidden?.test(path)) throw new KubeError(`User "jane" cannot read ${path}`, 403, { reason: 'Forbidden' });
  }

  #list(collection: string, namespace: string | undefined, query: Readonly<Record<string, string>>) {
    const key = JSON.stringify([collection, namespace, query.labelSelector, query.fieldSelector]);
    const from = Number(query.continue ?? 0);
    if (from === 0) {
      const all = Array.from(this.#collections.get(collection)?.values() ?? []);
      this.#lists.set(
        key,
        all.filter((object) => (namespace === undefined || object.metadata.namespace === namespace) && selects(query, object)),
      );
    }
    const items = this.#lists.get(key) ?? [];
    const next = query.limit !== undefined && items.length > from + PAGE ? { continue: String(from + PAGE) } : {};
    return {
      metadata: { resourceVersion: String(this.#version), ...next },
      items: query.limit === undefined ? items : items.slice(from, from + PAGE),
    };
  }

  #tell(collection: string, line: Line): void {
    for (const { path, query, push } of this.#watchers) if (path === collection && selects(query, line.object)) push(line);
  }
}

const keyOf = ({ namespace = '', name }: { readonly namespace?: string | undefined; readonly name: string }) => `${namespace}/${name}`;

/** The selectors that the program uses: a label that is or is not `regcred`, a name, and a phase. */
function selects({ labelSelector = '', fieldSelector = '' }: Readonly<Record<string, string>>, { metadata, status }: Stored): boolean {
  const managed = metadata.labels?.['app.kubernetes.io/managed-by'] === 'regcred';
  if (labelSelector !== '' && managed === labelSelector.includes('!=')) return false;
  return fieldSelector.split(',').every((part) => {
    const [field = '', value = ''] = part.split('=');
    if (field === 'metadata.name') return metadata.name === value;
    if (field === 'status.phase') return (status as { phase?: string } | undefined)?.phase === value;
    return true;
  });
}

/** /api/v1/namespaces/shop/pods/web is the object web of /api/v1/pods in shop. */
function parse(path: string): { collection: string; namespace: string | undefined; name: string | undefined } {
  const [, prefix = '', namespace, kind, name] =
    /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)\/namespaces\/([^/]+)\/([^/]+)(?:\/([^/]+))?$/.exec(path) ?? [];
  if (kind !== undefined) return { collection: `${prefix}/${kind}`, namespace, name };
  const [, collection = path, only] = /^((?:\/api\/v1|\/apis\/[^/]+\/[^/]+)\/[^/]+)(?:\/([^/]+))?$/.exec(path) ?? [];
  return { collection, namespace: undefined, name: only };
}
