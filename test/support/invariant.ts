/**
 * What must hold of a cluster, whatever has happened to the operator, judged from nothing but what the API shows. It
 * shares no code with the operator: a mistake of src/plan must not be repeated by its judge.
 */
import { isDeepStrictEqual } from 'node:util';
import type { RegistryCredentialStatus } from '../../src/api/types.ts';
import type { KubeObject } from './cluster.ts';

/** What the API shows, all of it. */
export interface Seen {
  readonly credentials: readonly KubeObject[];
  readonly namespaces: readonly KubeObject[];
  readonly secrets: readonly KubeObject[];
  readonly accounts: readonly KubeObject[];
}

type Labels = Readonly<Record<string, string>>;
type Named = { readonly name: string; readonly labels: Labels };

/** What one RegistryCredential is meant to bring about, in the words of the test that made it. */
export interface Meant {
  readonly name: string;
  readonly secretName: string;
  /** The name before the last change of it: where another's Secret is in the way of the new one, the former stays. */
  readonly formerName?: string;
  /** By server. */
  readonly logins: Readonly<Record<string, { readonly username: string; readonly password: string }>>;
  wants(namespace: Named): boolean;
  refers(account: Named): boolean;
  /** Takes over Secrets of the right type that others made. */
  readonly adopts?: boolean;
  /** Its Secrets outlive it: they have no owner. */
  readonly retains?: boolean;
  /** It was deleted and has left everything where it was. */
  readonly left?: boolean;
  /** Labels that it puts on its Secrets beside our own. */
  readonly labels?: Labels;
}

/** What others have made, as it was before: by `namespace/name`. */
export interface Foreign {
  readonly secrets: ReadonlyMap<string, KubeObject>;
  readonly accounts: ReadonlyMap<string, KubeObject>;
}

export interface Violation {
  /**
   * - touched: something that is not ours is not as it was
   * - strayed: something of ours is in a place that nobody ever meant
   * - missing, wrong, leftover: work that is not done
   * - untrue: a status says what is not the case
   *
   * The first two must not happen for a moment; the others must have an end.
   */
  readonly kind: 'touched' | 'strayed' | 'missing' | 'wrong' | 'leftover' | 'untrue';
  readonly says: string;
}

export const isTrespass = ({ kind }: Violation) => kind === 'touched' || kind === 'strayed';

const EXCLUDE = 'regcred.dev/exclude';
const RECORD = 'regcred.dev/pull-secrets';
const TYPE = 'kubernetes.io/dockerconfigjson';

