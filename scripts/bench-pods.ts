/**
 * `npm run bench:pods`: measures how much time the policy that adds pull secrets adds to the creation of a pod. It runs two control planes
 * that differ only in the policy, and creates pods in both by turns, so that other load on the machine affects both alike. No operator runs:
 * the bench compiles and writes the rules itself.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { KubeClient } from '../src/kube/client.ts';
import { compileRules } from '../src/plan/injection/compile.ts';
import type { InjectionRule } from '../src/plan/injection/rule.ts';
import { connect } from '../test/support/api.ts';
import { kubectl, startControlPlane } from '../test/support/controlplane.ts';
import { eventually } from '../test/support/eventually.ts';
import { install } from '../test/support/operator.ts';
import { writeRules } from '../test/support/pull-secret-rules.ts';
import { Screen } from './quickstart/screen.ts';

const PODS = '/api/v1/namespaces/bench/pods';
const ROUNDS = 8;
const PODS_A_ROUND = 100;
const WARM_UP = 20;

interface Setting {
  readonly what: string;
  readonly rules: readonly InjectionRule[];
  /** How many names the policy adds to a pod. */
  readonly added: number;
  /** How many names the ServiceAccount has, in both clusters. */
  readonly inherited?: number;
  /** At most this many times as long as without the policy. */
  readonly goal?: number;
}

const ref = (name: string, namespace = '') =>
  ({ kind: namespace === '' ? 'RegistryCredential' : 'NamespacedRegistryCredential', namespace, name }) as const;
const selecting = (n: number, selection: object): InjectionRule =>
  ({ credential: ref(`acme-${n}`), secretName: `acme-${n}`, accounts: ['default'], selection }) as InjectionRule;
const here = (n: number) => selecting(n, { names: ['bench'] });
/** Globs and names as people write them: by team, by stage, and by name. */
const elsewhere = (n: number) => selecting(n, { names: [[`team-${n}-*`, `*-stage${n}`, `shop-${n}`][n % 3]] });
const byLabel = (n: number) => selecting(n, { selector: { matchLabels: { pull: `acme-${n}` } } });
const times = <T>(count: number, make: (n: number) => T, from = 0) => Array.from({ length: count }, (_, n) => make(from + n));
const tenant = (n: number): InjectionRule => ({
  credential: ref('acme', `tenant-${n}`),
  secretName: `acme-${n % 50}`,
  accounts: ['default'],
  namespaces: [`tenant-${n}`],
});

const SETTINGS: readonly Setting[] = [
  { what: 'no credential', rules: [], added: 0 },
  { what: '100, none applies', rules: times(100, elsewhere), added: 0, goal: 1.2 },
  { what: '100, ten by a selector, none applies', rules: [...times(90, elsewhere), ...times(10, byLabel, 90)], added: 0, goal: 1.6 },
  { what: '500 namespaced, in other namespaces', rules: times(500, tenant), added: 0, goal: 1.2 },
  { what: '10 of 100 apply', rules: [...times(90, elsewhere), ...times(10, here, 90)], added: 10, goal: 1.5 },
  { what: '100 of 100 apply', rules: times(100, here), added: 100, goal: 3 },
  { what: '100 of 100 apply, and come from the account', rules: times(100, here), added: 0, inherited: 100 },
];

const screen = new Screen();
let marks = 0;
const planes = [
  await startControlPlane((line) => screen.progress(line)),
  await startControlPlane((line) => screen.progress(line)),
] as const;
const [plain, policed] = planes.map(({ kubeconfig }) => connect(kubeconfig)) as [KubeClient, KubeClient];
try {
  for (const [at, api] of [plain, policed].entries()) {
    await install(planes[at] as (typeof planes)[0]);
    for (const name of ['bench', 'mark']) {
      await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
      await eventually('the ServiceAccount exists', () => api.call('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`));
    }
  }
  // Both are the same so far. The difference shows how far the figures can be trusted.
  const same: Pair[] = [];
  for (let round = 1; round <= ROUNDS; round++) same.push(await compare(SETTINGS[0] as Setting));
  await kubectl(planes[1], 'apply', '-k', 'manifests/components/pod-injection');
  const measured = SETTINGS.map((): Pair[] => []);
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [at, setting] of SETTINGS.entries()) {
      screen.progress(`${round} of ${ROUNDS}: ${setting.what}`);
      await use(setting.rules);
      measured[at]?.push(await compare(setting));
    }
  }
  screen.heading('Time to create a pod: medians without and with the policy');
  report('no policy in either cluster', same);
  for (const [at, { what, goal }] of SETTINGS.entries()) report(what, measured[at] ?? [], goal);
  await reportWrites();
} finally {
  for (const api of [plain, policed]) await api.close();
  for (const plane of planes) await plane.stop();
}

/** Times in milliseconds. */
interface Pair {
  readonly without: readonly number[];
  readonly with: readonly number[];
}

