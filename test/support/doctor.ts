/** A pod and its surroundings as the doctor observes them. Everything is correct, unless a test changes it. */
import type { AccountRecord, CredentialRecord } from '../../src/api/records.ts';
import type { Container, ExistingPod, Pod, Secret, Step, Surroundings } from '../../src/cli/doctor/observed.ts';
import { examine } from '../../src/cli/doctor/pod.ts';
import { namesAfterAdmission } from '../../src/cli/doctor/pull-secret-origin.ts';
import { account, base64, credential, namespace } from './builders.ts';

export const NOW = Date.parse('2026-01-08T12:00:00Z');
export const PASSWORD = 'sample-password-of-doctor';
export const SERVER = 'registry.example.com';
export const IMAGE = `${SERVER}/acme/app:1`;

export const container = (mods: Partial<Container> = {}): Container => ({
  name: 'web',
  image: IMAGE,
  pullPolicy: 'IfNotPresent',
  imageState: { status: 'pending' },
  ...mods,
});
export const failing = (message: string, reason = 'ErrImagePull', mods: Partial<Container> = {}) =>
  container({ imageState: { status: 'failed', reason, message }, ...mods });
export const existing: ExistingPod = { name: 'web-0', owner: 'StatefulSet web', isStatic: false, createdAt: '2026-01-08T11:00:00Z' };
export const pod = (mods: Partial<Pod> = {}): Pod => ({
  namespace: 'shop',
  account: 'default',
  pullSecrets: ['acme'],
  // The API server has added the names of an existing pod; a template was written with them.
  written: 'existing' in mods && !mods.existing ? (mods.pullSecrets ?? ['acme']) : [],
  containers: [container()],
  existing,
  ...mods,
});

export const config = (auths: Record<string, unknown>) => base64(JSON.stringify({ auths }));
export const entry = { auth: base64(`robot:${PASSWORD}`) };
export const secret = (mods: Partial<Secret> = {}): Secret => ({
  namespace: 'shop',
  name: mods.name ?? 'acme',
  type: 'kubernetes.io/dockerconfigjson',
  data: { '.dockerconfigjson': config({ [SERVER]: entry }) },
  credential: { name: 'acme', uid: 'uid-acme' },
  uid: 'uid-of-secret',
  changedAt: NOW - 300_000,
  ...mods,
});
export const holding = (auths: Record<string, unknown>, mods: Partial<Secret> = {}) =>
  secret({ data: { '.dockerconfigjson': config(auths) }, ...mods });

export const found = <T>(value: T) => ({ state: 'found', value }) as const;
export const forbidden = (right: string) => ({ state: 'forbidden', right }) as const;
export const missing = { state: 'missing' } as const;

export const registries = [{ server: SERVER, secretRef: { namespace: 'sources', name: 'robot' } }];
export const READY = {
  type: 'Ready',
  status: 'True' as const,
  reason: 'Synced',
  message: '',
  observedGeneration: 1,
  lastTransitionTime: '',
};
export const INJECTING = { ...READY, type: 'PodInjection' };
export const acme = (mods: Parameters<typeof credential>[0] = {}): CredentialRecord =>
  credential({ status: { conditions: [READY] }, ...mods, spec: { registries, ...mods.spec } });
export const referring = (...names: string[]): AccountRecord => account({ pullSecrets: names.map((name) => ({ name })), recorded: names });

export const around = (mods: Partial<Surroundings> = {}, secrets: readonly Secret[] = [secret()]): Surroundings => ({
  now: NOW,
  namespace: found(namespace()),
  account: found(referring('acme')),
  credentials: found([acme()]),
  secrets: new Map(secrets.map((one) => [one.name, found(one)])),
  events: found([]),
  ...mods,
});

export const fingerprint = () => '7f3a2';
export const steps = (of: Pod, world: Surroundings): Step[] =>
  examine({
    pod: of.existing ? of : { ...of, pullSecrets: namesAfterAdmission(of, world) },
    surroundings: world,
    pullTests: new Map(),
    fingerprint,
  });
/** The first wrong step, or else the first unseen one. */
export const first = (all: readonly Step[]) => all.find(({ mark }) => mark === 'wrong') ?? all.find(({ mark }) => mark === 'unseen');
export const verdictOf = (all: readonly Step[]) => {
  const step = first(all);
  return step ? `${step.mark} ${step.check} ${step.reason}` : 'fine';
};
