/** Records with useful defaults, so that a test states only what matters to it: `secret({ immutable: true })`. */
import { contentHash } from '../../src/api/hash.ts';
import type { AccountRecord, CredentialRecord, NamespaceRecord, PodRecord, SecretRecord, SourceRecord } from '../../src/api/records.ts';
import type { RegistryCredentialSpec } from '../../src/api/types.ts';
import type { Content } from '../../src/plan/content/content.ts';
import type { Intent } from '../../src/plan/placement/intent.ts';
import type { SourcesFacts, VerificationFacts } from '../../src/plan/status/facts.ts';

export const base64 = (text: string) => Buffer.from(text).toString('base64');

type WithSpec<R extends { readonly spec: RegistryCredentialSpec }> = Partial<Omit<R, 'spec'>> & {
  readonly spec?: Partial<RegistryCredentialSpec>;
};

/** A spec as the API server stores it: with the defaults of the schema. */
export const spec = (mods: Partial<RegistryCredentialSpec> = {}): RegistryCredentialSpec => ({
  namespaces: { names: ['*'] },
  serviceAccounts: { names: ['default'] },
  podInjection: 'Append',
  conflictPolicy: 'Fail',
  deletionPolicy: 'Delete',
  podRecovery: 'None',
  suspend: false,
  verification: { mode: 'Report', interval: '6h' },
  ...mods,
});

export const credential = (mods: WithSpec<CredentialRecord> = {}): CredentialRecord => ({
  ...identity('', mods.name ?? 'acme'),
  kind: 'RegistryCredential',
  createdAt: 0,
  generation: 1,
  finalizers: ['regcred.dev/cleanup'],
  terminating: false,
  status: undefined,
  ...mods,
  spec: spec(mods.spec),
});

export const intent = (mods: WithSpec<Intent> = {}): Intent => {
  const name = mods.name ?? 'acme';
  const wanted = {
    kind: 'RegistryCredential' as const,
    namespace: '',
    name,
    uid: `uid-${name}`,
    createdAt: 0,
    secretName: name,
    mode: 'sync' as const,
    content: content(),
    ...mods,
    spec: spec(mods.spec),
  };
  const { secretMetadata, deletionPolicy } = wanted.spec;
  return { desiredState: JSON.stringify([wanted.content?.hash, secretMetadata, deletionPolicy]), ...wanted };
};

/** A docker config of one server, in the form in which it is placed. */
export function content(password = 'sample-password', server = 'registry.example.com'): Content {
  const data = base64(JSON.stringify({ auths: { [server]: { auth: base64(`robot:${password}`), password, username: 'robot' } } }));
  return { data, hash: contentHash(data), servers: 1, names: [server] };
}

export const namespace = (mods: Partial<NamespaceRecord> = {}): NamespaceRecord => ({
  ...identity('', mods.name ?? 'shop'),
  labels: {},
  acceptFrom: [],
  terminating: false,
  ...mods,
});

export const account = (mods: Partial<AccountRecord> = {}): AccountRecord => ({
  ...identity('shop', mods.name ?? 'default'),
  labels: {},
  pullSecrets: [],
  recorded: [],
  changedAt: 0,
  terminating: false,
  ...mods,
});

/** The desired Secret of `intent()` in `namespace()`. */
export const secret = (mods: Partial<SecretRecord> = {}): SecretRecord => ({
  ...identity('shop', mods.name ?? 'acme'),
  type: 'kubernetes.io/dockerconfigjson',
  immutable: false,
  terminating: false,
  labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': 'uid-acme' },
  annotations: { 'regcred.dev/credential': 'acme' },
  owners: [{ apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', name: 'acme', uid: 'uid-acme', controller: true }],
  contentHash: content().hash,
  strayKeys: [],
  ...mods,
});

/** A Secret that another user created. */
export const unmanagedSecret = (mods: Partial<SecretRecord> = {}): SecretRecord =>
  secret({ labels: {}, annotations: {}, owners: [], contentHash: 'sample-hash', ...mods });

/** A pod of a ReplicaSet that waits for an image of `content()`, and has no pull secret. */
export const pod = (mods: Partial<PodRecord> = {}): PodRecord => ({
  ...identity('shop', mods.name ?? 'web-1'),
  serviceAccount: 'default',
  pullSecrets: [],
  owner: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'uid-web', controller: true },
  failingImages: ['registry.example.com/app:1'],
  hasJustTried: false,
  hasRunningContainer: false,
  createdAt: 0,
  isOptedOut: false,
  terminating: false,
  ...mods,
});

/** A source Secret, with its values in plain text. */
export const source = (type: string, values: Record<string, string>, mods: Partial<SourceRecord> = {}): SourceRecord => ({
  ...identity('regcred-system', mods.name ?? 'robot'),
  type,
  labels: {},
  changedAt: 0,
  data: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, base64(value)])),
  ...mods,
});

/** Sources that can all be used. */
export const readySources = (servers: number, mods: Partial<Extract<SourcesFacts, { state: 'ready' }>> = {}): SourcesFacts => ({
  state: 'ready',
  servers,
  problems: [],
  skipped: [],
  ...mods,
});

/** No server was asked, and nothing is held back. */
export const verificationFacts = (mods: Partial<VerificationFacts> = {}): VerificationFacts => ({
  isEnabled: true,
  servers: [],
  refusals: [],
  verifying: [],
  warningMs: 336 * 3_600_000,
  ...mods,
});

const identity = (inNamespace: string, name: string) => ({ namespace: inNamespace, name, uid: `uid-${name}`, resourceVersion: '1' });

/** The result of applying a merge patch to an object (RFC 7386). */
export function merged<T>(target: T, patch: object): T {
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = isObject(value) ? merged(result[key], value) : value;
  }
  return result as T;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);