/** All that is not as it must be, each in a sentence. */
export function violations(seen: Seen, meant: readonly Meant[], foreign: Foreign): Violation[] {
  const found: Violation[] = [];
  const report = (kind: Violation['kind'], says: string) => void found.push({ kind, says });
  const namespaces = new Map(seen.namespaces.map((namespace) => [namespace.metadata.name, namespace]));
  const secrets = new Map(seen.secrets.map((secret) => [at(secret), secret]));
  const uids = new Map(seen.credentials.map(({ metadata }) => [metadata.name, metadata.uid]));
  const open = seen.namespaces.filter((namespace) => !leaves(namespace) && !optsOut(namespace));
  const targets = new Map(meant.map((one) => [one, open.filter((namespace) => one.wants(named(namespace)))]));
  const wantsIn = (namespace: string) => meant.filter((one) => targets.get(one)?.some(({ metadata }) => metadata.name === namespace));

  // Whoever made the Secret that stands under the name: under Adopt it becomes ours, else it is in the way.
  const inTheWay = (one: Meant, namespace: string): boolean => {
    const other = foreign.secrets.get(`${namespace}/${one.secretName}`);
    return other !== undefined && !(one.adopts && other.type === TYPE);
  };
  // What carries our label without being ours looks as if it had been left behind under Retain, and a reference to that is kept.
  const pretended = (namespace: string) =>
    [...foreign.secrets.values()]
      .filter((secret) => secret.metadata.namespace === namespace && isMarked(secret))
      .map(({ metadata }) => metadata.name);
  const adopted = new Set<string>();
  const expected = new Set<string>();
  const tolerated = new Set<string>();

  for (const one of meant) {
    const synced = { secrets: 0, accounts: 0 };
    const conflicts: string[] = [];
    let accountsWanted = 0;
    for (const { metadata } of targets.get(one) ?? []) {
      const key = `${metadata.name}/${one.secretName}`;
      if (inTheWay(one, metadata.name)) {
        conflicts.push(metadata.name);
        if (one.formerName !== undefined) tolerated.add(`${metadata.name}/${one.formerName}`);
      } else {
        expected.add(key);
        if (foreign.secrets.has(key)) adopted.add(key);
        const problem = wrongSecret(one, uids.get(one.name), secrets.get(key), foreign.secrets.get(key));
        if (problem) report(secrets.has(key) ? 'wrong' : 'missing', `Secret ${key} of ${one.name} ${problem}`);
        else synced.secrets++;
      }
      for (const account of seen.accounts) {
        if (account.metadata.namespace !== metadata.name || optsOut(account) || !one.refers(named(account))) continue;
        accountsWanted++;
        const count = entries(account).filter((name) => name === one.secretName).length;
        if (count === 1) synced.accounts++;
        else report(count === 0 ? 'missing' : 'wrong', `ServiceAccount ${at(account)} refers to ${one.secretName} ${count} times`);
      }
    }
    const credential = seen.credentials.find(({ metadata }) => metadata.name === one.name);
    if (one.left && credential) report('leftover', `RegistryCredential ${one.name} was deleted and is still there`);
    if (one.left) continue;
    if (!credential) report('missing', `RegistryCredential ${one.name} is gone`);
    else {
      const counted = { namespaces: targets.get(one)?.length ?? 0, accounts: accountsWanted };
      for (const says of untrue(one, credential, counted, conflicts)) report('untrue', `The status of ${one.name} ${says}`);
    }
  }

  for (const { metadata } of seen.credentials) {
    if (!meant.some(({ name }) => name === metadata.name)) report('leftover', `RegistryCredential ${metadata.name} is still there`);
  }
  for (const secret of seen.secrets) {
    const key = at(secret);
    const namespace = namespaces.get(secret.metadata.namespace ?? '');
    if (!isMarked(secret) || expected.has(key) || tolerated.has(key) || !namespace || leaves(namespace)) continue;
    // Another's, which only pretends, or which we have written to: that is told of below.
    if (foreign.secrets.get(key)?.metadata.uid === secret.metadata.uid) continue;
    report(optsOut(namespace) ? 'strayed' : 'leftover', `Secret ${key} is ours, and nobody wants it there`);
  }
  for (const [key, before] of foreign.secrets) {
    if (adopted.has(key)) continue;
    const now = secrets.get(key);
    if (!now) report('touched', `Secret ${key} is not ours, and it is gone`);
    else if (!isAsBefore(now, before)) report('touched', `Secret ${key} is not ours, and was changed: ${difference(before, now)}`);
  }
  for (const account of seen.accounts) {
    const namespace = namespaces.get(account.metadata.namespace ?? '');
    if (!namespace || leaves(namespace)) continue;
    const wanted = wantsIn(namespace.metadata.name).filter((one) => !optsOut(account) && one.refers(named(account)));
    const former = wanted.flatMap(({ formerName = '' }) => (tolerated.has(`${namespace.metadata.name}/${formerName}`) ? formerName : []));
    const allowed = [...wanted.map(({ secretName }) => secretName), ...former, ...pretended(namespace.metadata.name)];
    const barred = optsOut(account) || optsOut(namespace);
    for (const { kind, says } of wrongAccount(account, foreign.accounts.get(at(account)), allowed, barred)) {
      report(kind, `ServiceAccount ${at(account)} ${says}`);
    }
  }
  return found;
}

/** What is wrong with a Secret that a credential wants, or undefined. */
function wrongSecret(
  one: Meant,
  uid: string | undefined,
  secret: KubeObject | undefined,
  adopted: KubeObject | undefined,
): string | undefined {
  if (!secret) return 'is not there';
  const { metadata } = secret;
  if (secret.type !== TYPE) return `is of type ${secret.type}`;
  if (secret.immutable) return 'is immutable';
  if (metadata.deletionTimestamp) return 'is being deleted';
  if (Object.keys(secret.data ?? {}).join() !== '.dockerconfigjson') return `has the keys ${Object.keys(secret.data ?? {})}`;
  const auths = Object.fromEntries(
    Object.entries(one.logins).map(([server, { username, password }]) => [
      server,
      { auth: Buffer.from(`${username}:${password}`).toString('base64'), password, username },
    ]),
  );
  if (!isDeepStrictEqual(parse(secret), { auths })) return 'has another content';
  if (metadata.labels?.['app.kubernetes.io/managed-by'] !== 'regcred') return 'has not the label managed-by';
  if (metadata.annotations?.['regcred.dev/credential'] !== one.name) return 'has not the annotation with the name of its credential';
  for (const [key, value] of Object.entries(one.labels ?? {})) if (metadata.labels[key] !== value) return `has not the label ${key}`;
  // Of a credential that is gone the Secret keeps the uid, which nobody can look up any more.
  if (uid !== undefined && metadata.labels['regcred.dev/credential-uid'] !== uid) return 'carries the uid of another credential';
  if (adopted && adopted.metadata.uid !== metadata.uid) return 'was made anew, in place of being taken over';
  const owners = metadata.ownerReferences ?? [];
  if (one.retains || one.left) return owners.length > 0 ? 'has an owner, and would be deleted with it' : undefined;
  const [owner] = owners;
  const isRight = owners.length === 1 && owner?.uid === uid && owner?.controller === true && owner.kind === 'RegistryCredential';
  return isRight ? undefined : `has the owners ${JSON.stringify(owners.map(({ kind, name }) => `${kind} ${name}`))}`;
}

