import { type Cluster as ClusterEntry, KubeConfig } from '@kubernetes/client-node';
import { KubeClient } from '../../src/kube/client.ts';
import { eventually } from './eventually.ts';

/** A client with a ServiceAccount of the namespace that has one ClusterRole there, and no other right. */
export async function userOf(api: KubeClient, kubeconfig: string, namespace: string, role = 'edit'): Promise<KubeClient> {
  const name = `user-${role}`;
  await api.call('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { body: { metadata: { name } } });
  const body = {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  };
  await api.call('POST', `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`, { body });
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 12 * 3600 } };
  const at = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const { status } = await api.call<{ status: { token: string } }>('POST', at, { body: request });
  const admin = new KubeConfig();
  admin.loadFromFile(kubeconfig);
  const config = new KubeConfig();
  config.loadFromClusterAndUser(admin.getCurrentCluster() as ClusterEntry, { name, token: status.token });
  const user = new KubeClient(() => config);
  const credentials = `/apis/regcred.dev/v1alpha1/namespaces/${namespace}/namespacedregistrycredentials`;
  await eventually('the role is in force', () => user.call('GET', credentials));
  return user;
}
