import { type CredentialRef, credentialId, refOf } from '../../api/credential-ref.ts';
import type { CredentialRecord, NamespaceRecord } from '../../api/records.ts';
import type { RegistryCredentialSpec } from '../../api/types.ts';
import { intentOf } from '../placement/intent.ts';
import { selectsNamespace, type TargetRules } from '../targets/targets.ts';

/** Which new pods get the name of one credential's Secret. */
export type InjectionRule = ClusterRule | TenantRule;

interface AnyRule {
  readonly credential: CredentialRef;
  readonly secretName: string;
  /** Globs for the names of ServiceAccounts. Their labels are not visible when a pod is created. */
  readonly accounts: readonly string[];
}

/** The rule of a cluster-scoped credential. It also applies to namespaces that do not exist yet. */
export interface ClusterRule extends AnyRule {
  readonly selection: RegistryCredentialSpec['namespaces'];
}

/** The rule of a namespaced credential. It applies in exactly these namespaces: its own, and those that accept it. */
export interface TenantRule extends AnyRule {
  readonly namespaces: readonly string[];
}

/** Whether the rule is that of a cluster-scoped credential. */
export const isClusterRule = (rule: InjectionRule): rule is ClusterRule => 'selection' in rule;

/** What the rules of namespaced credentials depend on. */
export interface TenantSurroundings {
  readonly namespaces: Iterable<NamespaceRecord>;
  /** The namespaced credentials that the namespace could accept, and that the operator serves. */
  candidates(namespace: NamespaceRecord): Iterable<CredentialRecord>;
  tenantOf(namespace: string): TargetRules['tenant'];
}

/** The rules of all credentials: the older ones first, because they keep their share if there is too little for all. */
export function rulesOf(clusterScoped: Iterable<CredentialRecord>, surroundings: TenantSurroundings): InjectionRule[] {
  const ofCluster = [...clusterScoped].sort(byAge).flatMap((credential) => {
    const rule = ruleOf(credential);
    return rule ? [{ ...rule, selection: credential.spec.namespaces }] : [];
  });
  return [...ofCluster, ...tenantRulesOf(surroundings)];
}

function tenantRulesOf({ namespaces, candidates, tenantOf }: TenantSurroundings): TenantRule[] {
  const reached = new Map<string, { readonly credential: CredentialRecord; readonly namespaces: string[] }>();
  for (const namespace of namespaces) {
    for (const credential of candidates(namespace)) {
      const { kind, namespace: home, spec } = credential;
      // A name that comes before the Secret does no harm, so this does not wait for the finalizer as a placement does.
      if (!selectsNamespace({ kind, namespace: home, spec, tenant: tenantOf(home) }, namespace)) continue;
      const id = credentialId(credential);
      const there = reached.get(id) ?? { credential, namespaces: [] };
      there.namespaces.push(namespace.name);
      reached.set(id, there);
    }
  }
  const ordered = [...reached.values()].sort((a, b) => byAge(a.credential, b.credential));
  return ordered.flatMap(({ credential, namespaces }) => {
    const rule = ruleOf(credential);
    return rule ? [{ ...rule, namespaces: namespaces.sort() }] : [];
  });
}

/** The parts that both kinds share; undefined if no pod gets the name. */
function ruleOf(credential: CredentialRecord): AnyRule | undefined {
  const { mode, spec, secretName } = intentOf(credential, undefined);
  const accounts = spec.serviceAccounts.names;
  if (mode !== 'sync' || spec.podInjection !== 'Append' || accounts.length === 0) return undefined;
  return { credential: refOf(credential), secretName, accounts };
}

const byAge = (a: CredentialRecord, b: CredentialRecord) => a.createdAt - b.createdAt || (a.uid < b.uid ? -1 : 1);
