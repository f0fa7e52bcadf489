/**
 * Compiles the rules of all credentials into the one object that the policy for new pods reads.
 *
 * All rules share the cost that the API server allows for one pod, and the size of one object. So each credential, each tenant and each
 * namespace has a share (`LIMITS`), and none can use up the share of another. What does not fit is left out, and reported.
 */
import { credentialId } from '../../api/credential-ref.ts';
import { MAX_PER_NAMESPACE } from '../targets/served.ts';
import type { CompiledRules, Conditions } from './compiled-rules.ts';
import { costOf, namespacePatternCost } from './cost.ts';
import { accountsOf, type Draft, draftOf } from './draft.ts';
import { type ClusterRule, type InjectionRule, isClusterRule, type TenantRule } from './rule.ts';
import { RuleIndex } from './rule-index.ts';

/** Costs are those of `costOf`; the API server allows 1,000,000 for one expression. Sizes are in bytes of JSON; etcd allows 1.5 MiB for one object. */
export const LIMITS = {
  /** One credential. */
  credentialCost: 40_000,
  credentialBytes: 40_000,
  /** All cluster-scoped credentials. */
  clusterCost: 400_000,
  clusterRules: 500,
  clusterBytes: 400_000,
  /** All credentials of one namespace. */
  tenantRules: MAX_PER_NAMESPACE,
  tenantBytes: 32_000,
  /** The names that namespaced credentials add in one namespace. */
  namespaceCost: 200_000,
  namespaceRules: 100,
  /** All namespaced credentials. */
  tenantsBytes: 600_000,
} as const;

/**
 * Why pods do not get the name of a credential's Secret:
 * - credential: its own lists and patterns are too long
 * - tenant: its namespace has too many credentials, or they go to too many namespaces
 * - namespaces: in `count` namespaces, others have already used up what one namespace may cost
 * - total: the credentials of its kind have used up what the object may hold or cost
 */
export type Capped = { readonly cap: 'credential' | 'tenant' | 'total' } | { readonly cap: 'namespaces'; readonly count: number };

export interface Compilation {
  readonly rules: CompiledRules;
  /** By `credentialId`. */
  readonly capped: ReadonlyMap<string, Capped>;
}

/** @param rules in the order in which they get a share, first come first served */
export function compileRules(rules: readonly InjectionRule[]): Compilation {
  const index = new RuleIndex();
  const capped = new Map<string, Capped>();
  const ofCluster = rules.filter(isClusterRule);
  const ofTenants = rules.filter((rule): rule is TenantRule => !isClusterRule(rule));
  compileClusterRules(ofCluster, index, capped);
  compileTenantRules(ofTenants, index, capped);
  return { rules: index.finished(canRepeat(ofCluster, ofTenants)), capped };
}

/** Whether a pod could find the same name of a Secret under two conditions. In one namespace, equal conditions are one rule. */
function canRepeat(ofCluster: readonly ClusterRule[], ofTenants: readonly TenantRule[]): boolean {
  const names = new Set(ofCluster.map(({ secretName }) => secretName));
  if (names.size < ofCluster.length || ofTenants.some(({ secretName }) => names.has(secretName))) return true;
  const seen = new Set<string>();
  return ofTenants.some(({ secretName, namespaces }) =>
    namespaces.some((namespace) => {
      const id = `${namespace}/${secretName}`;
      return seen.size === seen.add(id).size;
    }),
  );
}

type CappedById = Map<string, Capped>;

function compileClusterRules(rules: readonly ClusterRule[], index: RuleIndex, capped: CappedById): void {
  let cost = 0;
  let bytes = 0;
  let count = 0;
  for (const rule of rules) {
    const draft = draftOf(rule);
    const own = draftCost(draft);
    const size = bytesOf(draft);
    if (own > LIMITS.credentialCost || size > LIMITS.credentialBytes) {
      capped.set(credentialId(rule.credential), { cap: 'credential' });
    } else if (cost + own > LIMITS.clusterCost || bytes + size > LIMITS.clusterBytes || count === LIMITS.clusterRules) {
      capped.set(credentialId(rule.credential), { cap: 'total' });
    } else {
      cost += own;
      bytes += size;
      count++;
      enter(index, draft);
    }
  }
}

