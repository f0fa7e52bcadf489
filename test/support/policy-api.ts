/** Which version of the API MutatingAdmissionPolicy the control plane serves: it depends on the version of Kubernetes. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Context } from 'mocha';
import { skipBecause } from './skip.ts';

export type PolicyApi = 'v1' | 'v1beta1';

/** Flags of an API server that serves MutatingAdmissionPolicy as v1beta1, too. Since 1.36 the feature is on by default, as v1. */
export function policyFlags(assets: string): Record<string, string> {
  const api = policyApi(assets);
  if (api === undefined) return {};
  const served = { 'runtime-config': 'admissionregistration.k8s.io/v1beta1=true' };
  return api === 'v1' ? served : { ...served, 'feature-gates': 'MutatingAdmissionPolicy=true' };
}

/** The newest version that the API server in the directory `assets` can serve; undefined if it serves none that our policy can use. */
export function policyApi(assets: string): PolicyApi | undefined {
  const { stdout } = spawnSync(join(assets, 'kube-apiserver'), ['--version'], { encoding: 'utf8' });
  const minor = Number(/v1\.(\d+)/.exec(stdout)?.[1]);
  if (Number.isNaN(minor)) throw new Error(`${assets}/kube-apiserver --version does not print a version: ${stdout}`);
  if (minor >= 36) return 'v1';
  return minor >= 34 ? 'v1beta1' : undefined;
}

/** Whether the API server serves the policy as v1, as it does without a feature gate. */
export const servesPolicies = (assets: string): boolean => policyApi(assets) === 'v1';

/** The kinds of the policy, for kubectl get, if the API server serves them as v1. */
export const policyKinds = (assets: string): readonly string[] =>
  servesPolicies(assets) ? ['mutatingadmissionpolicies', 'mutatingadmissionpolicybindings'] : [];

/** Skips the case or the suite if the API server does not serve the policy as `wanted`, or at all. */
export function needsPolicies(context: Context, assets: string, wanted?: PolicyApi): PolicyApi {
  const api = policyApi(assets);
  if (api === undefined) return skipBecause(context, 'Kubernetes serves MutatingAdmissionPolicy as v1beta1 since 1.34.');
  if (wanted === 'v1' && api !== 'v1') return skipBecause(context, 'Kubernetes serves MutatingAdmissionPolicy as v1 since 1.36.');
  return api;
}
