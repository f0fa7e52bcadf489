import type { Scene } from './cluster.ts';
import { eventually } from './eventually.ts';

const POLICIES = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
const BINDINGS = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings';
const CLOSED = 'test.example.com/closed';

/** Who denies. `name` is a part of the names of the policies. */
type Cause = Pick<Scene, 'api' | 'name' | 'patch'> & { readonly cluster: Pick<Scene['cluster'], 'kubectl'> };

/** Makes the API server deny the operator every write in one namespace, as a policy of the cluster's owner may. */
export async function denyWrites(scene: Cause, namespace: string): Promise<void> {
  const name = `deny-${scene.name}`;
  const operations = ['CREATE', 'UPDATE', 'DELETE'];
  const matchConstraints = {
    namespaceSelector: { matchLabels: { [CLOSED]: scene.name } },
    resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations, resources: ['secrets', 'serviceaccounts'] }],
  };
  const matchConditions = [{ name: 'operator', expression: "request.userInfo.username == 'system:serviceaccount:regcred-system:regcred'" }];
  const validations = [{ expression: 'false', message: 'this namespace is closed', reason: 'Forbidden' }];
  await scene.api.call('POST', POLICIES, {
    body: { metadata: { name }, spec: { failurePolicy: 'Fail', matchConstraints, matchConditions, validations } },
  });
  await scene.api.call('POST', BINDINGS, { body: { metadata: { name }, spec: { policyName: name, validationActions: ['Deny'] } } });
  await scene.patch(`/api/v1/namespaces/${namespace}`, { metadata: { labels: { [CLOSED]: scene.name } } });
  await eventually('the policy is active', async () => {
    const asOperator = scene.cluster.kubectl(
      '--as=system:serviceaccount:regcred-system:regcred',
      'create',
      'secret',
      'generic',
      'probe',
      '-n',
      namespace,
      '--dry-run=server',
    );
    const refused = await asOperator.then(
      () => false,
      (error: Error) => error.message.includes('this namespace is closed'),
    );
    if (!refused) throw new Error('a write was accepted');
  });
}

/** Allows the writes again. */
export async function allowWrites(scene: Cause, namespace: string): Promise<void> {
  await scene.patch(`/api/v1/namespaces/${namespace}`, { metadata: { labels: { [CLOSED]: null } } });
}
