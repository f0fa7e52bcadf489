import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { RegistryCredentialSpec } from '../../../../src/api/types.ts';
import { compileRules, LIMITS } from '../../../../src/plan/injection/compile.ts';
import type { CompiledRules } from '../../../../src/plan/injection/compiled-rules.ts';
import { costOf } from '../../../../src/plan/injection/cost.ts';
import { accountsOf, draftOf } from '../../../../src/plan/injection/draft.ts';
import { type ClusterRule, rulesOf, type TenantRule } from '../../../../src/plan/injection/rule.ts';
import { credential, namespace } from '../../../support/builders.ts';
import { NO_TENANTS } from '../../../support/pull-secret-rules.ts';

type Selection = RegistryCredentialSpec['namespaces'];

const NO_RULES: CompiledRules = {
  rules: [],
  names: {},
  prefixes: {},
  prefixLengths: [],
  suffixes: {},
  suffixLengths: [],
  patterns: [],
  labels: {},
  otherSelectors: [],
  usesLabels: false,
  repeats: false,
};

const ofCluster = (name: string, selection: Selection, accounts: readonly string[] = ['default']): ClusterRule => ({
  credential: { kind: 'RegistryCredential', namespace: '', name },
  secretName: name,
  accounts,
  selection,
});

const ofTenant = (namespace: string, name: string, namespaces: readonly string[] = [namespace], accounts = ['default']): TenantRule => ({
  // The kind does not matter to the compiler.
  credential: { kind: 'RegistryCredential', namespace, name },
  secretName: name,
  accounts,
  namespaces,
});

const entries = (...names: string[]) => names.map((name) => ({ name }));
const acme = { imagePullSecrets: entries('acme'), accounts: ['default'] };

