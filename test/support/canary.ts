/**
 * A run lets no secret out: every value that lay in a Secret of a test is looked for in everything that the operators have
 * said. Registered by hooks.ts, so that it covers whatever is run, and looked at when all of it is done.
 */
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LABEL, MANAGER } from '../../src/api/names.ts';
import type { KubeObject } from '../../src/kube/records.ts';
import { path } from '../../src/kube/resources.ts';
import { watch } from '../../src/kube/watch.ts';
import { connect } from './api.ts';

/** Where every operator of the run leaves what it has said, also one that a script of the run has started. */
const DIRECTORY = 'REGCRED_TEST_SAID';

/** Shorter ones would be found by chance. */
const SHORTEST = 8;

const NOTHING = { namespace: '', name: '', uid: '', resourceVersion: '' };

export interface Leak {
  readonly value: string;
  readonly as: string;
  readonly where: string;
  readonly near: string;
}

/** What was planted and what was said in a run. */
export class Canaries {
  readonly planted = new Map<string, string>();
  readonly #said = new Map<string, Set<string>>();
  readonly #watching: Promise<void>[] = [];

  /** From here on everything is kept. */
  begin(): void {
    process.env[DIRECTORY] = mkdtempSync(join(tmpdir(), 'regcred-said-'));
  }

  plant(value: string, where: string): void {
    if (value !== '') this.planted.set(value, where);
  }

  say(where: string, text: string): void {
    this.#said.set(where, (this.#said.get(where) ?? new Set()).add(text));
  }

  /** Follows what is in a cluster for as long as it is up: the values in its Secrets, and what the operator writes for people to read. */
  observe(kubeconfig: string): () => Promise<void> {
    const stop = new AbortController();
    const api = connect(kubeconfig);
    const follow = async (at: string, take: (object: KubeObject) => void) => {
      const read = (object: KubeObject) => {
        take(object);
        return NOTHING;
      };
      const events = watch(api, { path: at, read }, () => 200, stop.signal);
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

  /** Everything that was said, and in it what should not have been. */
  leaks(): Leak[] {
    const directory = process.env[DIRECTORY];
    if (directory)
      for (const file of readdirSync(directory)) this.say(file.replace(/-.*/, ''), readFileSync(join(directory, file), 'utf8'));
    const said = Array.from(this.#said, ([where, texts]) => ({ where, text: [...texts].join('\n') }));
    return [...this.planted.keys()].filter((value) => value.length >= SHORTEST).flatMap((value) => leaksOf(value, said));
  }

  /** What was planted and could not be looked for. */
  tooPlain(): string[] {
    return Array.from(this.planted, ([value, where]) => ({ value, where }))
      .filter(({ value }) => value.length < SHORTEST)
      .map(({ value, where }) => `${JSON.stringify(value)} in ${where}`);
  }

  /** How much there was of it, for whoever wonders whether anything was looked at. */
  get size(): { planted: number; said: Record<string, number> } {
    return { planted: this.planted.size, said: Object.fromEntries(Array.from(this.#said, ([where, texts]) => [where, texts.size])) };
  }

  end(): void {
    const directory = process.env[DIRECTORY];
    if (directory) rmSync(directory, { recursive: true, force: true });
    delete process.env[DIRECTORY];
  }
}

/** Where a process leaves what it says; nothing is kept outside of a run of the tests. */
export function keepSaid(kind: 'log' | 'metrics', of: number | undefined, text: string): void {
  const directory = process.env[DIRECTORY];
  if (directory) appendFileSync(join(directory, `${kind}-${of}`), text);
}

/** The values in one key of a Secret that nobody else may see: not usernames, servers or what only shapes them. */
export function secretsIn(type: string, key: string, text: string): string[] {
  if (type === 'kubernetes.io/basic-auth' && key !== 'password') return [];
  if (key === 'username' || key === 'user') return [];
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
  return found;
}

/** Each form that a value may be given away in. */
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
 * What base64 of a text with the value in it has in it, wherever the value begins: `user:value`, and whole docker configs.
 * The characters at either end that depend on the neighbours are left out.
 */
function base64Core(value: string, offset: number): string {
  const bytes = Buffer.from(value);
  const begin = (3 - offset) % 3;
  const whole = bytes.subarray(begin, begin + Math.floor((bytes.length - begin) / 3) * 3);
  return whole.toString('base64');
}

function leaksOf(value: string, said: readonly { where: string; text: string }[]): Leak[] {
  // Many forms are the same for most values: each is looked for once.
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
