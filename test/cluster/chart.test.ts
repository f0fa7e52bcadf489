import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { SETTINGS as FLAGS } from '../../src/config.ts';
import { assetsDirectory } from '../support/assets.ts';
import { BY_OTHERS, OF_HELM_ONLY, SAME_OBJECTS } from '../support/chart-values.ts';
import { kubectl } from '../support/controlplane.ts';
import { helm, valuesFlag } from '../support/helm.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CHART = join(ROOT, 'charts/regcred');

interface PodSpec {
  readonly containers: readonly { readonly image: string; readonly args: readonly string[]; readonly env?: readonly object[] }[];
  readonly serviceAccountName?: string;
  readonly imagePullSecrets?: readonly object[];
}
type Labels = Record<string, string>;
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Labels; annotations?: Record<string, string> };
  readonly subjects?: readonly { readonly name: string }[];
  /** The spec of a Pod, or of an object with a Pod template. */
  readonly spec?: Partial<PodSpec> & {
    readonly template?: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
    /** Of a NetworkPolicy. */
    readonly egress?: readonly { readonly ports: readonly { readonly port: number }[] }[];
  };
}

const parsed = (text: string) =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((object) => object !== null);

const rendered = async (values: object, ...flags: string[]) =>
  parsed(await helm(undefined, 'template', 'regcred', CHART, '--namespace=regcred-system', valuesFlag(values), ...flags));

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly $ref?: string;
}

/** The path of every setting: `image.repository`. A setting of a type of Kubernetes is one. */
const settingsOf = ({ properties = {} }: Schema): string[] =>
  Object.entries(properties).flatMap(([name, schema]) => {
    const parts = schema.$ref === undefined ? settingsOf(schema) : [];
    return parts.length === 0 ? [name] : parts.map((part) => `${name}.${part}`);
  });

/** The path of every value. */
const pathsOf = (values: object): string[] =>
  Object.entries(values).flatMap(([name, value]) => {
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
    return isMap ? pathsOf(value as object).map((part) => `${name}.${part}`) : [name];
  });

/** The error with which Helm refuses the values. */
const refused = (values: object) =>
  rendered(values).then(
    () => 'rendered',
    (error: Error) => error.message,
  );

/** The objects by kind, namespace and name: their order does not matter. */
const byName = (objects: Manifest[]) =>
  Object.fromEntries(objects.map((object) => [`${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name}`, object]));

const { version: VERSION } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

/** The standard labels of everything but the test pod. Pods have no helm.sh/chart, so that a chart with the same image restarts no pod. */
const OF_PODS: Labels = {
  'app.kubernetes.io/instance': 'regcred',
  'app.kubernetes.io/version': VERSION,
  'app.kubernetes.io/component': 'operator',
  'app.kubernetes.io/part-of': 'regcred',
};
const STANDARD: Labels = { ...OF_PODS, 'helm.sh/chart': `regcred-${VERSION}`, 'app.kubernetes.io/managed-by': 'Helm' };

/** The object without its standard labels, which kustomize does not set. Fails if it lacks one. */
function withoutStandardLabels(object: Manifest): Manifest {
  const copy = structuredClone(object);
  const remove = (labels: Labels | undefined, standard: Labels) => {
    expect(labels, `${object.kind} ${object.metadata.name}`).to.include({ ...standard, 'app.kubernetes.io/name': 'regcred' });
    for (const label of Object.keys(standard)) delete labels?.[label];
  };
  remove(copy.metadata.labels, STANDARD);
  if (copy.spec?.template) remove(copy.spec.template.metadata.labels, OF_PODS);
  return copy;
}

