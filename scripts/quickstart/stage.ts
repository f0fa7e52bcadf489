/** The cluster that the quickstart uses: its own control plane or an existing cluster. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeClient } from '../../src/kube/client.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import { connect, expectGone, find } from '../../test/support/api.ts';
import { startControlPlane } from '../../test/support/controlplane.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type LocalRegistry, startLocalRegistry } from './registry.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CRD = 'registrycredentials.regcred.dev';
const CRD_PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const SHIPPED_NAMESPACE = 'regcred-system';
const LONGEST_DELETION_MS = 120_000;

export interface Stage {
  /** A client with administrator permissions. */
  readonly api: KubeClient;
  readonly kubeconfig: string;
  /** A directory for temporary files. */
  readonly scratch: string;
  /** The namespace of the operator's ServiceAccount, its Lease and the sources. */
  readonly system: string;
  /** The prefix of namespace names, which avoids conflicts with existing namespaces. */
  readonly prefix: string;
  /** Whether the API server serves MutatingAdmissionPolicy, which adds pull secrets to new pods. It does since Kubernetes 1.36. */
  readonly hasPodPolicy: boolean;
  /** The kubectl to show to a user who wants to try it. */
  readonly kubectl: string;
  /** A registry on this machine; undefined on an existing cluster. Its operator asks this registry and no other. */
  readonly registry: LocalRegistry | undefined;
  /** Removes everything that the quickstart created. */
  leave(): Promise<void>;
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly roleRef?: { readonly name: string };
  /** Only in the binding of a policy. */
  readonly spec?: { readonly policyName?: string };
}

/** Starts a control plane, which ends with the quickstart. */
export async function embeddedStage(say: (line: string) => void): Promise<Stage> {
  const { kubeconfig, assets, scratch, stop } = await startControlPlane(say);
  const api = connect(kubeconfig);
  const registry = await startLocalRegistry();
  const leave = async () => {
    registry.close();
    await api.close();
    await stop();
  };
  // Otherwise the control plane would keep the quickstart running after it failed.
  const hasPodPolicy = await orElse(leave, servesPolicies(api));
  const kubectl = join(assets, 'kubectl');
  return { api, kubeconfig, scratch, system: SHIPPED_NAMESPACE, prefix: '', hasPodPolicy, kubectl, registry, leave };
}

/** Uses an existing cluster. All created objects have unique names, and `leave` deletes them. */
export async function existingStage(kubeconfig: string): Promise<Stage> {
  const api = connect(kubeconfig);
  const close = () => api.close();
  const installed = await orElse(close, find(api, `${CRD_PATH}/${CRD}`));
  if (installed) {
    await close();
    throw new Error(
      `the cluster already has the CustomResourceDefinition ${CRD}, so another operator may be running there. Nothing was changed. Use a cluster without it. If it is left over, run kubectl get regcred to check that it is not in use before you delete it: a running operator would remove all Secrets that it created.`,
    );
  }
  const system = `regcred-quickstart-${randomBytes(2).toString('hex')}`;
  const scratch = mkdtempSync(join(tmpdir(), 'regcred-'));
  const hasPodPolicy = await orElse(close, servesPolicies(api));
  const leave = async () => {
    await removeAll(api, system, hasPodPolicy);
    await close();
    rmSync(scratch, { recursive: true, force: true });
  };
  const prefix = `${system}-`;
  return { api, kubeconfig, scratch, system, prefix, hasPodPolicy, kubectl: 'kubectl', registry: undefined, leave };
}

