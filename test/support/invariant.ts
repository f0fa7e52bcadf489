/**
 * The conditions that must hold in a cluster after any fault, judged only by the objects in the API. This file shares no code with
 * the operator, so that it cannot repeat a mistake of src/plan.
 */
import { isDeepStrictEqual } from 'node:util';
import type { RegistryCredentialStatus } from '../../src/api/types.ts';
import type { KubeObject } from './cluster.ts';

/** All objects that the API shows. */
export interface Seen {
  /** Of both kinds: those of a tenant have a namespace. */
  readonly credentials: readonly KubeObject[];
  readonly namespaces: readonly KubeObject[];
  readonly secrets: readonly KubeObject[];
  readonly accounts: readonly KubeObject[];
}

type Labels = Readonly<Record<string, string>>;
type Named = { readonly name: string; readonly labels: Labels };

/** The expected result of one credential, as the test that created it defines it. */
export interface Meant {
  readonly name: string;
  /** The namespace of a NamespacedRegistryCredential. It reaches others only if they accept it. */
  readonly home?: string;
  readonly secretName: string;
  /** The former secretName: if a Secret of others blocks the new name, the Secret with the former name stays. */
  readonly formerName?: string;
  /** The expected logins, by server. */
  readonly logins: Readonly<Record<string, { readonly username: string; readonly password: string }>>;
  wants(namespace: Named): boolean;
  refers(account: Named): boolean;
  /** Namespaces of which none has ever accepted it: it must not be there for a moment. */
  never?(namespace: Named): boolean;
  /** The credential adopts Secrets of the right type that others created. */
  readonly adopts?: boolean;
  /** The Secrets outlive the credential: they have no owner. */
  readonly retains?: boolean;
  /** The credential was deleted and has left everything in place. */
  readonly left?: boolean;
  /** Labels of its Secrets in addition to our own. */
  readonly labels?: Labels;
}

/** The original objects of others, by `namespace/name`. */
export interface Foreign {
  readonly secrets: ReadonlyMap<string, KubeObject>;
  readonly accounts: ReadonlyMap<string, KubeObject>;
}

export interface Violation {
  /**
   * - touched: an object of others has changed
   * - strayed: an object of ours is in a place where it was never desired
   * - missing, wrong, leftover: work that is not finished
   * - untrue: a status does not match the cluster
   *
   * The first two must never happen, not even for a moment; the others must end.
   */
  readonly kind: 'touched' | 'strayed' | 'missing' | 'wrong' | 'leftover' | 'untrue';
  readonly says: string;
}

export const isTrespass = ({ kind }: Violation) => kind === 'touched' || kind === 'strayed';

/** How the annotation of a Secret names its credential. */
export const idOf = ({ home, name }: Pick<Meant, 'home' | 'name'>) => (home === undefined ? name : `${home}/${name}`);

const FINALIZER = 'regcred.dev/cleanup';
const EXCLUDE = 'regcred.dev/exclude';
const RECORD = 'regcred.dev/pull-secrets';
const TYPE = 'kubernetes.io/dockerconfigjson';

