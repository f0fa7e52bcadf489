import { readCredential } from '../../src/cluster/credentials.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { type Compilation, compileRules } from '../../src/plan/injection/compile.ts';
import { type InjectionRule, rulesOf, type TenantSurroundings } from '../../src/plan/injection/rule.ts';

export const RULES = '/apis/regcred.dev/v1alpha1/pullsecretrules';

/** Compiles rules, and writes them as the operator does: for tests without an operator. */
export async function writeRules(api: KubeClient, rules: readonly InjectionRule[]): Promise<Compilation> {
  const compilation = compileRules(rules);
  const object = { apiVersion: 'regcred.dev/v1alpha1', kind: 'PullSecretRules', metadata: { name: 'regcred' }, spec: compilation.rules };
  const before = await api.call<KubeObject>('GET', `${RULES}/regcred`).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (before === undefined) await api.call('POST', RULES, { body: object });
  else {
    const metadata = { name: 'regcred', resourceVersion: before.metadata.resourceVersion };
    await api.call('PUT', `${RULES}/regcred`, { body: { ...object, metadata } });
  }
  return compilation;
}

/** Writes the rules of all RegistryCredentials of the cluster. */
export async function writeRulesOfAll(api: KubeClient): Promise<Compilation> {
  const { items } = await api.call<{ items: KubeObject[] }>('GET', '/apis/regcred.dev/v1alpha1/registrycredentials');
  return writeRules(api, rulesOf(items.map(readCredential), NO_TENANTS));
}

/** A cluster without namespaced credentials. */
export const NO_TENANTS: TenantSurroundings = { namespaces: [], candidates: () => [], tenantOf: () => undefined };