/** What a status says that is not so. */
function untrue(
  one: Meant,
  { metadata, status }: KubeObject,
  wanted: { readonly namespaces: number; readonly accounts: number },
  conflicts: readonly string[],
): string[] {
  if (metadata.deletionTimestamp) return ['is that of an object which is being deleted'];
  const said = (status ?? {}) as RegistryCredentialStatus;
  const synced = wanted.namespaces - conflicts.length;
  const is = (what: string, value: unknown, should: unknown) =>
    isDeepStrictEqual(value, should) ? [] : [`says ${what} ${JSON.stringify(value)} and not ${JSON.stringify(should)}`];
  const conditions = new Map(said.conditions?.map((condition) => [condition.type, condition]));
  const clear = conflicts.length === 0;
  const should = {
    SourcesReady: 'True',
    SecretsSynced: clear ? 'True' : 'False',
    ServiceAccountsSynced: 'True',
    Ready: clear ? 'True' : 'False',
  };
  return [
    ...is('observedGeneration', said.observedGeneration, metadata.generation),
    ...is('secretName', said.secretName, one.secretName),
    ...is('summary', said.summary, `${synced}/${wanted.namespaces}`),
    ...is('namespaces', said.namespaces, { desired: wanted.namespaces, synced, failed: 0, conflicted: conflicts.length }),
    ...is('serviceAccounts', said.serviceAccounts, { desired: wanted.accounts, synced: wanted.accounts, failed: 0, conflicted: 0 }),
    ...is('failuresTotal', said.failuresTotal, conflicts.length),
    ...is(
      'failures in',
      said.failures?.map(({ namespace }) => namespace),
      [...conflicts].sort().slice(0, 20),
    ),
    ...Object.entries(should).flatMap(([type, value]) => [
      ...is(type, conditions.get(type)?.status, value),
      ...is(`${type} for generation`, conditions.get(type)?.observedGeneration, metadata.generation),
    ]),
  ];
}

/** What is wrong with an account, beside a reference that is missing. */
function wrongAccount(
  account: KubeObject,
  before: KubeObject | undefined,
  allowed: readonly string[],
  barred: boolean,
): { kind: Violation['kind']; says: string }[] {
  const recorded = (account.metadata.annotations?.[RECORD] ?? '').split(',').filter(Boolean);
  const others = before ? entries(before) : [];
  const foreign = entries(account).filter((name) => !recorded.includes(name));
  const stray = barred ? ('strayed' as const) : ('leftover' as const);
  return [
    ...(isDeepStrictEqual(foreign, others)
      ? []
      : [{ kind: 'touched' as const, says: `had the entries [${others}] of others, and has [${foreign}]` }]),
    ...(before && !isDeepStrictEqual(bare(account), bare(before))
      ? [{ kind: 'touched' as const, says: `was changed beside its imagePullSecrets: ${difference(bare(before), bare(account))}` }]
      : []),
    ...recorded
      .filter((name) => !allowed.includes(name))
      .map((name) => ({ kind: stray, says: `records ${name}, which nobody wants there` })),
  ];
}

const at = ({ metadata }: KubeObject) => `${metadata.namespace}/${metadata.name}`;
const named = ({ metadata }: KubeObject): Named => ({ name: metadata.name, labels: metadata.labels ?? {} });
const entries = (account: KubeObject) => (account.imagePullSecrets ?? []).map(({ name }) => name);
const optsOut = ({ metadata }: KubeObject) => metadata.labels?.[EXCLUDE] === 'true';
const isMarked = ({ metadata }: KubeObject) => metadata.labels?.['app.kubernetes.io/managed-by'] === 'regcred';
/** To the byte, resourceVersion and all. */
const isAsBefore = (now: KubeObject, before: KubeObject | undefined) => before !== undefined && isDeepStrictEqual(now, before);
const leaves = ({ metadata, status }: KubeObject) =>
  metadata.deletionTimestamp !== undefined || (status as { phase?: string } | undefined)?.phase === 'Terminating';

function parse({ data }: KubeObject): unknown {
  try {
    return JSON.parse(Buffer.from(data?.['.dockerconfigjson'] ?? '', 'base64').toString());
  } catch {
    return undefined;
  }
}

/** An account without what we may write. */
function bare(account: KubeObject): object {
  const { imagePullSecrets: _, metadata, ...rest } = account as KubeObject & { metadata: { managedFields?: unknown } };
  const { resourceVersion: _version, managedFields: _fields, annotations = {}, ...kept } = metadata;
  const { [RECORD]: _record, ...others } = annotations;
  return { ...rest, metadata: { ...kept, annotations: others } };
}

/** Which fields differ, without their values: they may be secret. */
function difference(before: object, now: object, path = ''): string {
  const keys = new Set([...Object.keys(before), ...Object.keys(now)]);
  const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
  return [...keys]
    .flatMap((key) => {
      const [a, b] = [before, now].map((object) => (object as Record<string, unknown>)[key]);
      if (isDeepStrictEqual(a, b)) return [];
      return isObject(a) && isObject(b) ? difference(a, b, `${path}${key}.`) : `${path}${key}`;
    })
    .join(', ');
}