describe('The rules for new pods', () => {
  const table: Record<string, readonly [rules: Parameters<typeof compileRules>[0], want: Partial<CompiledRules>]> = {
    'are empty without credentials': [[], {}],
    'lead from a name of a namespace to the names that its pods get': [
      [ofCluster('acme', { names: ['shop', 'team'] })],
      { rules: [acme], names: { shop: [0], team: [0] } },
    ],
    'lead from the first characters of a name': [
      [ofCluster('acme', { names: ['team-*', 'a*'] })],
      { rules: [acme], prefixes: { 'team-': [0], a: [0] }, prefixLengths: [1, 5] },
    ],
    'lead from no characters if the glob matches all names': [
      [ofCluster('acme', { names: ['**'] })],
      { rules: [acme], prefixes: { '': [0] }, prefixLengths: [0] },
    ],
    'lead from the last characters of a name': [
      [ofCluster('acme', { names: ['*-prod'] })],
      { rules: [acme], suffixes: { '-prod': [0] }, suffixLengths: [5] },
    ],
    'try a glob with a wildcard in the middle, as a regular expression': [
      [ofCluster('acme', { names: ['a.?-*-b', 'shop'] })],
      { rules: [acme], names: { shop: [0] }, patterns: [{ pattern: '^(a\\..-.*-b)$', rules: [0] }] },
    ],
    'try a prefix and a suffix of one credential as one expression, because a name may match both': [
      [ofCluster('acme', { names: ['team-*', '*-prod'] })],
      { rules: [acme], patterns: [{ pattern: '^(team-.*|.*-prod)$', rules: [0] }] },
    ],
    'leave out what a wider glob of the credential matches': [
      [ofCluster('acme', { names: ['team-a', 'team-a-*', 'team-*', 'team-*'] })],
      { rules: [acme], prefixes: { 'team-': [0] }, prefixLengths: [5] },
    ],
    'lead from a label that the selector requires': [
      [ofCluster('acme', { selector: { matchLabels: { pull: 'acme', tier: 'back' } } })],
      {
        rules: [{ ...acme, selector: { matchLabels: { pull: 'acme', tier: 'back' } } }],
        labels: { 'pull=acme': [0] },
        usesLabels: true,
      },
    ],
    'lead from each value of which the selector requires one': [
      [ofCluster('acme', { selector: { matchExpressions: [{ key: 'tier', operator: 'In', values: ['front', 'back'] }] } })],
      {
        rules: [{ ...acme, selector: { matchExpressions: [{ key: 'tier', operator: 'In', values: ['front', 'back'] }] } }],
        labels: { 'tier=front': [0], 'tier=back': [0] },
        usesLabels: true,
      },
    ],
    'try a selector that requires no value': [
      [ofCluster('acme', { selector: { matchExpressions: [{ key: 'tier', operator: 'Exists' }] } })],
      {
        rules: [{ ...acme, selector: { matchExpressions: [{ key: 'tier', operator: 'Exists' }] } }],
        otherSelectors: [0],
        usesLabels: true,
      },
    ],
    'treat an empty selector as a glob that matches all names': [
      [ofCluster('acme', { names: ['shop'], selector: {} })],
      { rules: [acme], prefixes: { '': [0] }, prefixLengths: [0] },
    ],
    'do not count a label where the name counts already': [
      [ofCluster('acme', { names: ['shop'], selector: { matchLabels: { pull: 'acme' } } })],
      {
        rules: [{ ...acme, selector: { matchLabels: { pull: 'acme' } }, namedPattern: '^(shop)$' }],
        names: { shop: [0] },
        labels: { 'pull=acme': [0] },
        usesLabels: true,
      },
    ],
    'have the exclusions as names and as one expression, and leave out names that are excluded anyway': [
      [ofCluster('acme', { names: ['shop', 'team-*'], exclude: { names: ['team-b', 'sh*'], selector: {} } })],
      {
        rules: [{ ...acme, excludes: ['team-b'], excludePattern: '^(sh.*)$', excludeSelector: {} }],
        prefixes: { 'team-': [0] },
        prefixLengths: [5],
      },
    ],
    'have the accounts as names and as one expression': [
      [ofCluster('acme', { names: ['shop'] }, ['default', 'build.*'])],
      {
        rules: [{ imagePullSecrets: entries('acme'), accounts: ['default'], accountPattern: '^(build\\..*)$' }],
        names: { shop: [0] },
      },
    ],
    'name no accounts if all are selected': [
      [ofCluster('acme', { names: ['shop'] }, ['default', '*'])],
      { rules: [{ imagePullSecrets: entries('acme') }], names: { shop: [0] } },
    ],
    'join credentials with the same selection into one rule': [
      [ofCluster('beta', { names: ['*'] }), ofCluster('acme', { names: ['*'] })],
      { rules: [{ imagePullSecrets: entries('acme', 'beta'), accounts: ['default'] }], prefixes: { '': [0] }, prefixLengths: [0] },
    ],
    'store equal rules of many tenants once': [
      [ofTenant('team-a', 'acme'), ofTenant('team-b', 'acme')],
      { rules: [acme], names: { 'team-a': [0], 'team-b': [0] } },
    ],
    'of a tenant lead only from the namespaces that accept it': [
      [ofTenant('team-a', 'acme', ['team-b'])],
      { rules: [acme], names: { 'team-b': [0] } },
    ],
    'add a name once if two tenants place it in one namespace': [
      [ofTenant('team-a', 'acme', ['team-a']), ofTenant('team-b', 'acme', ['team-a'])],
      { rules: [acme], names: { 'team-a': [0] }, repeats: true },
    ],
    'look for repeated names if a tenant has the name of a cluster-scoped credential': [
      [ofCluster('acme', { names: ['*'] }, ['*']), ofTenant('team-a', 'acme')],
      {
        rules: [acme, { imagePullSecrets: entries('acme') }],
        names: { 'team-a': [0] },
        prefixes: { '': [1] },
        prefixLengths: [0],
        repeats: true,
      },
    ],
  };
  for (const [what, [rules, want]] of Object.entries(table)) {
    it(what, () => {
      const { rules: compiled, capped } = compileRules(rules);
      expect(compiled).to.deep.equal({ ...NO_RULES, ...want });
      expect([...capped]).to.deep.equal([]);
    });
  }

  it('contain no credential that adds nothing, and are the same in whatever order credentials come', () => {
    const credentials = [
      credential({ name: 'beta' }),
      credential({ name: 'acme' }),
      credential({ name: 'suspended', spec: { suspend: true } }),
      credential({ name: 'deleted', terminating: true }),
      credential({ name: 'off', spec: { podInjection: 'None' } }),
      credential({ name: 'labels-only', spec: { serviceAccounts: { names: [], selector: {} } } }),
    ];
    const { rules } = compileRules(rulesOf(credentials, NO_TENANTS));
    expect(rules.rules).to.deep.equal([{ imagePullSecrets: entries('acme', 'beta'), accounts: ['default'] }]);
    expect(compileRules(rulesOf(credentials.reverse(), NO_TENANTS)).rules).to.deep.equal(rules);
  });
});