const draftCost = ({ conditions, globs: { pattern } }: Draft) =>
  costOf(conditions) + (pattern === undefined ? 0 : namespacePatternCost(pattern));

function enter(index: RuleIndex, { secret, conditions, globs, labels, hasOtherSelector }: Draft): void {
  index.add('names', globs.names, secret, conditions);
  index.add('prefixes', globs.prefixes, secret, conditions);
  index.add('suffixes', globs.suffixes, secret, conditions);
  if (globs.pattern !== undefined) index.add('patterns', [globs.pattern], secret, conditions);
  index.add('labels', labels, secret, conditions);
  if (hasOtherSelector) index.addOtherSelector(secret, conditions);
}

/** The credentials of one namespace after the other get a share, so that a namespace with many takes nothing from those with few. */
function compileTenantRules(rules: readonly TenantRule[], index: RuleIndex, capped: CappedById): void {
  const placer = new TenantPlacer(index);
  const inTurn: (TenantRule & { readonly conditions: Conditions; readonly id: string })[] = [];
  for (const rule of takeTurns(rules, capped)) {
    const conditions = accountsOf(rule.accounts);
    const id = credentialId(rule.credential);
    if (costOf(conditions) > LIMITS.credentialCost) capped.set(id, { cap: 'credential' });
    else inTurn.push({ ...rule, conditions, id });
  }
  // A tenant's own namespace comes first: there the credentials of others must not use up its share.
  for (const isOwn of [true, false]) {
    for (const { id, credential, namespaces, secretName, conditions } of inTurn) {
      for (const namespace of namespaces) {
        if ((namespace === credential.namespace) !== isOwn) continue;
        const cap = placer.place(secretName, conditions, credential.namespace, namespace);
        if (cap === undefined) continue;
        const before = capped.get(id);
        if (cap !== 'namespaces') capped.set(id, { cap });
        else if (before === undefined || before.cap === 'namespaces') capped.set(id, { cap, count: (before?.count ?? 0) + 1 });
      }
    }
  }
}

/** The first credential of each namespace, then the second of each, and so on. */
function takeTurns(rules: readonly TenantRule[], capped: CappedById): TenantRule[] {
  const turns: TenantRule[][] = [];
  const seen = new Map<string, number>();
  for (const rule of rules) {
    const turn = seen.get(rule.credential.namespace) ?? 0;
    seen.set(rule.credential.namespace, turn + 1);
    if (turn >= LIMITS.tenantRules) {
      capped.set(credentialId(rule.credential), { cap: 'tenant' });
      continue;
    }
    turns[turn] ??= [];
    turns[turn].push(rule);
  }
  return turns.flat();
}

/** Places the rules of tenants in namespaces, as far as the shares allow. */
class TenantPlacer {
  readonly #index: RuleIndex;
  readonly #bytesOfTenant = new Map<string, number>();
  readonly #inNamespace = new Map<string, { readonly cost: number; readonly count: number }>();
  #bytes = 0;

  constructor(index: RuleIndex) {
    this.#index = index;
  }

  /** Returns the limit that prevents it, if one does. */
  place(secret: string, conditions: Conditions, tenant: string, namespace: string): Exclude<Capped['cap'], 'credential'> | undefined {
    const size = bytesOf([namespace, secret, conditions]);
    const ofTenant = (this.#bytesOfTenant.get(tenant) ?? 0) + size;
    if (ofTenant > LIMITS.tenantBytes) return 'tenant';
    if (this.#bytes + size > LIMITS.tenantsBytes) return 'total';
    const there = this.#inNamespace.get(namespace) ?? { cost: 0, count: 0 };
    const cost = there.cost + costOf(conditions);
    if (cost > LIMITS.namespaceCost || there.count === LIMITS.namespaceRules) return 'namespaces';
    this.#bytesOfTenant.set(tenant, ofTenant);
    this.#bytes += size;
    this.#inNamespace.set(namespace, { cost, count: there.count + 1 });
    this.#index.add('names', [namespace], secret, conditions);
    return undefined;
  }
}

const bytesOf = (value: object) => JSON.stringify(value).length;
