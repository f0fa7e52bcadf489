/** Mutating admission policies of the cluster's owner, for one namespace or object of a test. */
import type { Scene } from './cluster.ts';
import { eventually } from './eventually.ts';

const POLICIES = '/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies';
const BINDINGS = '/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings';

export interface Mutation {
  /** `secrets`, `serviceaccounts`, or `registrycredentials`. */
  readonly resource: string;
  readonly apiGroup?: string;
  /** A CEL expression: which objects the policy changes. */
  readonly condition: string;
  /** A CEL expression that makes a list of JSONPatch. */
  readonly patches: string;
}

/** Installs a policy, and returns what removes it. */
export async function mutate(
  scene: Pick<Scene, 'api' | 'name'>,
  { resource, apiGroup = '', condition, patches }: Mutation,
): Promise<() => Promise<void>> {
  const name = `mutate-${resource}-${scene.name}`;
  const rule = { apiGroups: [apiGroup], apiVersions: ['*'], operations: ['CREATE', 'UPDATE'], resources: [resource] };
  const spec = {
    failurePolicy: 'Fail',
    reinvocationPolicy: 'Never',
    matchConstraints: { resourceRules: [rule] },
    matchConditions: [{ name: 'object', expression: condition }],
    mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: patches } }],
  };
  await scene.api.call('POST', POLICIES, { body: { metadata: { name }, spec } });
  await scene.api.call('POST', BINDINGS, { body: { metadata: { name }, spec: { policyName: name } } });
  return async () => {
    await scene.api.call('DELETE', `${BINDINGS}/${name}`);
    await scene.api.call('DELETE', `${POLICIES}/${name}`);
  };
}

/** Waits until the API server applies the policy: a dry run shows it. `probe` makes a write and says whether it was changed. */
export const inForce = (probe: () => Promise<boolean>): Promise<void> =>
  eventually('the policy is in force', async () => {
    if (!(await probe())) throw new Error('a write was not changed');
  });
