import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import type { RegistryCredentialSpec } from '../../src/api/types.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import { type ClusterRule, type InjectionRule, rulesOf, type TenantRule } from '../../src/plan/injection/rule.ts';
import { tenantOf } from '../../src/plan/targets/acceptance.ts';
import { connect } from '../support/api.ts';
import { assetsDirectory } from '../support/assets.ts';
import { account, credential, namespace } from '../support/builders.ts';
import { Cluster, type Scene, SOURCES } from '../support/cluster.ts';
import { type ControlPlane, kubectl, startControlPlane } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import { ACCOUNTS, CASES, inherits, NAMESPACES, PODS } from '../support/inheritance.ts';
import { install, leads, operatorKubeconfig, startOperator } from '../support/operator.ts';
import { needsPolicies, type PolicyApi, policyFlags } from '../support/policy-api.ts';
import { holdersIn, namesPredicted, secretNames } from '../support/prediction.ts';
import { RULES, writeRules, writeRulesOfAll } from '../support/pull-secret-rules.ts';
import { accept, Tenant } from '../support/tenants.ts';

const COMPONENTS = resolve(import.meta.dirname, '../../manifests/components');
const COMPONENT: Record<PolicyApi, string> = { v1: join(COMPONENTS, 'pod-injection'), v1beta1: join(COMPONENTS, 'pod-injection-v1beta1') };
const CREDENTIALS = '/apis/regcred.dev/v1alpha1/registrycredentials';
const WITNESS = 'witness';

interface Pod {
  readonly spec: { readonly imagePullSecrets?: readonly { readonly name: string }[] };
}
type Spec = Partial<Omit<RegistryCredentialSpec, 'serviceAccounts'>> & {
  serviceAccounts?: Partial<RegistryCredentialSpec['serviceAccounts']>;
};