/** Returns all violations, each with a sentence. */
export function violations(seen: Seen, meant: readonly Meant[], foreign: Foreign): Violation[] {
  const found: Violation[] = [];
  const report = (kind: Violation['kind'], says: string) => void found.push({ kind, says });
  const namespaces = new Map(seen.namespaces.map((namespace) => [namespace.metadata.name, namespace]));
  const secrets = new Map(seen.secrets.map((secret) => [at(secret), secret]));
  const credentials = new Map(seen.credentials.map((credential) => [idOfObject(credential), credential]));
  const open = seen.namespaces.filter((namespace) => !leaves(namespace) && !optsOut(namespace));
  const targets = new Map(meant.map((one) => [one, open.filter((namespace) => one.wants(named(namespace)) && reaches(one, namespace))]));
  const wantsIn = (namespace: string) => meant.filter((one) => targets.get(one)?.some(({ metadata }) => metadata.name === namespace));

  // Another credential with the same Secret name goes first in this namespace.
  const outranked = (one: Meant, namespace: string): boolean => {
    const holder = secrets.get(`${namespace}/${one.secretName}`)?.metadata.labels?.['regcred.dev/credential-uid'];
    const ranks = (other: Meant) => {
      const { uid = '', creationTimestamp = '' } = (credentials.get(idOf(other))?.metadata ?? {}) as {
        uid?: string;
        creationTimestamp?: string;
      };
      const kind = other.home === undefined ? '0' : other.home === namespace ? '1' : '2';
      return [kind, uid === holder ? '0' : '1', creationTimestamp, uid].join(' ');
    };
    return wantsIn(namespace).some(
      (other) => other !== one && !one.left && !other.left && other.secretName === one.secretName && ranks(other) < ranks(one),
    );
  };
  // A Secret of others has this name: under Adopt it becomes ours, otherwise it is a conflict.
  const inTheWay = (one: Meant, namespace: string): boolean => {
    const other = foreign.secrets.get(`${namespace}/${one.secretName}`);
    return other !== undefined && !(one.adopts && other.type === TYPE);
  };
  // A Secret of others with our label looks like a retained one, and the operator keeps a reference to it.
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
    const credential = credentials.get(idOf(one));
    for (const { metadata } of targets.get(one) ?? []) {
      const key = `${metadata.name}/${one.secretName}`;
      if (outranked(one, metadata.name)) {
        conflicts.push(metadata.name);
        continue;
      }
      if (inTheWay(one, metadata.name)) {
        conflicts.push(metadata.name);
        if (one.formerName !== undefined) tolerated.add(`${metadata.name}/${one.formerName}`);
      } else {
        expected.add(key);
        if (foreign.secrets.has(key)) adopted.add(key);
        const problem = wrongSecret(one, credential?.metadata.uid, secrets.get(key), foreign.secrets.get(key));
        if (problem) report(secrets.has(key) ? 'wrong' : 'missing', `Secret ${key} of ${idOf(one)} ${problem}`);
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
    if (one.left && credential) report('leftover', `The credential ${idOf(one)} was deleted and is still there`);
    if (one.left) continue;
    if (!credential) report('missing', `The credential ${idOf(one)} is gone`);
    else {
      const counted = { namespaces: targets.get(one)?.length ?? 0, accounts: accountsWanted };
      for (const says of untrue(one, credential, counted, conflicts)) report('untrue', `The status of ${idOf(one)} ${says}`);
      const isElsewhere = one.home === undefined || targets.get(one)?.some(({ metadata }) => metadata.name !== one.home);
      const hasFinalizer = credential.metadata.finalizers?.includes(FINALIZER) ?? false;
      if (hasFinalizer !== isElsewhere)
        report('wrong', `The credential ${idOf(one)} ${hasFinalizer ? 'has a needless' : 'lacks its'} finalizer`);
    }
  }

  for (const id of credentials.keys()) {
    if (!meant.some((one) => idOf(one) === id)) report('leftover', `The credential ${id} is still there`);
  }
  for (const secret of seen.secrets) {
    const key = at(secret);
    const namespace = namespaces.get(secret.metadata.namespace ?? '');
    if (!isMarked(secret) || expected.has(key) || tolerated.has(key) || !namespace || leaves(namespace)) continue;
    // Forged labels, or a Secret of others that we changed: the check below reports that.
    if (foreign.secrets.get(key)?.metadata.uid === secret.metadata.uid) continue;
    const author = meant.find((one) => idOf(one) === secret.metadata.annotations?.['regcred.dev/credential']);
    const isStray = optsOut(namespace) || author?.never?.(named(namespace));
    report(isStray ? 'strayed' : 'leftover', `Secret ${key} is ours, and no credential desires it`);
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
    const never = meant.filter((one) => one.never?.(named(namespace))).map(({ secretName }) => secretName);
    const barred = optsOut(account) || optsOut(namespace) ? 'all' : never;
    for (const { kind, says } of wrongAccount(account, foreign.accounts.get(at(account)), allowed, barred)) {
      report(kind, `ServiceAccount ${at(account)} ${says}`);
    }
  }
  return found;
}

/** Returns what is wrong with a desired Secret, or undefined. */
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
  if (!isDeepStrictEqual(parse(secret), { auths })) return 'has other content';
  if (metadata.labels?.['app.kubernetes.io/managed-by'] !== 'regcred') return 'does not have the label managed-by';
  if (metadata.annotations?.['regcred.dev/credential'] !== idOf(one)) return 'does not have the annotation with the name of its credential';
  for (const [key, value] of Object.entries(one.labels ?? {})) if (metadata.labels[key] !== value) return `does not have the label ${key}`;
  // After the credential is deleted, its Secret keeps the uid, which the API no longer shows.
  if (uid !== undefined && metadata.labels['regcred.dev/credential-uid'] !== uid) return 'has the uid of another credential';
  if (adopted && adopted.metadata.uid !== metadata.uid) return 'was deleted and created again, instead of being adopted';
  const owners = metadata.ownerReferences ?? [];
  if (one.retains || one.left) return owners.length > 0 ? 'has an owner, and would be deleted with it' : undefined;
  // The garbage collector deletes what has an owner in another namespace.
  if (one.home !== undefined && one.home !== metadata.namespace) return owners.length > 0 ? 'has an owner in another namespace' : undefined;
  const [owner] = owners;
  const kind = one.home === undefined ? 'RegistryCredential' : 'NamespacedRegistryCredential';
  const isRight = owners.length === 1 && owner?.uid === uid && owner?.controller === true && owner.kind === kind;
  return isRight ? undefined : `has the owners ${JSON.stringify(owners.map(({ kind, name }) => `${kind} ${name}`))}`;
}

