/**
 * Checks that a test run leaks no secret: searches everything that the operators printed or wrote for every value that was in a
 * Secret of a test. hooks.ts registers it, so that it covers every test that runs; the search happens after the last test.
 */
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LABEL, MANAGER } from '../../src/api/names.ts';
import { path } from '../../src/cluster/paths.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { Timeline } from '../../src/kube/timeline.ts';
import { watch } from '../../src/kube/watch.ts';
import { connect } from './api.ts';

/** The directory in which each operator of the run records its output, including an operator that a script started. */
const DIRECTORY = 'REGCRED_TEST_SAID';

/** A search for a shorter value would find it by chance. */
const SHORTEST = 8;

const NOTHING = { namespace: '', name: '', uid: '', resourceVersion: '' };

export interface Leak {
  readonly value: string;
  readonly as: string;
  readonly where: string;
  readonly near: string;
}

/** The secret values and the output of a run. */
export class Canaries {
  readonly planted = new Map<string, string>();
  readonly #said = new Map<string, Set<string>>();
  readonly #watching: Promise<void>[] = [];

  /** Starts to record the output. */
  begin(): void {
    process.env[DIRECTORY] = mkdtempSync(join(tmpdir(), 'regcred-said-'));
  }

  plant(value: string, where: string): void {
    if (value !== '') this.planted.set(value, where);
  }

  say(where: string, text: string): void {
    this.#said.set(where, (this.#said.get(where) ?? new Set()).add(text));
  }

  /** Follows a cluster while it runs: the values in its Secrets, and everything that the operator writes for users. */
  observe(kubeconfig: string): () => Promise<void> {
    const stop = new AbortController();
    const api = connect(kubeconfig);
    const follow = async (at: string, take: (object: KubeObject) => void) => {
      const read = (object: KubeObject) => {
        take(object);
        return NOTHING;
      };
      const events = watch({ kube: api, timeline: new Timeline(), retryMs: () => 200 }, { path: at, read }, stop.signal);
      for await (const _ of events) if (stop.signal.aborted) return;
    };
    const done = Promise.all([
      follow(path.secrets, (secret) => this.#takeSecret(secret)),
      follow(path.credentials, ({ metadata, status }) => this.say('a status or its object', JSON.stringify({ metadata, status }))),
      follow('/api/v1/events', (event) => this.say('an Event', JSON.stringify(event))),
      follow(path.accounts, ({ metadata, imagePullSecrets }) =>
        this.say('a ServiceAccount', JSON.stringify({ metadata, imagePullSecrets })),
      ),
    ]).then(() => api.close());
    this.#watching.push(done);
    return async () => {
      stop.abort();
      await done;
    };
  }

  #takeSecret({ metadata, type = '', data = {} }: KubeObject): void {
    if (metadata.labels?.[LABEL.managedBy] === MANAGER) this.say('a Secret of ours, outside of its data', JSON.stringify(metadata));
    for (const [key, value] of Object.entries(data)) {
      const text = Buffer.from(value, 'base64').toString();
      for (const secret of secretsIn(type, key, text)) this.plant(secret, `${metadata.namespace}/${metadata.name}, key ${key}`);
    }
  }