/** This needs a cluster of its own: the policy changes every new pod. */
describe('The policy that adds pull secrets to new pods', () => {
  let controlPlane: ControlPlane;
  let api: KubeClient;
  let made = 0;
  /** Without an operator the test compiles the rules. */
  let hasOperator = false;

  let policyApi: PolicyApi;

  before(async function () {
    const assets = await assetsDirectory((line) => console.error(line));
    policyApi = needsPolicies(this, assets);
    const flags = policyFlags(assets);
    // The controller fills the roles edit and admin.
    controlPlane = await startControlPlane((line) => console.error(line), [], flags, ['clusterrole-aggregation-controller']);
    api = connect(controlPlane.kubeconfig);
    await install(controlPlane);
    await kubectl(controlPlane, 'apply', '-k', COMPONENT[policyApi]);
    await makeNamespace(WITNESS, {}, ['out-builder']);
  });
  after(async () => {
    await api?.close(); // Not started if the suite is skipped.
    await controlPlane?.stop();
  });

  async function makeNamespace(name: string, labels: object = {}, accounts: readonly string[] = []): Promise<void> {
    await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name, labels } } });
    for (const account of accounts)
      if (account !== 'default') {
        const body = { metadata: { name: account, labels: ACCOUNTS[account] ?? {} } };
        await api.call('POST', `/api/v1/namespaces/${name}/serviceaccounts`, { body });
      }
    await eventually(`ServiceAccount default in ${name}`, () => api.call('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`));
  }

  const podBody = (spec: object = {}, metadata: object = {}) => ({
    metadata: { name: 'probe', ...metadata },
    spec: { containers: [{ name: 'probe', image: 'registry.example.com/probe:1' }], ...spec },
  });
  const namesOf = ({ spec }: Pod) => (spec.imagePullSecrets ?? []).map(({ name }) => name);

  /** The names of the pull secrets that a pod has after admission. */
  async function admitted(inNamespace: string, spec: object = {}, metadata: object = {}): Promise<string[]> {
    const body = podBody(spec, metadata);
    return namesOf(await api.call<Pod>('POST', `/api/v1/namespaces/${inNamespace}/pods`, { query: { dryRun: 'All' }, body }));
  }

  const makeCredential = (name: string, spec: Spec, metadata: object = {}) => {
    const registries = [{ server: 'registry.example.com', secretRef: { namespace: SOURCES, name: 'robot' } }];
    const body = {
      apiVersion: 'regcred.dev/v1alpha1',
      kind: 'RegistryCredential',
      metadata: { name, ...metadata },
      spec: { registries, ...spec },
    };
    return api.call('POST', CREDENTIALS, { body });
  };

  /** The pod of an account that the operator does not select: its pull secrets come only from the policy. */
  const witness = () => admitted(WITNESS, { serviceAccountName: 'out-builder' });

  /** Creates a credential for the witness, and waits until the policy uses it, and with it everything that was created before. */
  async function inForce(): Promise<string> {
    const name = `${WITNESS}-${made++}`;
    await makeCredential(name, { namespaces: { names: [WITNESS] }, serviceAccounts: { names: ['out-builder'] } });
    if (!hasOperator) await writeRulesOfAll(api);
    await eventually('the policy uses the credential', async () => expect(await witness()).to.include(name));
    return name;
  }
  const seen = async () => takeAway(await inForce());

  async function takeAway(name: string): Promise<void> {
    await api.call('DELETE', `${CREDENTIALS}/${name}`);
    // If no operator runs, only the test can remove the finalizer.
    await api.call('PATCH', `${CREDENTIALS}/${name}`, { body: { metadata: { finalizers: null } } }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }

  describe('for the cases of the shared table', () => {
    const nameOf = (index: number) => `case-${index}`;
    /** The names that each pod gets. */
    const given = new Map<string, string[]>();

    before(async () => {
      for (const [name, labels] of Object.entries(NAMESPACES)) await makeNamespace(name, labels, Object.keys(ACCOUNTS));
      for (const [index, { spec, terminating }] of Object.values(CASES).entries()) {
        await makeCredential(nameOf(index), spec, { finalizers: ['test.example.com/stays'] });
        if (terminating) await api.call('DELETE', `${CREDENTIALS}/${nameOf(index)}`);
      }
      await seen();
      for (const { name, namespace, account } of PODS) {
        const under = account.name === 'default' ? {} : { serviceAccountName: account.name };
        given.set(name, await admitted(namespace.name, under));
      }
    });
    after(async () => {
      for (const index of Object.keys(CASES).keys()) await takeAway(nameOf(index));
    });

    for (const [index, [what, { spec, pods, atAdmission = pods }]] of Object.entries(CASES).entries()) {
      it(what, () => {
        const inherit = [...given].filter(([, names]) => names.includes(spec.secretName ?? nameOf(index)));
        expect(inherit.map(([name]) => name)).to.have.members([...atAdmission]);
      });
    }
  });

  describe('agrees with src/plan', () => {
    const word = (...letters: string[]) => fc.array(fc.constantFrom(...letters), { minLength: 1, maxLength: 4 }).map((all) => all.join(''));
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'ab', 'ba', 'a-b', 'bab'), { minLength: 4, maxLength: 4 });
    const glob = fc.oneof(
      fc.constant('*'),
      word('a', 'b', '*', '?').map((end) => `*-${end}`),
      word('a', 'b', '*', '?', '-a').map((end) => `p?*-${end}`),
    );
    const globs = fc.uniqueArray(glob, { maxLength: 3 });
    const key = fc.constantFrom('a', 'example.com/b', 'constructor');
    const value = fc.constantFrom('', 'x', 'y');
    const optOut = fc.oneof(
      { weight: 4, arbitrary: fc.constant({}) },
      fc.constantFrom('true', 'false').map((is) => ({ 'regcred.dev/exclude': is })),
    );
    const labels = fc.tuple(fc.dictionary(key, value), optOut).map(([own, out]) => ({ ...own, ...out }));
    const expression = fc.oneof(
      fc.record({ key, operator: fc.constantFrom('In', 'NotIn'), values: fc.array(value, { minLength: 1, maxLength: 2 }) }),
      fc.record({ key, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
    );
    const selector = fc.record(
      { matchLabels: fc.dictionary(key, value, { maxKeys: 1 }), matchExpressions: fc.array(expression, { maxLength: 2 }) },
      { requiredKeys: [] },
    );
    const exclude = fc.record({ names: globs, selector }, { requiredKeys: [] });
    const wanted = fc
      .record({ names: globs, selector, exclude }, { requiredKeys: [] })
      .filter(({ names = [], selector }) => names.length > 0 || selector !== undefined);
    const spec = fc.record({
      namespaces: wanted,
      serviceAccounts: fc.record({ names: fc.uniqueArray(fc.constantFrom('default', '*', 'b.?', 'b*', '?*a'), { maxLength: 2 }) }),
      podInjection: fc.oneof({ weight: 6, arbitrary: fc.constant('Append' as const) }, fc.constant('None' as const)),
      suspend: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, fc.constant(true)),
    }) as fc.Arbitrary<Spec>;
    const under = ['default', 'b.a', 'bxa'];
    let run = 0;

    it('for random specs and namespaces', async () => {
      const property = fc.asyncProperty(
        names,
        fc.array(labels, { minLength: 4, maxLength: 4 }),
        fc.array(spec, { minLength: 15, maxLength: 15 }),
        async (words, labels, specs) => {
          const prefix = `p${run++}`;
          const namespaces = words.map((name, index) =>
            namespace({ name: `${prefix}-${name}`, labels: labels[index] as Record<string, string> }),
          );
          const credentials = specs.map((spec, index) => credential({ name: `${prefix}-${index}`, spec: spec as RegistryCredentialSpec }));
          for (const { name, labels } of namespaces) await makeNamespace(name, labels, under);
          for (const [index, { name }] of credentials.entries()) await makeCredential(name, specs[index] as Spec);
          await seen();
          for (const inNamespace of namespaces) {
            for (const serviceAccountName of under) {
              const one = account({ namespace: inNamespace.name, name: serviceAccountName });
              const want = credentials.filter((one_) => inherits(one_, inNamespace, one)).map(({ name }) => name);
              const given = await admitted(inNamespace.name, { serviceAccountName });
              expect(given.sort(), `under ${serviceAccountName} in ${JSON.stringify(inNamespace)}`).to.deep.equal(want.sort());
            }
          }
          for (const { name } of credentials) await takeAway(name);
        },
      );
      await fc.assert(property, { numRuns: 6, endOnFailure: true });
    });

    it('and with the doctor for random tenants: their credentials, and the namespaces that accept them', async () => {
      const homes = fc.subarray(['a', 'b', 'ab', 'ba']);
      const label = 'example.com/tenant';
      const tenants = fc.constantFrom({}, { [label]: '' }, { [label]: 'oil' }, { [label]: 'gas' });
      const property = fc.asyncProperty(
        names,
        fc.array(fc.record({ labels, acceptFrom: homes, tenant: tenants }), { minLength: 4, maxLength: 4 }),
        fc.array(fc.record({ home: fc.nat({ max: 3 }), spec, name: fc.constantFrom('x', 'y', 'z') }), { minLength: 10, maxLength: 10 }),
        fc.array(spec, { minLength: 3, maxLength: 3 }),
        async (words, surroundings, owned, specs) => {
          const prefix = `t${run++}`;
          const namespaces = words.map((word, index) => {
            const { labels = {}, acceptFrom = [], tenant = {} } = surroundings[index] ?? {};
            return namespace({
              name: `${prefix}-${word}`,
              labels: { ...labels, ...tenant },
              acceptFrom: acceptFrom.map((home) => `${prefix}-${home}`),
            });
          });
          const ofTenants = owned.map(({ home, spec, name }, index) =>
            credential({
              kind: 'NamespacedRegistryCredential',
              namespace: namespaces[home]?.name ?? '',
              name: `own-${index}`,
              uid: `uid-${index}`,
              // Some share the name of their Secret with others, and with a cluster-scoped one.
              spec: { ...(spec as RegistryCredentialSpec), secretName: name },
            }),
          );
          const ofCluster = specs.map((spec, index) =>
            credential({ name: ['x', 'y', 'w'][index] ?? '', spec: spec as RegistryCredentialSpec }),
          );
          for (const { name, labels } of namespaces) await makeNamespace(name, labels, under);
          const tenant = (home: string) =>
            tenantOf(
              namespaces.find(({ name }) => name === home),
              label,
            );
          const rules = rulesOf(ofCluster, { namespaces, candidates: () => ofTenants, tenantOf: tenant });
          const all = [...ofCluster, ...ofTenants].map((each) => ({ ...each, tenant: tenant(each.namespace) }));
          const mark = `mark-${prefix}`;
          await writeRules(api, [...rules, markRule(mark)]);
          await eventually('the API server uses the rules', async () => expect(await witness()).to.include(mark));
          for (const inNamespace of namespaces) {
            for (const serviceAccountName of under) {
              const one = account({ namespace: inNamespace.name, name: serviceAccountName });
              const wanting = all.filter((each) => inherits(each, inNamespace, one));
              const given = await admitted(inNamespace.name, { serviceAccountName });
              const where = `under ${serviceAccountName} in ${JSON.stringify(inNamespace)}`;
              expect(given.sort(), where).to.deep.equal(secretNames(wanting));
              const holders = holdersIn(all, inNamespace);
              const known = wanting.filter((each) => holders.has(each) || inherits({ ...each, tenant: undefined }, inNamespace, one));
              expect(namesPredicted(all, holders, inNamespace, one), `the doctor, ${where}`).to.deep.equal(secretNames(known));
            }
          }
        },
      );
      await fc.assert(property, { numRuns: 20, endOnFailure: true });
    });
  });

  /** A rule that only shows that the API server uses the rules that were written with it. */
  const markRule = (name: string): ClusterRule => ({
    credential: { kind: 'RegistryCredential', namespace: '', name },
    secretName: name,
    accounts: ['out-builder'],
    selection: { names: [WITNESS] },
  });

  describe('leaves a pod unchanged except for one name,', () => {
    const name = 'acme';
    before(async () => {
      await makeCredential(name, { namespaces: { names: [WITNESS] } });
      await seen();
    });
    after(() => takeAway(name));
    const list = (...names: string[]) => ({ imagePullSecrets: names.map((name) => ({ name })) });

    const table: Record<string, readonly [spec: object, metadata: object, want: readonly string[]]> = {
      'which it adds to a pod without a list': [{}, {}, [name]],
      'which it adds after the names of the pod itself': [list('mine', 'another'), {}, ['mine', 'another', name]],
      'which it does not repeat': [list(name, 'mine'), {}, [name, 'mine']],
      'which it adds beside an entry without a name': [{ imagePullSecrets: [{}] }, {}, ['', name]],
      'and adds nothing if the pod opts out with the label': [{}, { labels: { 'regcred.dev/exclude': 'true' } }, []],
      'which it adds if that label has another value': [{}, { labels: { 'regcred.dev/exclude': 'false' } }, [name]],
      // The API server refuses a mirror pod that refers to a Secret (plugin/pkg/admission/serviceaccount).
      'and never changes a mirror pod': [{ nodeName: 'node-1' }, { annotations: { 'kubernetes.io/config.mirror': 'hash' } }, []],
    };
    for (const [what, [spec, metadata, want]] of Object.entries(table)) {
      it(what, async () => expect((await admitted(WITNESS, spec, metadata)).map((one) => one ?? '')).to.deep.equal(want));
    }

    describe('also at the limits of the rules:', () => {
      const longest = 'a'.repeat(253);
      const inNamespace = `limits-${'n'.repeat(56)}`;
      const many = <T>(count: number, make: (n: string) => T) => Array.from({ length: count }, (_, n) => make(String(n).padStart(4, '0')));
      const labels = Object.fromEntries(many(60, (n) => [`example.com/${n}`, 'y'.repeat(63)]));
      before(() => makeNamespace(inNamespace, labels, [longest]));
      after(() => writeRulesOfAll(api));

      const rule = (name: string, selection: object, accounts: readonly string[]) =>
        ({ credential: { kind: 'RegistryCredential', namespace: '', name }, secretName: name, accounts, selection }) as ClusterRule;
      const fixed = (namespace: string, name: string, accounts: readonly string[]) =>
        ({
          credential: { kind: 'RegistryCredential', namespace, name },
          secretName: name,
          accounts,
          namespaces: [inNamespace],
        }) as TenantRule;
      const expressions = many(64, (n) => ({
        key: `absent.example.com/${n}`,
        operator: 'NotIn',
        values: many(3, (m) => `${'x'.repeat(59)}${m}`),
      }));
      /** Some more accounts than there are, so that every credential has conditions of its own. */
      const accounts = (n: string) => [longest, `b${n}*`];
      const globs = (count: number, length: number) => many(count, (n) => `?*${'b'.repeat(length)}${n}`);

      const table: Record<string, readonly InjectionRule[]> = {
        'as many credentials as fit, all by a name': many(500, (n) => rule(n, { names: [inNamespace] }, accounts(n))),
        'as many credentials as fit, all by a label': many(500, (n) =>
          rule(n, { selector: { matchLabels: { 'example.com/0000': 'y'.repeat(63) } } }, accounts(n)),
        ),
        'as many credentials as fit, with wildcards in the middle': many(500, (n) => rule(n, { names: ['l*s-?*', `?${n}*`] }, accounts(n))),
        'as many credentials as fit, and the same names in another rule': many(500, (n) =>
          rule(String(Number(n) % 250), { names: [inNamespace] }, accounts(n)),
        ),
        'long lists of accounts and exclusions': many(40, (n) =>
          rule(n, { names: [inNamespace], exclude: { names: globs(40, 50) } }, [longest, ...globs(20, 200), `b${n}*`]),
        ),
        'long selectors': many(40, (n) =>
          rule(
            n,
            {
              names: [`a${n}*`],
              selector: { matchLabels: labels, matchExpressions: expressions },
              exclude: { selector: { matchExpressions: [...expressions, { key: 'absent', operator: 'Exists' }] } },
            },
            accounts(n),
          ),
        ),
        'as many namespaced credentials as fit, beside the cluster-scoped ones': [
          ...many(500, (n) => rule(n, { names: [inNamespace] }, accounts(n))),
          ...many(150, (n) => fixed(`tenant-${n}`, `tenant-${n}`, [longest, ...globs(3, 200), `b${n}*`])),
        ],
      };
      for (const [what, rules] of Object.entries(table)) {
        it(what, async () => {
          const { rules: compiled, capped } = await writeRules(api, rules);
          const want = new Set(compiled.rules.flatMap(({ imagePullSecrets }) => imagePullSecrets.map(({ name }) => name)));
          expect(want.size).to.be.at.least(10);
          console.log(`      ${want.size} names, ${capped.size} capped, ${Math.ceil(JSON.stringify(compiled).length / 1024)} KiB`);
          await eventually('the pod has all names', async () =>
            expect((await admitted(inNamespace, { serviceAccountName: longest })).length).to.equal(want.size),
          );
          // The condition for a pod that has all but the last name is the most expensive one.
          const all = [...want];
          const given = await admitted(inNamespace, { serviceAccountName: longest, ...list(...all.slice(0, -1)) });
          expect(given).to.have.members(all);
        });
      }
    });

    it('or the name of each of several credentials', async () => {
      await makeCredential('beta', { namespaces: { names: [WITNESS] }, secretName: 'beta.secret' });
      await seen();
      expect(await admitted(WITNESS, list('mine'))).to.have.members(['mine', name, 'beta.secret']);
      await takeAway('beta');
    });
  });

  it('adds nothing, and refuses no pod, until the operator has written the rules', async () => {
    const name = await inForce();
    await api.call('DELETE', `${RULES}/regcred`);
    await eventually('the rules are gone', async () => expect(await witness()).to.deep.equal([]));
    expect(await admitted(WITNESS, { imagePullSecrets: [{ name: 'mine' }] })).to.deep.equal(['mine']);
    await writeRulesOfAll(api);
    await eventually('the rules are there again', async () => expect(await witness()).to.include(name));
    await takeAway(name);
    await writeRulesOfAll(api);
  });

  describe('with a running operator', () => {
    let cluster: Cluster;
    let scene: Scene;
    before(async () => {
      await makeNamespace(SOURCES);
      const kubeconfig = await operatorKubeconfig(controlPlane.kubeconfig, 'regcred-system', controlPlane.scratch);
      cluster = new Cluster(controlPlane, api, startOperator({ kubeconfig }), kubeconfig);
      await leads(cluster.operator);
      hasOperator = true;
    });
    after(() => cluster.operator.stop());
    beforeEach(() => (scene = cluster.scene()));

    const component = (verb: 'apply' | 'delete', directory = COMPONENT[policyApi]) => kubectl(controlPlane, verb, '-k', directory);
    /** Waits for the status and reason of PodInjection, and returns its message. */
    const injection = (status: string, reason: string) =>
      eventually(`PodInjection is ${status} (${reason})`, async () => {
        const condition = await scene.condition('PodInjection');
        expect([condition.status, condition.reason]).to.deep.equal([status, reason]);
        return condition.message;
      });

    it('is reported in PodInjection when it is installed or deleted, and Ready does not change', async () => {
      await scene.placed(1);
      await injection('True', 'Injected');
      const ready = await scene.condition('Ready');
      await kubectl(controlPlane, 'delete', 'mutatingadmissionpolicybinding', 'regcred.dev');
      expect(await injection('False', 'PolicyNotInstalled')).to.contain('kubectl apply -k manifests/components/pod-injection');
      await component('apply');
      await injection('True', 'Injected');
      await scene.patchCredential({ podInjection: 'None' });
      await injection('False', 'PodInjectionOff');
      await scene.patchCredential({ podInjection: 'Append', serviceAccounts: { names: [], selector: {} } });
      expect(await injection('False', 'SelectorOnAccounts')).to.contain('cannot see the labels of ServiceAccounts');
      const { observedGeneration: _, ...after } = await scene.condition('Ready');
      expect(after).to.deep.include({ status: 'True', lastTransitionTime: ready.lastTransitionTime });
    });

    it('reads rules that the operator repairs when others change or delete them', async () => {
      const [namespace = ''] = await scene.placed(1);
      const spec = async () => (await api.call<{ spec: object }>('GET', `${RULES}/regcred`)).spec;
      await eventually('the rules contain the credential', async () => expect(JSON.stringify(await spec())).to.contain(scene.name));
      const before = await spec();
      await kubectl(
        controlPlane,
        'patch',
        'pullsecretrules',
        'regcred',
        '--type=merge',
        '-p',
        JSON.stringify({ spec: { names: { [namespace]: [] } } }),
      );
      await eventually('the change is repaired', async () => expect(await spec()).to.deep.equal(before));
      await kubectl(controlPlane, 'delete', 'pullsecretrules', 'regcred');
      await eventually('the rules are there again', async () => expect(await spec()).to.deep.equal(before));
      await injection('True', 'Injected');
    });

    it('does not reach pods without the kind that it reads, and PodInjection says what to install', async () => {
      await scene.placed(1);
      await injection('True', 'Injected');
      await kubectl(controlPlane, 'delete', 'crd', 'pullsecretrules.regcred.dev');
      expect(await injection('False', 'PolicyNotInstalled'))
        .to.contain('pullsecretrules.regcred.dev')
        .and.contain('kubectl apply -f crds/');
      await scene.ready();
      await kubectl(controlPlane, 'apply', '-f', resolve(import.meta.dirname, '../../crds/pullsecretrules.yaml'));
      await injection('True', 'Injected');
      await seen();
    });

    it('adds no name of a credential whose lists are too long, and PodInjection says so', async () => {
      const [namespace = ''] = await scene.placed(1);
      await scene.patchCredential({
        serviceAccounts: { names: Array.from({ length: 255 }, (_, n) => `${'?'.repeat(200)}${n}`).concat('default') },
      });
      expect(await injection('False', 'PodInjectionCapped'))
        .to.contain('too long')
        .and.contain('Shorten');
      await seen();
      expect(await admitted(namespace)).to.deep.equal([scene.name]); // From its ServiceAccount, which the operator has patched.
      expect(await admitted(namespace, { imagePullSecrets: [{ name: 'mine' }] })).to.deep.equal(['mine']);
      await scene.patchCredential({ serviceAccounts: { names: ['default'] } });
      await injection('True', 'Injected');
    });

    it('adds the name soon after a RegistryCredential is created', async () => {
      const namespace = await scene.namespace();
      const taken: number[] = [];
      for (let n = 0; n < 15; n++) {
        const name = `${scene.name}-soon-${n}`;
        const begun = performance.now();
        await makeCredential(name, { namespaces: { names: [namespace] }, serviceAccounts: { names: ['builder*', 'default'] } });
        const own = { imagePullSecrets: [{ name: 'mine' }] };
        await eventually('the pod gets the name', async () => expect(await admitted(namespace, own)).to.include(name));
        taken.push(performance.now() - begun);
        await delay(250); // The rules are written at most every 200 ms.
      }
      taken.sort((a, b) => a - b);
      console.log(
        `      a pod gets the name of a new RegistryCredential after ${taken[7]?.toFixed(0)} ms (median), at most ${taken[14]?.toFixed(0)} ms`,
      );
      expect(taken[7]).to.be.below(10_000);
      for (let n = 0; n < 15; n++) await api.call('DELETE', `${CREDENTIALS}/${scene.name}-soon-${n}`);
    });

    it('adds the name of a namespaced credential in its namespace and where it is accepted, and nowhere else', async () => {
      const [home = '', accepting = '', other = ''] = [await scene.namespace(), await scene.namespace(), await scene.namespace()];
      const tenant = new Tenant(scene, home);
      await accept(scene, accepting, home);
      await tenant.placed({ namespaces: { names: ['*'] }, secretName: scene.name });
      // With a list of its own, a pod gets nothing from its ServiceAccount.
      const inEach = () =>
        Promise.all([home, accepting, other].map(async (one) => (await admitted(one, { imagePullSecrets: [{ name: 'mine' }] })).join()));
      const both = `mine,${scene.name}`;
      await eventually('the rules contain the credential', async () => expect(await inEach()).to.deep.equal([both, both, 'mine']));
      await eventually('the status reports it', async () =>
        expect(await tenant.condition('PodInjection')).to.include({ status: 'True', reason: 'Injected' }),
      );
      await accept(scene, accepting);
      await eventually('acceptance has ended', async () => expect(await inEach()).to.deep.equal([both, 'mine', 'mine']));
      await accept(scene, other, home);
      await eventually('another namespace accepts it', async () => expect(await inEach()).to.deep.equal([both, 'mine', both]));
      await tenant.delete();
      await eventually('it is deleted', async () => expect(await inEach()).to.deep.equal(['mine', 'mine', 'mine']));
    });

    it('reads rules that a tenant with the roles edit and admin can neither read nor write', async () => {
      const [namespace = ''] = await scene.placed(1);
      const tenant = 'tenant@example.com';
      for (const role of ['edit', 'admin'])
        await kubectl(controlPlane, 'create', 'rolebinding', role, `--clusterrole=${role}`, `--user=${tenant}`, '-n', namespace);
      const attempt = (...args: string[]) =>
        kubectl(controlPlane, `--as=${tenant}`, ...args).then(
          () => 'allowed',
          (error: Error) => error.message,
        );
      await eventually('the roles are in force', async () =>
        expect(await attempt('create', 'configmap', 'probe', '-n', namespace, '--dry-run=server')).to.equal('allowed'),
      );
      const before = await api.call('GET', `${RULES}/regcred`);
      const patch = JSON.stringify({ spec: { names: { default: [0] } } });
      for (const args of [
        ['get', 'pullsecretrules', 'regcred'],
        ['patch', 'pullsecretrules', 'regcred', '--type=merge', '-p', patch],
        ['delete', 'pullsecretrules', 'regcred'],
      ])
        expect(await attempt(...args)).to.contain('forbidden');
      expect(await api.call('GET', `${RULES}/regcred`)).to.deep.equal(before);
    });

    it('can be upgraded from the form of 0.1.0 without a pod that lacks the name', async function () {
      needsPolicies(this, controlPlane.assets, 'v1');
      await component('delete');
      const [namespace = ''] = await scene.placed(1);
      await injection('False', 'PolicyNotInstalled');
      await kubectl(controlPlane, 'apply', '-f', resolve(import.meta.dirname, '../support/policy-0.1.0.yaml'));
      expect(await injection('True', 'Injected'))
        .to.contain('earlier version')
        .and.contain('kubectl apply -k manifests/components/pod-injection');
      // With a list of its own, a pod gets nothing from its ServiceAccount.
      const names = () => admitted(namespace, { imagePullSecrets: [{ name: 'mine' }] });
      await eventually('the policy of 0.1.0 is in force', async () => expect(await names()).to.deep.equal(['mine', scene.name]));
      let isUpgraded = false;
      const upgrade = component('apply').then(() => delay(3000).then(() => (isUpgraded = true)));
      const lists: string[] = [];
      while (!isUpgraded) lists.push((await names()).join());
      await upgrade;
      expect(lists).to.have.length.above(2);
      expect([...new Set(lists)]).to.deep.equal([`mine,${scene.name}`]);
      expect(await injection('True', 'Injected')).to.not.contain('earlier version');
      await seen();
    });

    it('is reported, and works, if it is installed as v1beta1', async () => {
      await component('delete');
      await component('apply', COMPONENT.v1beta1);
      await seen();
      await scene.placed(1);
      await injection('True', 'Injected');
    });

    /** Creates namespaces, each at the same time as a pod in it, and counts the pods without the name. */
    async function lacking(what: string, count: number): Promise<number> {
      const pods = await Promise.all(
        Array.from({ length: count }, async (_, n) => {
          const name = `${scene.name}-${what}-${n}`;
          await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
          // The API server admits no pod until the default ServiceAccount exists. A controller would retry, too.
          return eventually(`a pod in ${name}`, () => api.call<Pod>('POST', `/api/v1/namespaces/${name}/pods`, { body: podBody() }));
        }),
      );
      return pods.filter((pod) => !namesOf(pod).includes(scene.name)).length;
    }

    it('adds the name to all of 200 pods that are created together with their namespaces', async () => {
      await scene.basicAuth();
      await scene.credential();
      await scene.ready();
      await seen();
      expect(await lacking('with', 200)).to.equal(0);
      const still = await inForce();
      await component('delete');
      await eventually('the policy is no longer active', async () => expect(await witness()).to.not.include(still));
      const without = await lacking('without', 200);
      console.log(
        `      applied together with their namespaces: with the policy 0 of 200 pods lack the name, without it ${without} of 200`,
      );
      await scene.ready();
      await eventually('the status counts them all', async () => expect((await scene.status()).summary).to.equal('400/400'));
    });
  });
});