/** Installs the shipped CRD and RBAC objects, with the names of the stage. */
export async function install({ api, system, hasPodPolicy }: Stage): Promise<void> {
  for (const manifest of manifests(system, hasPodPolicy)) await api.call('POST', collectionOf(manifest), { body: manifest });
  await eventually('the API is served', async () => {
    const crd = await api.call<{ status?: { conditions?: { type: string; status: string }[] } }>('GET', `${CRD_PATH}/${CRD}`);
    if (!crd.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True'))
      throw new Error('not established yet');
  });
}

/** What `work` gives. If it fails, `end` runs before the error is passed on. */
export const orElse = <T>(end: () => Promise<void>, work: Promise<T>): Promise<T> =>
  work.catch(async (error: unknown) => {
    await end().catch(() => {});
    throw error;
  });

async function servesPolicies(api: KubeClient): Promise<boolean> {
  const { resources } = await api.call<{ resources: { name: string }[] }>('GET', '/apis/admissionregistration.k8s.io/v1');
  return resources.some(({ name }) => name === 'mutatingadmissionpolicies');
}

function manifests(system: string, hasPodPolicy: boolean): Manifest[] {
  const policy = hasPodPolicy ? ['manifests/components/pod-injection/policy.yaml'] : [];
  const files = [
    'crds/registrycredentials.yaml',
    'crds/namespacedregistrycredentials.yaml',
    'crds/pullsecretrules.yaml',
    'manifests/namespace.yaml',
    'manifests/rbac.yaml',
    'manifests/roles.yaml',
    ...policy,
  ];
  const shipped = files.flatMap((file) =>
    parseAllDocuments(readFileSync(join(ROOT, file), 'utf8')).map((document) => document.toJS() as Manifest),
  );
  return shipped.map((manifest) => renamed(manifest, system));
}

/** Renames the cluster-scoped objects, so that they do not conflict with those of an installed regcred. */
function renamed(manifest: Manifest, system: string): Manifest {
  if (system === SHIPPED_NAMESPACE || manifest.kind === 'CustomResourceDefinition') return manifest;
  const moved = JSON.parse(JSON.stringify(manifest).replaceAll(JSON.stringify(SHIPPED_NAMESPACE), JSON.stringify(system))) as Manifest;
  if (moved.kind === 'Namespace' || moved.kind === 'ServiceAccount') return moved;
  const own = (name: string) => `${system}-${name}`;
  return {
    ...moved,
    metadata: { ...moved.metadata, name: own(moved.metadata.name) },
    ...(moved.roleRef && { roleRef: { ...moved.roleRef, name: own(moved.roleRef.name) } }),
    ...(moved.spec?.policyName && { spec: { ...moved.spec, policyName: own(moved.spec.policyName) } }),
  };
}

function collectionOf({ kind, metadata: { namespace } }: Manifest): string {
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const admission = '/apis/admissionregistration.k8s.io/v1';
  const paths: Record<string, string> = {
    CustomResourceDefinition: CRD_PATH,
    Namespace: '/api/v1/namespaces',
    ServiceAccount: `/api/v1/namespaces/${namespace}/serviceaccounts`,
    ClusterRole: `${rbac}/clusterroles`,
    ClusterRoleBinding: `${rbac}/clusterrolebindings`,
    Role: `${rbac}/namespaces/${namespace}/roles`,
    RoleBinding: `${rbac}/namespaces/${namespace}/rolebindings`,
    MutatingAdmissionPolicy: `${admission}/mutatingadmissionpolicies`,
    MutatingAdmissionPolicyBinding: `${admission}/mutatingadmissionpolicybindings`,
  };
  return paths[kind] as string;
}

async function removeAll(api: KubeClient, system: string, hasPodPolicy: boolean): Promise<void> {
  const credentials = '/apis/regcred.dev/v1alpha1/registrycredentials';
  const { items } = await api.call<{ items: Manifest[] }>('GET', credentials).catch(() => ({ items: [] }));
  // The operator has stopped, so nothing else removes the finalizers. The Secrets are deleted with the namespaces below.
  for (const { metadata } of items)
    await api.call('PATCH', `${credentials}/${metadata.name}`, { body: { metadata: { finalizers: null } } }).catch(ignoreMissing);
  const ofTenants = await api
    .call<{ items: Manifest[] }>('GET', '/apis/regcred.dev/v1alpha1/namespacedregistrycredentials')
    .catch(() => ({ items: [] }));
  for (const { metadata } of ofTenants.items) {
    const path = `/apis/regcred.dev/v1alpha1/namespaces/${metadata.namespace}/namespacedregistrycredentials/${metadata.name}`;
    await api.call('PATCH', path, { body: { metadata: { finalizers: null } } }).catch(ignoreMissing);
  }
  const namespaces = await api.call<{ items: Manifest[] }>('GET', '/api/v1/namespaces');
  const made = [
    ...namespaces.items
      .map(({ metadata }) => metadata.name)
      .filter((name) => name.startsWith(`${system}-`))
      .map((name) => `/api/v1/namespaces/${name}`),
    ...manifests(system, hasPodPolicy)
      .reverse()
      .map((manifest) => `${collectionOf(manifest)}/${manifest.metadata.name}`),
  ];
  for (const path of made) await api.call('DELETE', path).catch(ignoreMissing);
  for (const path of made) await eventually(`${path} is gone`, () => expectGone(api, path), LONGEST_DELETION_MS);
}

function ignoreMissing(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