/** Creates pods in both clusters by turns. Omits the first ones, which warm up caches. */
async function compare(setting: Setting): Promise<Pair> {
  for (const api of [plain, policed]) await inherit(api, setting);
  const pair = { without: [] as number[], with: [] as number[] };
  for (let n = 0; n < PODS_A_ROUND; n++) {
    const both = [
      [plain, pair.without, 0],
      [policed, pair.with, setting.added],
    ] as const;
    for (const [api, taken, added] of n % 2 === 0 ? both : both.toReversed()) {
      const ms = await create(api, `bench-${n}`, added + (setting.inherited ?? 0), setting.what);
      if (n >= WARM_UP) taken.push(ms);
    }
  }
  for (const api of [plain, policed]) await api.call('DELETE', PODS, { body: { gracePeriodSeconds: 0 } });
  return pair;
}

async function create(api: KubeClient, name: string, names: number, what: string): Promise<number> {
  const spec = { containers: [{ name: 'bench', image: 'registry.example.com/bench:1' }] };
  const begun = performance.now();
  const pod = await api.call<Pod>('POST', PODS, { body: { metadata: { name }, spec } });
  const ms = performance.now() - begun;
  const count = namesOf(pod).length;
  if (count !== names) throw new Error(`${what}: a pod has ${count} imagePullSecrets, not ${names}`);
  return ms;
}

/** Gives the ServiceAccount its names, and waits until new pods get them: the API server reads ServiceAccounts from a cache. */
async function inherit(api: KubeClient, { inherited = 0, added }: Setting): Promise<void> {
  const imagePullSecrets = times(inherited, (n) => ({ name: `acme-${n}` }));
  await api.call('PATCH', '/api/v1/namespaces/bench/serviceaccounts/default', { body: { imagePullSecrets } });
  const expected = inherited + (api === policed ? added : 0);
  await eventually('the API server uses the account', async () => expect(await admitted(api)).to.have.length(expected));
}

/** Writes the rules, and waits until the API server uses them. */
async function use(rules: readonly InjectionRule[]): Promise<void> {
  const mark = `mark-${marks++}`;
  const marked = { credential: ref(mark), secretName: mark, accounts: ['default'], selection: { names: ['mark'] } };
  await write([...rules, marked]);
  await eventually('the API server uses the rules', async () => expect(await admitted(policed, 'mark')).to.include(mark));
}

async function write(rules: readonly InjectionRule[]): Promise<void> {
  const { capped } = await writeRules(policed, rules);
  if (capped.size > 0) throw new Error(`${capped.size} credentials are capped`);
}

interface Pod {
  readonly spec: { readonly imagePullSecrets?: readonly { readonly name: string }[] };
}

function namesOf({ spec }: Pod): string[] {
  return (spec.imagePullSecrets ?? []).map(({ name }) => name);
}

async function admitted(api: KubeClient, namespace = 'bench'): Promise<string[]> {
  const body = { metadata: { name: 'probe' }, spec: { containers: [{ name: 'probe', image: 'registry.example.com/probe:1' }] } };
  return namesOf(await api.call<Pod>('POST', `/api/v1/namespaces/${namespace}/pods`, { query: { dryRun: 'All' }, body }));
}

function report(what: string, pairs: readonly Pair[], goal?: number): void {
  const without = median(pairs.flatMap((pair) => pair.without));
  const with_ = median(pairs.flatMap((pair) => pair.with));
  const ratio = with_ / without;
  const verdict = goal === undefined ? '' : `at most ${goal} × ${ratio <= goal ? '✔' : '✘'}`;
  screen.line(
    `  ${what.padEnd(44)} ${without.toFixed(2).padStart(6)} ms ${with_.toFixed(2).padStart(6)} ms   ${ratio.toFixed(2)} ×   ${verdict}`,
  );
}

/** How long the API server takes from the write of the rules to their use. */
async function reportWrites(): Promise<void> {
  screen.heading('Time from the write of the rules to the first pod with a new name: median and longest of 30');
  const settings = { '1 credential': [], '100 credentials': times(100, elsewhere), '5,000 namespaced credentials': times(5000, tenant) };
  await inherit(policed, { what: '', rules: [], added: 100 }); // What the last setting added from the account.
  for (const [what, others] of Object.entries(settings)) {
    const taken: number[] = [];
    let bytes = 0;
    for (let n = 0; n < 30; n++) {
      const rules = [...others, selecting(1000 + n, { names: ['bench'] })];
      bytes = JSON.stringify(compileRules(rules).rules).length;
      await write(rules);
      const written = performance.now();
      while (!(await admitted(policed)).includes(`acme-${1000 + n}`)) await delay(1);
      taken.push(performance.now() - written);
    }
    const [half, most] = [median(taken), Math.max(...taken)];
    screen.line(`  ${what.padEnd(30)} ${`${Math.ceil(bytes / 1024)} KiB`.padStart(7)}   ${half.toFixed(0)} ms   ${most.toFixed(0)} ms`);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
