/** Records with sensible defaults, for tests that say only what they are about: `secret({ immutable: true })`. */
import { contentHash } from '../../src/api/hash.ts';
import type { AccountRecord, CredentialRecord, NamespaceRecord, PodRecord, SecretRecord, SourceRecord } from '../../src/api/records.ts';
import type { RegistryCredentialSpec } from '../../src/api/types.ts';
import type { Intent } from '../../src/plan/intent.ts';
import type { Content } from '../../src/plan/resolve.ts';

export const base64 = (text: string) => Buffer.from(text).toString('base64');

type WithSpec<R extends { readonly spec: RegistryCredentialSpec }> = Partial<Omit<R, 'spec'>> & {
  readonly spec?: Partial<RegistryCredentialSpec>;
};

/** As the API server stores it: with the defaults of the schema filled in. */
export const spec = (mods: Partial<RegistryCredentialSpec> = {}): RegistryCredentialSpec => ({
  namespaces: { names: ['*'] },
  serviceAccounts: { names: ['default'] },
  podInjection: 'Append',
  conflictPolicy: 'Fail',
  deletionPolicy: 'Delete',
  podRecovery: 'None',
  suspend: false,
  ...mods,
});

export const credential = (mods: WithSpec<CredentialRecord> = {}): CredentialRecord => ({
  ...identity('', mods.name ?? 'acme'),
  generation: 1,
  finalizers: ['regcred.dev/cleanup'],
  deleting: false,
  status: undefined,
  ...mods,
  spec: spec(mods.spec),
});

export const intent = (mods: WithSpec<Intent> = {}): Intent => {
  const name = mods.name ?? 'acme';
  const wanted = { name, uid: `uid-${name}`, secretName: name, mode: 'place' as const, content: content(), ...mods, spec: spec(mods.spec) };
  const { secretMetadata, deletionPolicy } = wanted.spec;
  return { version: JSON.stringify([wanted.content?.hash, secretMetadata, deletionPolicy]), ...wanted };
};

/** A docker config of one server, as it is placed. */
export function content(password = 'sample-password', server = 'registry.example.com'): Content {
  const data = base64(JSON.stringify({ auths: { [server]: { auth: base64(`robot:${password}`), password, username: 'robot' } } }));
  return { data, hash: contentHash(data), servers: 1, names: [server] };
}

export const namespace = (mods: Partial<NamespaceRecord> = {}): NamespaceRecord => ({
  ...identity('', mods.name ?? 'shop'),
  labels: {},
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

/** The Secret as `intent()` wants it in `namespace()`. */
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

/** A Secret that somebody else made. */
export const foreignSecret = (mods: Partial<SecretRecord> = {}): SecretRecord =>
  secret({ labels: {}, annotations: {}, owners: [], contentHash: 'sample-hash', ...mods });

/** A pod of a ReplicaSet that waits for an image of `content()`, and has no pull secret. */
export const pod = (mods: Partial<PodRecord> = {}): PodRecord => ({
  ...identity('shop', mods.name ?? 'web-1'),
  serviceAccount: 'default',
  pullSecrets: [],
  owner: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'uid-web', controller: true },
  failing: ['registry.example.com/app:1'],
  tried: false,
  running: false,
  createdAt: 0,
  excluded: false,
  terminating: false,
  ...mods,
});

/** A Secret that credentials are read from, with its values in plain text. */
export const source = (type: string, values: Record<string, string>, mods: Partial<SourceRecord> = {}): SourceRecord => ({
  ...identity('regcred-system', mods.name ?? 'robot'),
  type,
  labels: {},
  changedAt: 0,
  data: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, base64(value)])),
  ...mods,
});

const identity = (inNamespace: string, name: string) => ({ namespace: inNamespace, name, uid: `uid-${name}`, resourceVersion: '1' });

/** What the API server makes of an object and a merge patch (RFC 7386). */
export function merged<T>(target: T, patch: object): T {
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = isObject(value) ? merged(result[key], value) : value;
  }
  return result as T;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);