/** Returns the parts of a status that do not match the cluster. */
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

/** Returns what is wrong with an account, apart from a missing reference. */
function wrongAccount(
  account: KubeObject,
  before: KubeObject | undefined,
  allowed: readonly string[],
  barred: 'all' | readonly string[],
): { kind: Violation['kind']; says: string }[] {
  const recorded = (account.metadata.annotations?.[RECORD] ?? '').split(',').filter(Boolean);
  const others = before ? entries(before) : [];
  const foreign = entries(account).filter((name) => !recorded.includes(name));
  const stray = (name: string) => (barred === 'all' || barred.includes(name) ? ('strayed' as const) : ('leftover' as const));
  return [
    ...(isDeepStrictEqual(foreign, others)
      ? []
      : [{ kind: 'touched' as const, says: `had the entries [${others}] of others, and has [${foreign}]` }]),
    ...(before && !isDeepStrictEqual(bare(account), bare(before))
      ? [{ kind: 'touched' as const, says: `was changed beside its imagePullSecrets: ${difference(bare(before), bare(account))}` }]
      : []),
    ...recorded
      .filter((name) => !allowed.includes(name))
      .map((name) => ({ kind: stray(name), says: `records ${name}, which no credential desires` })),
  ];
}

const at = ({ metadata }: KubeObject) => `${metadata.namespace}/${metadata.name}`;
const idOfObject = ({ metadata: { namespace, name } }: KubeObject) => idOf({ name, ...(namespace !== undefined && { home: namespace }) });
/** Only a NamespacedRegistryCredential needs acceptance, and not at home. */
const reaches = ({ home }: Meant, { metadata }: KubeObject) =>
  home === undefined ||
  metadata.name === home ||
  (metadata.annotations?.['regcred.dev/accept-from'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .includes(home);
const named = ({ metadata }: KubeObject): Named => ({ name: metadata.name, labels: metadata.labels ?? {} });
const entries = (account: KubeObject) => (account.imagePullSecrets ?? []).map(({ name }) => name);
const optsOut = ({ metadata }: KubeObject) => metadata.labels?.[EXCLUDE] === 'true';
const isMarked = ({ metadata }: KubeObject) => metadata.labels?.['app.kubernetes.io/managed-by'] === 'regcred';
/** Compares all fields, including resourceVersion. */
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

/** The account without the fields that we may write. */
function bare(account: KubeObject): object {
  const { imagePullSecrets: _, metadata, ...rest } = account as KubeObject & { metadata: { managedFields?: unknown } };
  const { resourceVersion: _version, managedFields: _fields, annotations = {}, ...kept } = metadata;
  const { [RECORD]: _record, ...others } = annotations;
  return { ...rest, metadata: { ...kept, annotations: others } };
}

/** The names of the fields that differ, without their values, which may be secret. */
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