describe('The rules of credentials get their shares', () => {
  const credentials = [
    credential({ name: 'later', createdAt: 5, uid: 'b' }),
    credential({ name: 'lower-uid', createdAt: 5, uid: 'a' }),
    credential({ name: 'oldest', createdAt: 1, uid: 'z' }),
  ];
  const namesOf = (rules: readonly { readonly secretName: string }[]) => rules.map(({ secretName }) => secretName);

  it('in the order of their age, and of one second that with the lower uid first', () => {
    for (const all of [credentials, [...credentials].reverse()])
      expect(namesOf(rulesOf(all, NO_TENANTS))).to.deep.equal(['oldest', 'lower-uid', 'later']);
  });

  it('in that order for tenants as well, each with the namespaces that it reaches', () => {
    const tenants = credentials.map((one) => ({ ...one, kind: 'NamespacedRegistryCredential' as const, namespace: 'team-a' }));
    const rules = rulesOf([], {
      namespaces: [namespace({ name: 'team-b', acceptFrom: ['team-a'] }), namespace({ name: 'team-c' }), namespace({ name: 'team-a' })],
      candidates: () => tenants,
      tenantOf: () => undefined,
    });
    expect(namesOf(rules)).to.deep.equal(['oldest', 'lower-uid', 'later']);
    for (const rule of rules) expect(rule).to.have.property('namespaces').that.deep.equals(['team-a', 'team-b']);
  });
});

