import { resolve } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { RegistryCredentialSpec } from '../../src/api/types.ts';
import type { Kube } from '../../src/kube/client.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import { connect } from '../support/api.ts';
import { account, credential, namespace } from '../support/builders.ts';
import { Cluster, type Scene, SOURCES } from '../support/cluster.ts';
import { type ControlPlane, kubectl, startControlPlane } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import { ACCOUNTS, CASES, inherits, NAMESPACES, PODS } from '../support/inheritance.ts';
import { install, leads, operatorKubeconfig, startOperator } from '../support/operator.ts';

const COMPONENT = resolve(import.meta.dirname, '../../manifests/components/pod-injection');
const V1BETA1 = `${COMPONENT}-v1beta1`;
const CREDENTIALS = '/apis/regcred.dev/v1alpha1/registrycredentials';
const WITNESS = 'witness';

interface Pod {
  readonly spec: { readonly imagePullSecrets?: readonly { readonly name: string }[] };
}
type Spec = Partial<Omit<RegistryCredentialSpec, 'serviceAccounts'>> & {
  serviceAccounts?: Partial<RegistryCredentialSpec['serviceAccounts']>;
};

/** In a cluster of its own: what it does concerns every pod. */
describe('The policy that adds pull secrets to new pods', () => {
  let controlPlane: ControlPlane;
  let api: Kube;
  let made = 0;

  before(async () => {
    controlPlane = await startControlPlane((line) => console.error(line), [], {
      'runtime-config': 'admissionregistration.k8s.io/v1beta1=true',
    });
    api = connect(controlPlane.kubeconfig);
    await install(controlPlane);
    await kubectl(controlPlane, 'apply', '-k', COMPONENT);
    await makeNamespace(WITNESS, {}, ['out-builder']);
  });
  after(async () => {
    await api.close();
    await controlPlane.stop();
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

  /** What admission makes of a pod's list. */
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

  /** Under an account that the operator leaves alone: what its pods have, they have of the policy. */
  const witness = () => admitted(WITNESS, { serviceAccountName: 'out-builder' });

  /** Makes a credential for the witness, and waits until the policy has seen it, and with it everything that was made before. */
  async function inForce(): Promise<string> {
    const name = `${WITNESS}-${made++}`;
    await makeCredential(name, { namespaces: { names: [WITNESS] }, serviceAccounts: { names: ['out-builder'] } });
    await eventually('the policy is in force', async () => expect(await witness()).to.include(name));
    return name;
  }
  const seen = async () => takeAway(await inForce());

  async function takeAway(name: string): Promise<void> {
    await api.call('DELETE', `${CREDENTIALS}/${name}`);
    // Where no operator runs, nobody else lets it go.
    await api.call('PATCH', `${CREDENTIALS}/${name}`, { body: { metadata: { finalizers: null } } }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }

  describe('in the words of the table', () => {
    const nameOf = (index: number) => `case-${index}`;
    /** By pod: the names that it is given. */
    const given = new Map<string, string[]>();

    before(async () => {
      for (const [name, labels] of Object.entries(NAMESPACES)) await makeNamespace(name, labels, Object.keys(ACCOUNTS));
      for (const [index, { spec, deleting }] of Object.values(CASES).entries()) {
        await makeCredential(nameOf(index), spec, { finalizers: ['test.example.com/stays'] });
        if (deleting) await api.call('DELETE', `${CREDENTIALS}/${nameOf(index)}`);
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

  describe('as src/plan does', () => {
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
  });

  describe('leaves a pod as it came, but for one name,', () => {
    const name = 'acme';
    before(async () => {
      await makeCredential(name, { namespaces: { names: [WITNESS] } });
      await seen();
    });
    after(() => takeAway(name));
    const list = (...names: string[]) => ({ imagePullSecrets: names.map((name) => ({ name })) });

    const table: Record<string, readonly [spec: object, metadata: object, want: readonly string[]]> = {
      'with no list it has one': [{}, {}, [name]],
      'behind those that it has': [list('mine', 'another'), {}, ['mine', 'another', name]],
      'that it has already': [list(name, 'mine'), {}, [name, 'mine']],
      'beside an entry without a name': [{ imagePullSecrets: [{}] }, {}, ['', name]],
      'unless it opts out with the label': [{}, { labels: { 'regcred.dev/exclude': 'true' } }, []],
      'with another value of that label': [{}, { labels: { 'regcred.dev/exclude': 'false' } }, [name]],
      // The API server refuses one that refers to a Secret (plugin/pkg/admission/serviceaccount).
      'never a mirror pod': [{ nodeName: 'node-1' }, { annotations: { 'kubernetes.io/config.mirror': 'hash' } }, []],
    };
    for (const [what, [spec, metadata, want]] of Object.entries(table)) {
      it(what, async () => expect((await admitted(WITNESS, spec, metadata)).map((one) => one ?? '')).to.deep.equal(want));
    }

    it('with the most that the API takes, which costs no more than an expression may', async () => {
      const longest = 'a'.repeat(253);
      const many = <T>(count: number, make: (n: string) => T) => Array.from({ length: count }, (_, n) => make(String(n).padStart(3, '0')));
      const globs = (length: number) => many(255, (n) => `${'*'.repeat(length - 3)}${n}`);
      const matchExpressions = many(64, (n) => ({
        key: `example.com/${n}`,
        operator: 'NotIn' as const,
        values: many(64, (m) => `${'x'.repeat(60)}${m}`),
      }));
      const labels = Object.fromEntries(many(64, (n) => [`example.com/${n}`, 'y'.repeat(63)]));
      await makeNamespace('largest', labels, [longest]);
      await makeCredential('largest', {
        namespaces: {
          names: [...globs(63), '*b'],
          selector: { matchExpressions },
          exclude: {
            names: [...globs(63), '*b'],
            selector: {
              matchLabels: labels,
              matchExpressions: [...matchExpressions.slice(1), { key: 'absent', operator: 'Exists' as const }],
            },
          },
        },
        serviceAccounts: { names: [...globs(253), longest] },
      });
      await seen();
      expect(await admitted('largest', { serviceAccountName: longest })).to.deep.equal(['largest']);
      await takeAway('largest');
    });

    it('with several credentials the name of each', async () => {
      await makeCredential('beta', { namespaces: { names: [WITNESS] }, secretName: 'beta.secret' });
      await seen();
      expect(await admitted(WITNESS, list('mine'))).to.have.members(['mine', name, 'beta.secret']);
      await takeAway('beta');
    });
  });

  describe('beside the operator', () => {
    let cluster: Cluster;
    let scene: Scene;
    before(async () => {
      await makeNamespace(SOURCES);
      const kubeconfig = await operatorKubeconfig(controlPlane.kubeconfig, 'regcred-system', controlPlane.scratch);
      cluster = new Cluster(controlPlane, api, startOperator({ kubeconfig }), kubeconfig);
      await leads(cluster.operator);
    });
    after(() => cluster.operator.stop());
    beforeEach(() => (scene = cluster.scene()));

    const component = (verb: 'apply' | 'delete', directory = COMPONENT) => kubectl(controlPlane, verb, '-k', directory);
    /** Waits until the condition is so, and returns its sentence. */
    const injection = (status: string, reason: string) =>
      eventually(`PodInjection is ${status} (${reason})`, async () => {
        const condition = await scene.condition('PodInjection');
        expect([condition.status, condition.reason]).to.deep.equal([status, reason]);
        return condition.message;
      });

    it('is told in PodInjection when it comes and goes, and Ready stays as it is', async () => {
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
      expect(await injection('False', 'SelectorOnAccounts')).to.contain('cannot see labels of ServiceAccounts');
      const { observedGeneration: _, ...after } = await scene.condition('Ready');
      expect(after).to.deep.include({ status: 'True', lastTransitionTime: ready.lastTransitionTime });
    });

    it('is told, and works, where it was installed in v1beta1', async () => {
      await component('delete');
      await component('apply', V1BETA1);
      await seen();
      await scene.placed(1);
      await injection('True', 'Injected');
    });

    /** Applies namespaces, each together with a pod in it, and counts the pods that lack the name. */
    async function lacking(what: string, count: number): Promise<number> {
      const pods = await Promise.all(
        Array.from({ length: count }, async (_, n) => {
          const name = `${scene.name}-${what}-${n}`;
          await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
          // Until it has its default ServiceAccount the API server admits none, and whoever makes pods tries again.
          return eventually(`a pod in ${name}`, () => api.call<Pod>('POST', `/api/v1/namespaces/${name}/pods`, { body: podBody() }));
        }),
      );
      return pods.filter((pod) => !namesOf(pod).includes(scene.name)).length;
    }

    it('leaves none of 200 pods that are applied together with their namespaces without the name', async function () {
      this.timeout(180_000);
      await scene.basicAuth();
      await scene.credential();
      await scene.ready();
      await seen();
      expect(await lacking('with', 200)).to.equal(0);
      const still = await inForce();
      await component('delete');
      await eventually('the policy is no longer in force', async () => expect(await witness()).to.not.include(still));
      const without = await lacking('without', 200);
      console.log(
        `      applied together with their namespaces: with the policy 0 of 200 pods lack the name, without it ${without} of 200`,
      );
      await scene.ready();
      expect((await scene.status()).summary).to.equal('400/400');
    });
  });
});