  /** Searches all output, and returns the secret values in it. */
  leaks(): Leak[] {
    const directory = process.env[DIRECTORY];
    if (directory)
      for (const file of readdirSync(directory)) this.say(file.replace(/-.*/, ''), readFileSync(join(directory, file), 'utf8'));
    const said = Array.from(this.#said, ([where, texts]) => ({ where, text: [...texts].join('\n') }));
    return [...this.planted.keys()].filter((value) => value.length >= SHORTEST).flatMap((value) => leaksOf(value, said));
  }

  /** The secret values that are too short for a search. */
  tooPlain(): string[] {
    return Array.from(this.planted, ([value, where]) => ({ value, where }))
      .filter(({ value }) => value.length < SHORTEST)
      .map(({ value, where }) => `${JSON.stringify(value)} in ${where}`);
  }

  /** The number of values and of recorded outputs: it shows that there was something to search. */
  get size(): { planted: number; said: Record<string, number> } {
    return { planted: this.planted.size, said: Object.fromEntries(Array.from(this.#said, ([where, texts]) => [where, texts.size])) };
  }

  end(): void {
    const directory = process.env[DIRECTORY];
    if (directory) rmSync(directory, { recursive: true, force: true });
    delete process.env[DIRECTORY];
  }
}

/** Records the output of a process. Does nothing outside of a test run. */
export function keepOutput(kind: 'log' | 'metrics', of: number | undefined, text: string): void {
  const directory = process.env[DIRECTORY];
  if (directory) appendFileSync(join(directory, `${kind}-${of}`), text);
}

/** The confidential values in one key of a Secret: not usernames, servers or the structure. */
export function secretsIn(type: string, key: string, text: string): string[] {
  if (type === 'kubernetes.io/basic-auth' && key !== 'password') return [];
  if (key === 'username' || key === 'user') return [];
  // The Secrets of imps for ECR say which registry they are for.
  if (type.endsWith('/aws-ecr-login-config') && ['region', 'accountID'].includes(key)) return [];
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    return [text];
  }
  if (typeof config !== 'object' || config === null) return [text];
  const found: string[] = [];
  const visit = (name: string, value: unknown): void => {
    if (typeof value === 'object' && value !== null) for (const [inner, field] of Object.entries(value)) visit(inner, field);
    if (typeof value !== 'string') return;
    if (['password', 'identitytoken', 'registrytoken'].includes(name)) found.push(value);
    if (name === 'auth')
      found.push(
        Buffer.from(value, 'base64')
          .toString()
          .replace(/^[^:]*:/, ''),
      );
  };
  visit('', config);
  if (key === 'state.json') found.push(...hashesIn(config as Partial<State>));
  return found;
}

interface State {
  readonly key: string;
  readonly checks: readonly (readonly [hash: string, record: object])[];
}

/** In a state Secret: the keyed hashes of passwords, and their key. */
const hashesIn = ({ key = '', checks = [] }: Partial<State>): string[] => [key, ...checks.map(([hash]) => hash)];

/** Each encoding in which a value may leak. */
export function formsOf(value: string): Record<string, string> {
  const json = JSON.stringify(value).slice(1, -1);
  const plain: Record<string, string> = {
    plain: value,
    'JSON-escaped': json,
    'URI-encoded': encodeURIComponent(value),
    hex: Buffer.from(value).toString('hex'),
  };
  const encoded = ['plain', 'JSON-escaped'].flatMap((name) =>
    [0, 1, 2].flatMap((offset) => {
      const core = base64Core(plain[name] as string, offset);
      return [
        [`base64 of something that holds it ${name}, at ${offset}`, core],
        [`base64url of something that holds it ${name}, at ${offset}`, core.replaceAll('+', '-').replaceAll('/', '_')],
      ];
    }),
  );
  return { ...plain, ...Object.fromEntries(encoded) };
}

/**
 * The part of the base64 of a longer text that the value determines, at each of three positions: `user:value`, or whole docker configs.
 * The characters at both ends depend on the neighbours and are left out.
 */
function base64Core(value: string, offset: number): string {
  const bytes = Buffer.from(value);
  const begin = (3 - offset) % 3;
  const whole = bytes.subarray(begin, begin + Math.floor((bytes.length - begin) / 3) * 3);
  return whole.toString('base64');
}

function leaksOf(value: string, said: readonly { where: string; text: string }[]): Leak[] {
  // Many encodings of a value are equal: each is searched for once.
  const forms = new Map(
    Object.entries(formsOf(value))
      .reverse()
      .map(([as, form]) => [form, as]),
  );
  return [...forms].flatMap(([form, as]) =>
    said.flatMap(({ where, text }) => {
      const at = text.indexOf(form);
      return at < 0 ? [] : [{ value, as, where, near: text.slice(Math.max(0, at - 100), at + form.length + 100) }];
    }),
  );
}
