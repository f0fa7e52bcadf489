/** Where the quickstart plays: a control plane of its own, or a cluster that is there already. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Kube } from '../../src/kube/client.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import { connect, expectGone, find } from '../../test/support/api.ts';
import { startControlPlane } from '../../test/support/controlplane.ts';
import { eventually } from '../../test/support/eventually.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CRD = 'registrycredentials.regcred.dev';
const CRD_PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const SHIPPED_NAMESPACE = 'regcred-system';
const LONGEST_DELETION_MS = 120_000;

export interface Stage {
  /** As an administrator. */
  readonly api: Kube;
  readonly kubeconfig: string;
  /** For files that go with the stage. */
  readonly scratch: string;
  /** Where the operator's ServiceAccount, its Lease and the sources are. */
  readonly system: string;
  /** Begins the names of namespaces, so that they meet nothing that is there already. */
  readonly prefix: string;
  /** Whether the API server takes the policy that adds pull secrets to new pods: that of Kubernetes 1.36 does. */
  readonly hasPodPolicy: boolean;
  /** What is to be seen of it: for a person who wants to try kubectl. */
  readonly kubectl: string;
  /** Takes everything away that was made on it. */
  leave(): Promise<void>;
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly roleRef?: { readonly name: string };
  /** Of a policy's binding. */
  readonly spec?: { readonly policyName?: string };
}

/** A control plane of its own, which ends with the quickstart. */
export async function embeddedStage(say: (line: string) => void): Promise<Stage> {
  const { kubeconfig, assets, scratch, stop } = await startControlPlane(say);
  const api = connect(kubeconfig);
  const leave = async () => {
    await api.close();
    await stop();
  };
  const hasPodPolicy = await servesPolicies(api);
  return { api, kubeconfig, scratch, system: SHIPPED_NAMESPACE, prefix: '', hasPodPolicy, kubectl: join(assets, 'kubectl'), leave };
}

/** A cluster that is there already. Everything made on it has a name of its own, and is taken away again. */
export async function existingStage(kubeconfig: string): Promise<Stage> {
  const api = connect(kubeconfig);
  const there = await find(api, `${CRD_PATH}/${CRD}`);
  if (there) {
    throw new Error(
      `the cluster has the CustomResourceDefinition ${CRD} already, so an operator may be at work there that this one would meet. Nothing was changed. Use a cluster without it. Where it was left over, see with kubectl get regcred that it is not in use before you delete it: an operator that runs then takes back all that it has placed.`,
    );
  }
  const system = `regcred-quickstart-${randomBytes(2).toString('hex')}`;
  const scratch = mkdtempSync(join(tmpdir(), 'regcred-'));
  const hasPodPolicy = await servesPolicies(api);
  const leave = async () => {
    await removeAll(api, system, hasPodPolicy);
    await api.close();
    rmSync(scratch, { recursive: true, force: true });
  };
  return { api, kubeconfig, scratch, system, prefix: `${system}-`, hasPodPolicy, kubectl: 'kubectl', leave };
}

/** Installs the API and the operator's rights as they are shipped, under names of the stage. */
export async function install({ api, system, hasPodPolicy }: Stage): Promise<void> {
  for (const manifest of manifests(system, hasPodPolicy)) await api.call('POST', collectionOf(manifest), { body: manifest });
  await eventually('the API is served', async () => {
    const crd = await api.call<{ status?: { conditions?: { type: string; status: string }[] } }>('GET', `${CRD_PATH}/${CRD}`);
    if (!crd.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True'))
      throw new Error('not established yet');
  });
}

async function servesPolicies(api: Kube): Promise<boolean> {
  const { resources } = await api.call<{ resources: { name: string }[] }>('GET', '/apis/admissionregistration.k8s.io/v1');
  return resources.some(({ name }) => name === 'mutatingadmissionpolicies');
}

function manifests(system: string, hasPodPolicy: boolean): Manifest[] {
  const policy = hasPodPolicy ? ['manifests/components/pod-injection/policy.yaml'] : [];
  const files = ['crds/registrycredentials.yaml', 'manifests/namespace.yaml', 'manifests/rbac.yaml', ...policy];
  const shipped = files.flatMap((file) =>
    parseAllDocuments(readFileSync(join(ROOT, file), 'utf8')).map((document) => document.toJS() as Manifest),
  );
  return shipped.map((manifest) => renamed(manifest, system));
}

/** Outside its namespace the names are those of an installed regcred, which must not be touched. */
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

async function removeAll(api: Kube, system: string, hasPodPolicy: boolean): Promise<void> {
  const credentials = '/apis/regcred.dev/v1alpha1/registrycredentials';
  const { items } = await api.call<{ items: Manifest[] }>('GET', credentials).catch(() => ({ items: [] }));
  // The operator is gone by now, and with it whoever would let them go. What they made lies in the namespaces below.
  for (const { metadata } of items)
    await api.call('PATCH', `${credentials}/${metadata.name}`, { body: { metadata: { finalizers: null } } }).catch(ignoreMissing);
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