describe('The chart', () => {
  let scratch: string;
  let assets: string;
  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'regcred-'));
    assets = await assetsDirectory((line) => console.error(line));
  });
  after(() => rmSync(scratch, { recursive: true }));

  async function kustomize(kustomization: string): Promise<Manifest[]> {
    writeFileSync(join(scratch, 'kustomization.yaml'), kustomization);
    return parsed(await kubectl({ assets, kubeconfig: '' }, 'kustomize', scratch));
  }

  describe('renders the same objects as kustomize', () => {
    for (const [how, { overlay = '.', component, resource, values }] of Object.entries(SAME_OBJECTS)) {
      it(how, async () => {
        const to = (path: string) => relative(scratch, join(ROOT, path));
        const kustomization = {
          resources: [overlay, ...(resource ? [resource] : [])].map(to),
          components: component ? [to(component)] : [],
        };
        const kustomized = await kustomize(JSON.stringify(kustomization));
        const charted = (await rendered(values)).filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === undefined);
        const definitions = charted.filter(({ kind }) => kind === 'CustomResourceDefinition');
        expect(definitions).to.have.lengthOf(how === BY_OTHERS ? 0 : 3);
        for (const { metadata } of definitions) {
          expect(metadata.annotations).to.deep.equal({ 'helm.sh/resource-policy': 'keep' });
          delete metadata.annotations;
        }
        // Helm creates the namespace of a release, or it exists already.
        const all = charted.map(withoutStandardLabels);
        expect(byName(all)).to.deep.equal(byName(kustomized.filter(({ kind }) => kind !== 'Namespace')));
      });
    }
  });

  it('has no setting without an example for kustomize', () => {
    const { properties } = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as { properties: Schema['properties'] };
    const shown = Object.values(SAME_OBJECTS).flatMap(({ values }) => pathsOf(values));
    const isShown = (path: string) => shown.some((one) => one === path || one.startsWith(`${path}.`));
    expect(settingsOf({ properties }).filter((path) => !isShown(path) && !Object.hasOwn(OF_HELM_ONLY, path))).to.deep.equal([]);
  });

  /** The containers of the Deployment and of the chart's test Pod. */
  const containers = async (values: object) =>
    (await rendered(values)).flatMap(({ spec }) => spec?.template?.spec.containers ?? spec?.containers ?? []);

  it('takes the image from a mirror, with another tag, and prefers a digest to a tag', async () => {
    const digest = `sha256:${'0123'.repeat(16)}`;
    const cases: [object, string][] = [
      [{ repository: 'mirror.example.com:5000/regcred', tag: '0.0.9' }, 'mirror.example.com:5000/regcred:0.0.9'],
      [{ tag: '0.0.9', digest }, `ghcr.io/regcred/regcred@${digest}`],
    ];
    for (const [image, expected] of cases)
      expect((await containers({ image })).map((container) => container.image)).to.deep.equal([expected, expected]);
  });

  it('takes labels and annotations of the user, but keeps the label that the selectors use', async () => {
    const labels = { 'app.kubernetes.io/name': 'other', 'app.kubernetes.io/part-of': 'platform', 'billing.example.com/team': 'a' };
    for (const object of await rendered({ commonLabels: labels, podLabels: labels, monitoring: { enabled: true } })) {
      const name = object.metadata.name === 'regcred-test' ? 'regcred-test' : 'regcred';
      for (const found of [object.metadata.labels, object.spec?.template?.metadata.labels ?? object.metadata.labels])
        expect(found, object.kind).to.include({ ...labels, 'app.kubernetes.io/name': name });
    }
  });

  it('uses the ServiceAccount of someone else, in the pods and in all bindings', async () => {
    const values = {
      serviceAccount: { create: false, name: 'pull' },
      sourceNamespaces: ['vault'],
      secretNames: ['regcred'],
      podRecovery: { enabled: true },
    };
    const objects = await rendered(values);
    expect(objects.filter(({ kind }) => kind === 'ServiceAccount')).to.deep.equal([]);
    const bindings = objects.filter(({ kind }) => kind.endsWith('Binding') && !kind.startsWith('Mutating'));
    expect(bindings.map(({ metadata }) => metadata.name)).to.have.members([
      'regcred',
      'regcred',
      'regcred-sources',
      'regcred-state',
      'regcred-pod-recovery',
    ]);
    for (const { metadata, subjects } of bindings)
      expect(
        subjects?.map(({ name }) => name),
        metadata.name,
      ).to.deep.equal(['pull']);
    const accounts = objects.map(
      ({ spec }) => spec?.template?.spec.serviceAccountName ?? (spec as PodSpec | undefined)?.serviceAccountName,
    );
    expect(accounts.filter((name) => name !== undefined)).to.deep.equal(['pull', 'pull']);
  });

  it('installs no role and no binding with rbac.create false', async () => {
    const values = {
      rbac: { create: false },
      sourceNamespaces: ['vault'],
      secretNames: ['regcred'],
      podRecovery: { enabled: true },
      tenants: { guard: { enabled: true } },
    };
    const kinds = (await rendered(values)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => /Role/.test(kind))).to.deep.equal([]);
    expect(kinds).to.include('ServiceAccount');
  });

  it('installs exactly the parts of monitoring that are enabled, in their namespaces', async () => {
    const parts = async (monitoring: object) =>
      (await rendered({ monitoring: { enabled: true, ...monitoring } }))
        .filter(({ kind }) => /Monitor|Rule$|ConfigMap|^Service$/.test(kind))
        .map(({ kind, metadata }) => `${kind} ${metadata.namespace}`)
        .sort();
    const namespace = 'monitoring';
    const cases: [object, string[]][] = [
      [{}, ['ConfigMap regcred-system', 'PodMonitor regcred-system', 'PrometheusRule regcred-system']],
      [{ rules: { enabled: false }, dashboard: { enabled: false } }, ['PodMonitor regcred-system']],
      [
        { podMonitor: { enabled: false }, rules: { namespace }, dashboard: { namespace } },
        ['ConfigMap monitoring', 'PrometheusRule monitoring'],
      ],
      [
        { serviceMonitor: { enabled: true, namespace }, rules: { enabled: false }, dashboard: { enabled: false } },
        ['Service regcred-system', 'ServiceMonitor monitoring'],
      ],
    ];
    for (const [monitoring, expected] of cases) expect(await parts(monitoring), JSON.stringify(monitoring)).to.deep.equal(expected);
    expect(await parts({ enabled: false, serviceMonitor: { enabled: true } })).to.deep.equal([]);
  });

  it('sets the labels, times and relabelings of the PodMonitor, and the labels of the alerts and the dashboard', async () => {
    const relabeling = [{ sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'node' }];
    const podMonitor = {
      labels: { own: 'a' },
      interval: '10s',
      scrapeTimeout: '5s',
      relabelings: relabeling,
      metricRelabelings: [{ action: 'labeldrop', regex: 'pod' }],
    };
    const monitoring = {
      enabled: true,
      labels: { release: 'prom' },
      podMonitor,
      rules: { labels: { own: 'b' } },
      dashboard: { labels: { own: 'c' } },
    };
    const objects = byName(await rendered({ monitoring }));
    const { metadata, spec } = objects['PodMonitor regcred-system/regcred'] as unknown as {
      metadata: { labels: Labels };
      spec: { podMetricsEndpoints: object[] };
    };
    expect(metadata.labels).to.include({ release: 'prom', own: 'a' });
    const { labels: _, ...settings } = podMonitor;
    expect(spec.podMetricsEndpoints).to.deep.equal([{ port: 'http', path: '/metrics', honorLabels: true, ...settings }]);
    expect(objects['PrometheusRule regcred-system/regcred']?.metadata.labels).to.include({ release: 'prom', own: 'b' });
    expect(objects['ConfigMap regcred-system/regcred-dashboard']?.metadata.labels).to.include({ grafana_dashboard: '1', own: 'c' });
  });

  it('adds the pull secrets of a parent chart to its own', async () => {
    const [deployment] = (
      await rendered({ imagePullSecrets: [{ name: 'own' }], global: { imagePullSecrets: ['shared', { name: 'mirror' }, 'own'] } })
    ).filter(({ kind }) => kind === 'Deployment');
    expect(deployment?.spec?.template?.spec.imagePullSecrets).to.deep.equal([{ name: 'own' }, { name: 'shared' }, { name: 'mirror' }]);
  });

  it('passes extra flags to the operator', async () => {
    const [operator] = await containers({ extraArgs: ['--log-level=debug', '--concurrency=16'] });
    expect(operator?.args).to.deep.equal(['controller', '--log-level=debug', '--concurrency=16']);
  });

  it('passes the settings of registry checks and expiry to the operator, and nothing where they are the defaults', async () => {
    const LOG_LEVEL_FILE = { name: 'REGCRED_LOG_LEVEL_FILE', value: '/etc/regcred/log/level' };
    const proxy = { name: 'HTTPS_PROXY', value: 'http://proxy.example.com:3128' };
    const hosts = ['registry.example.com:5000', '[fd00::1]:5000'];
    const verification = { insecureRegistries: hosts, privateRegistries: hosts.slice(0, 1), registryCa: { secret: 'ca', key: 'tls.crt' } };
    const [operator] = await containers({ verification, expiry: { warning: '72h', lookup: 'github' }, extraEnv: [proxy] });
    expect(operator?.env).to.deep.equal([
      { name: 'REGCRED_INSECURE_REGISTRIES', value: 'registry.example.com:5000,[fd00::1]:5000' },
      { name: 'REGCRED_PRIVATE_REGISTRIES', value: 'registry.example.com:5000' },
      { name: 'REGCRED_REGISTRY_CA_FILE', value: '/etc/regcred/registry-ca/tls.crt' },
      { name: 'REGCRED_EXPIRY_WARNING', value: '72h' },
      { name: 'REGCRED_EXPIRY_LOOKUP', value: 'github' },
      LOG_LEVEL_FILE,
      proxy,
    ]);
    expect((await containers({}))[0]?.env).to.deep.equal([LOG_LEVEL_FILE]);
  });

  it('passes the settings of tenants to the operator and to their guard', async () => {
    const settings = { enabled: false, label: 'capsule.clastix.io/tenant' };
    const [operator] = await containers({ tenants: settings });
    expect(operator?.env).to.deep.include.members([
      { name: 'REGCRED_NAMESPACED', value: 'false' },
      { name: 'REGCRED_TENANT_LABEL', value: 'capsule.clastix.io/tenant' },
    ]);
    for (const [isGuarded, label] of [
      [true, "'capsule.clastix.io/tenant'"],
      [false, "''"],
    ]) {
      const objects = await rendered({ tenants: { ...settings, guard: { enabled: true, label: isGuarded } } });
      const { spec } = objects.find(({ kind }) => kind === 'ValidatingAdmissionPolicy') as Manifest & {
        spec: { variables: readonly { name: string; expression: string }[] };
      };
      expect(spec.variables.find(({ name }) => name === 'tenantLabel')?.expression).to.equal(label);
    }
  });

  it('opens the ports of registries to the operator', async () => {
    const policies = await rendered({ networkPolicy: { registryPorts: [443, 5000] } });
    const { spec } = policies.find(({ metadata }) => metadata.name === 'regcred-registry-checks') ?? {};
    expect(spec?.egress?.flatMap(({ ports }) => ports.map(({ port }) => port))).to.deep.equal([53, 53, 5353, 5353, 443, 5000]);
  });

  it('omits the CustomResourceDefinition and the NetworkPolicies if they are disabled', async () => {
    const kinds = (await rendered({ crds: { install: false }, networkPolicy: { enabled: false } })).map(({ kind }) => kind);
    expect(kinds).to.include('Deployment');
    expect(kinds.filter((kind) => ['CustomResourceDefinition', 'NetworkPolicy'].includes(kind))).to.deep.equal([]);
  });

  describe('installs the admission policy of pod injection', () => {
    const cases: Record<string, { served: string[]; enabled: unknown; version: string | undefined }> = {
      'if the cluster serves the API': { served: ['v1'], enabled: 'auto', version: 'v1' },
      'in the newer version if the cluster serves two': { served: ['v1', 'v1beta1'], enabled: 'auto', version: 'v1' },
      'in the older version if the cluster serves no other': { served: ['v1beta1'], enabled: 'auto', version: 'v1beta1' },
      'not if the cluster does not serve the API': { served: [], enabled: 'auto', version: undefined },
      'if it is enabled, although the API is not known to be served': { served: [], enabled: true, version: 'v1' },
      'not if it is disabled': { served: ['v1'], enabled: false, version: undefined },
    };
    for (const [where, { served, enabled, version }] of Object.entries(cases)) {
      it(where, async () => {
        const flags = served.map((one) => `--api-versions=admissionregistration.k8s.io/${one}/MutatingAdmissionPolicy`);
        const policies = (await rendered({ podInjection: { enabled } }, ...flags)).filter(({ kind }) => kind.startsWith('Mutating'));
        const expected = version === undefined ? [] : Array(2).fill(`admissionregistration.k8s.io/${version}`);
        expect(policies.map(({ apiVersion }) => apiVersion)).to.deep.equal(expected);
      });
    }
  });

  it('refuses unknown values, and values that would grant too many rights', async () => {
    const cases: [object, string][] = [
      [{ replica: 1 }, "additional properties 'replica' not allowed"],
      [{ image: { name: 'regcred' } }, "at '/image'"],
      [{ replicas: 'two' }, "at '/replicas': got string, want integer"],
      [{ extraArgs: ['log-level=debug'] }, "at '/extraArgs/0'"],
      [{ verification: { insecureRegistries: ['http://registry.example.com'] } }, "at '/verification/insecureRegistries/0'"],
      [{ verification: { registryCa: { configMap: 'ca', secret: 'ca' } } }, 'verification.registryCa: both configMap and secret are set'],
      [{ expiry: { warning: '14d' } }, "at '/expiry/warning'"],
      [{ image: { digest: 'sha256:short' } }, "at '/image/digest'"],
      [{ image: { repository: 'mirror.example.com:5000/regcred:0.1.0' } }, "at '/image/repository'"],
      [{ image: { repository: 'regcred:0.1.0' } }, "at '/image/repository'"],
      [{ extraArgs: ['--concurency=16'] }, "at '/extraArgs/0'"],
      [{ resources: { limts: { memory: '1Gi' } } }, "at '/resources': additional properties 'limts' not allowed"],
      [{ tolerations: [{ kee: 'dedicated' }] }, "at '/tolerations/0': additional properties 'kee' not allowed"],
      [{ affinity: { podAntiAffinity: { preferred: [] } } }, "at '/affinity/podAntiAffinity'"],
      [{ extraEnv: [{ name: 'A', valueFrom: { secretKeyRef: { nam: 'a', key: 'b' } } }] }, "at '/extraEnv/0/valueFrom/secretKeyRef'"],
      [{ extraVolumes: [{ name: 'a', configMap: { nam: 'a' } }] }, "at '/extraVolumes/0/configMap'"],
      [{ imagePullSecrets: [{ nam: 'a' }] }, "at '/imagePullSecrets/0'"],
      [{ global: { imagePullSecrets: [{ nam: 'a' }] } }, "at '/global/imagePullSecrets/0'"],
      [{ podSecurityContext: { runAsNonroot: true } }, "at '/podSecurityContext'"],
      [{ livenessProbe: { httpGet: { port: 80 } } }, "at '/livenessProbe'"],
      [{ monitoring: { podMonitor: { relabelings: [{ target: 'a' }] } } }, "at '/monitoring/podMonitor/relabelings/0'"],
      [{ podDisruptionBudget: { minAvailable: 'half' } }, "at '/podDisruptionBudget/minAvailable'"],
      [{ log: { level: 'trace' } }, "at '/log/level'"],
      [{ tenants: { label: 'a tenant' } }, "at '/tenants/label'"],
      [{ tenants: { guard: { enabled: true, label: true } } }, 'tenants.guard.label: there is no label to guard. Set tenants.label'],
      // In RBAC, an empty list of names means all names.
      [{ sourceNamespaces: ['regcred-system'] }, 'secretNames: the list is empty, but sourceNamespaces is set. List the spec.secretName'],
    ];
    for (const [values, why] of cases) expect(await refused(values), JSON.stringify(values)).to.contain(why);
  });

  it('knows every flag of the program', async () => {
    const extraArgs = Object.values(FLAGS).map(({ flag }) => `${flag}=sample`);
    expect(await refused({ extraArgs })).to.equal('rendered');
  });

  it('works as a dependency of another chart', async () =>
    expect(await refused({ enabled: true, global: { region: 'eu' } })).to.equal('rendered'));

  it('has an alternative in docs/install.md: a custom kustomization, which builds', async () => {
    const [, example = ''] = /```yaml\n(resources[^`]+)```/.exec(readFileSync(join(ROOT, 'docs/install.md'), 'utf8')) ?? [];
    symlinkSync(ROOT, join(scratch, 'regcred'));
    const objects = byName(await kustomize(example));
    expect(objects).to.include.keys('PodMonitor regcred-system/regcred', 'Role regcred-system/regcred-sources');
    const { args } = objects['Deployment regcred-system/regcred']?.spec?.template?.spec.containers[0] ?? {};
    expect(args).to.deep.equal(['controller', '--log-level=debug', '--insecure-registries=registry.example.com:5000']);
    const policy = objects['NetworkPolicy regcred-system/regcred-registry-checks'];
    expect(policy?.spec?.egress?.[1]?.ports.map(({ port }) => port)).to.deep.equal([443, 5000]);
  });

  it('passes helm lint', () => helm(undefined, 'lint', '--strict', CHART));
});