describe('A share of the rules for new pods', () => {
  const many = <T>(count: number, make: (n: number) => T) => Array.from({ length: count }, (_, n) => make(n));
  const capsOf = (rules: Parameters<typeof compileRules>[0]) => {
    const { rules: compiled, capped } = compileRules(rules);
    return { compiled, capped: Object.fromEntries([...capped].map(([id, cap]) => [id.replace('RegistryCredential ', ''), cap])) };
  };
  const longGlobs = (count: number) => many(count, (n) => `${'?'.repeat(249)}a${String(n).padStart(3, '0')}`);

  it('is not for a credential whose own lists are too long, and the others are not affected', () => {
    const { compiled, capped } = capsOf([ofCluster('long', { names: ['*'] }, longGlobs(255)), ofCluster('acme', { names: ['shop'] })]);
    expect(capped).to.deep.equal({ '/long': { cap: 'credential' } });
    expect(compiled.rules).to.deep.equal([acme]);
  });

  /** Globs for ServiceAccounts that cost this much together: four characters of an expression cost 26, and a name 1. */
  const costing = (cost: number) => {
    const glob = '?'.repeat(4 * Math.floor((cost - costOf({})) / 26) - '^()$'.length);
    const globs = [glob, ...many(cost - costOf(accountsOf([glob])), (n) => `name-${n}`)];
    expect(costOf(accountsOf(globs))).to.equal(cost);
    return globs;
  };

  it('is what the documentation promises', () => {
    const { credentialCost, credentialBytes, clusterRules, clusterCost, clusterBytes } = LIMITS;
    const { tenantRules, tenantBytes, namespaceRules, namespaceCost, tenantsBytes } = LIMITS;
    const text = readFileSync('docs/pods.md', 'utf8');
    const [cost, whole, perNamespace] = [credentialCost, clusterCost, namespaceCost].map((units) => units.toLocaleString('en'));
    const promises = [
      `| one credential | ${cost} of the API server's cost units, and ${credentialBytes / 1000} KB.`,
      `| all RegistryCredentials | ${clusterRules} credentials, ${whole} cost units, ${clusterBytes / 1000} KB |`,
      `| the NamespacedRegistryCredentials of one namespace | ${tenantRules} credentials, ${tenantBytes / 1000} KB:`,
      `| one namespace, for the names of NamespacedRegistryCredentials | ${namespaceRules} names, ${perNamespace} cost units.`,
      `| all NamespacedRegistryCredentials | ${tenantsBytes / 1000} KB:`,
    ];
    for (const promise of promises) expect(text).to.contain(promise);
  });

  it('is enough for a credential that costs as much as it, and not for one that costs more', () => {
    const ofCost = (cost: number) => capsOf([ofCluster('acme', { names: ['shop'] }, costing(cost))]).capped;
    expect(ofCost(LIMITS.credentialCost)).to.deep.equal({});
    expect(ofCost(LIMITS.credentialCost + 1)).to.deep.equal({ '/acme': { cap: 'credential' } });
    const ofTeam = (cost: number) => capsOf([ofTenant('team-a', 'acme', ['team-a'], costing(cost))]).capped;
    expect(ofTeam(LIMITS.credentialCost)).to.deep.equal({});
    expect(ofTeam(LIMITS.credentialCost + 1)).to.deep.equal({ 'team-a/acme': { cap: 'credential' } });
  });

  it('is enough for a credential as large as it, and not for a larger one', () => {
    const names = many(500, (n) => `shop-${n}-${'x'.repeat(50)}`);
    const named = (length: number) => ({ ...ofCluster('acme', { names }), secretName: 'a'.repeat(length) });
    const length = LIMITS.credentialBytes - JSON.stringify(draftOf(named(0))).length;
    expect(capsOf([named(length)]).capped).to.deep.equal({});
    expect(capsOf([named(length + 1)]).capped).to.deep.equal({ '/acme': { cap: 'credential' } });
  });

  it('of the cost of all cluster-scoped credentials can be used up to the last unit', () => {
    const full = many(LIMITS.clusterCost / LIMITS.credentialCost - 1, (n) =>
      ofCluster(`acme-${n}`, { names: ['*'] }, costing(LIMITS.credentialCost)),
    );
    const last = (cost: number) => ofCluster('last', { names: ['*'] }, costing(cost));
    expect(capsOf([...full, last(LIMITS.credentialCost)]).capped).to.deep.equal({});
    expect(capsOf([...full, last(LIMITS.credentialCost - 1), ofCluster('more', { names: ['*'] }, ['*'])]).capped).to.deep.equal({
      '/more': { cap: 'total' },
    });
    // A small one still fits where a large one does not.
    const small = costing(LIMITS.credentialCost - 1000);
    expect(
      capsOf([...full, ofCluster('small', { names: ['*'] }, small), last(2000), ofCluster('least', { names: ['*'] }, ['*'])]).capped,
    ).to.deep.equal({
      '/last': { cap: 'total' },
    });
  });

  it('of the cost in one namespace can be used up to the last unit', () => {
    const sources = many(LIMITS.namespaceCost / LIMITS.credentialCost - 1, (n) =>
      ofTenant(`source-${n}`, `acme-${n}`, ['team-a'], costing(LIMITS.credentialCost)),
    );
    const last = (cost: number) => ofTenant('last', 'acme', ['team-a'], costing(cost));
    const more = ofTenant('more', 'acme', ['team-a', 'team-b'], ['*']);
    expect(capsOf([...sources, last(LIMITS.credentialCost)]).capped).to.deep.equal({});
    expect(capsOf([...sources, last(LIMITS.credentialCost), more]).capped).to.deep.equal({ 'more/acme': { cap: 'namespaces', count: 1 } });
  });

  it('in several namespaces is reported with the number of those in which others have used it up', () => {
    const full = (namespace: string) => many(LIMITS.namespaceRules, (n) => ofTenant(`${namespace}-${n}`, `acme-${n}`, [namespace]));
    const { capped } = capsOf([...full('team-a'), ...full('team-b'), ofTenant('late', 'acme', ['team-a', 'team-b', 'team-c'])]);
    expect(capped).to.deep.equal({ 'late/acme': { cap: 'namespaces', count: 2 } });
  });

  it('of the size of one tenant can be used up to the last byte', () => {
    const sizeOf = (namespace: string, name: string) => JSON.stringify([namespace, name, { accounts: ['default'] }]).length;
    const accepting = many(500, (n) => `team-${n}`);
    const used = accepting.reduce((sum, namespace) => sum + sizeOf(namespace, 'acme'), 0);
    const last = (bytes: number) => ofTenant('flood', 'a'.repeat(bytes - sizeOf('last', '')), ['last']);
    const acme = ofTenant('flood', 'acme', accepting);
    expect(capsOf([acme, last(LIMITS.tenantBytes - used)]).capped).to.deep.equal({});
    const [cap] = Object.values(capsOf([acme, last(LIMITS.tenantBytes - used + 1)]).capped);
    expect(cap).to.deep.equal({ cap: 'tenant' });
  });

  it('ends when the cluster-scoped credentials have used it up, and tenants keep theirs', () => {
    const count = LIMITS.clusterRules + 2;
    const { compiled, capped } = capsOf([
      ...many(count, (n) => ofCluster(`acme-${n}`, { names: [`shop-${n}`] })),
      ofTenant('team-a', 'mine'),
    ]);
    expect(Object.keys(capped)).to.deep.equal([`/acme-${count - 2}`, `/acme-${count - 1}`]);
    expect(capped[`/acme-${count - 1}`]).to.deep.equal({ cap: 'total' });
    expect(Object.keys(compiled.names)).to.include.members(['team-a', 'shop-0']);
  });

  it('also ends at a sum of costs, however few the credentials are', () => {
    const costly = many(40, (n) =>
      ofCluster(
        `acme-${n}`,
        { names: ['*'] },
        many(9, (m) => `${'?'.repeat(240)}${n}-${m}`),
      ),
    );
    const { capped } = capsOf(costly);
    const caps = new Set(Object.values(capped).map(({ cap }) => cap));
    expect([...caps]).to.deep.equal(['total']);
    expect(Object.keys(capped).length).to.be.within(1, 39);
  });

  it('of a tenant ends at a number of credentials, and its other tenants do not notice', () => {
    const flood = many(1000, (n) => ofTenant('flood', `acme-${n}`));
    const { compiled, capped } = capsOf([...flood, ofTenant('team-a', 'mine')]);
    expect(Object.keys(capped)).to.have.length(1000 - LIMITS.tenantRules);
    expect(capped['flood/acme-999']).to.deep.equal({ cap: 'tenant' });
    expect(Object.keys(compiled.names).sort()).to.deep.equal(['flood', 'team-a']);
  });

  it('of a tenant ends at a size, however few its credentials are', () => {
    const accepting = many(5000, (n) => `team-${n}`);
    const { compiled, capped } = capsOf([ofTenant('flood', 'acme', ['flood', ...accepting]), ofTenant('quiet', 'mine')]);
    expect(capped).to.deep.equal({ 'flood/acme': { cap: 'tenant' } });
    expect(compiled.names).to.include.keys('flood', 'quiet', 'team-0').and.not.include.keys('team-4999');
  });

  it('in one namespace is first for its own credentials, then for those that it accepts', () => {
    const sources = many(150, (n) => `source-${n}`);
    const { compiled, capped } = capsOf([
      ...sources.map((source) => ofTenant(source, `from-${source}`, [source, 'team-a'])),
      ofTenant('team-a', 'mine'),
    ]);
    const names = (compiled.names['team-a'] ?? []).flatMap((at) => compiled.rules[at]?.imagePullSecrets.map(({ name }) => name) ?? []);
    expect(names).to.have.length(LIMITS.namespaceRules).and.include('mine');
    expect(capped['source-149/from-source-149']).to.deep.equal({ cap: 'namespaces', count: 1 });
    expect(compiled.names).to.include.keys('source-149');
  });

  it('keeps the object below the size that etcd stores, whatever people write', () => {
    const longNames = (n: number) => many(256, (m) => `${String(n * 256 + m).padStart(6, '0')}${'a'.repeat(57)}`);
    const { compiled } = capsOf([
      ...many(60, (n) => ofCluster(`acme-${n}`, { names: longNames(n), exclude: { names: longNames(n + 1000) } })),
      ...many(5000, (n) => ofTenant(`tenant-${n}-${'x'.repeat(40)}`, `mine-${n}-${'y'.repeat(200)}`)),
    ]);
    expect(JSON.stringify(compiled).length).to.be.below(1_400_000).and.above(500_000);
  });
});
