import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { assetsDirectory } from '../support/assets.ts';
import { kubectl } from '../support/controlplane.ts';
import { helm } from '../support/helm.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CHART = join(ROOT, 'charts/regcred');

interface PodSpec {
  readonly containers: readonly { readonly image: string; readonly args: readonly string[] }[];
}
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; annotations?: Record<string, string> };
  /** Of a Pod, or of something that has a template for them. */
  readonly spec?: Partial<PodSpec> & { readonly template?: { readonly spec: PodSpec } };
}

const parsed = (text: string) =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((object) => object !== null);

const rendered = async (values: object, ...flags: string[]) =>
  parsed(await helm(undefined, 'template', 'regcred', CHART, '--namespace=regcred-system', '--set-json', JSON.stringify(values), ...flags));

/** Why Helm refuses the values. */
const refused = (values: object) =>
  rendered(values).then(
    () => 'rendered',
    (error: Error) => error.message,
  );

/** A map by what an object is: their order does not matter. */
const byName = (objects: Manifest[]) =>
  Object.fromEntries(objects.map((object) => [`${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name}`, object]));

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

  describe('has the objects that kustomize makes', () => {
    const cases: Record<string, { overlay?: string; component?: string; resource?: string; values: object }> = {
      'as shipped': { values: {} },
      'with one replica': { overlay: 'overlays/one-replica', values: { replicas: 1 } },
      'for source namespaces only': {
        overlay: 'overlays/source-namespaces',
        values: { sourceNamespaces: ['regcred-system'], secretNames: ['regcred'] },
      },
      'with pod injection': { resource: 'manifests/components/pod-injection', values: { podInjection: { enabled: true } } },
      'with pod recovery': { component: 'manifests/components/pod-recovery', values: { podRecovery: { enabled: true } } },
      'with monitoring': { component: 'manifests/components/monitoring', values: { monitoring: { enabled: true } } },
    };
    for (const [how, { overlay = '.', component, resource, values }] of Object.entries(cases)) {
      it(how, async () => {
        const to = (path: string) => relative(scratch, join(ROOT, path));
        const kustomization = {
          resources: [overlay, ...(resource ? [resource] : [])].map(to),
          components: component ? [to(component)] : [],
        };
        const kustomized = await kustomize(JSON.stringify(kustomization));
        const charted = (await rendered(values)).filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === undefined);
        const definition = charted.find(({ kind }) => kind === 'CustomResourceDefinition');
        expect(definition?.metadata.annotations).to.deep.equal({ 'helm.sh/resource-policy': 'keep' });
        delete definition?.metadata.annotations;
        // The namespace of a release is made by Helm, or is there already.
        expect(byName(charted)).to.deep.equal(byName(kustomized.filter(({ kind }) => kind !== 'Namespace')));
      });
    }
  });

  /** Of the Deployment, and of the Pod that is the chart's test. */
  const containers = async (values: object) =>
    (await rendered(values)).flatMap(({ spec }) => spec?.template?.spec.containers ?? spec?.containers ?? []);

  it('takes the image of a mirror, a tag, and a digest before a tag', async () => {
    const digest = `sha256:${'0123'.repeat(16)}`;
    const cases: [object, string][] = [
      [{ repository: 'mirror.example.com:5000/regcred', tag: '0.0.9' }, 'mirror.example.com:5000/regcred:0.0.9'],
      [{ tag: '0.0.9', digest }, `ghcr.io/regcred/regcred@${digest}`],
    ];
    for (const [image, expected] of cases)
      expect((await containers({ image })).map((container) => container.image)).to.deep.equal([expected, expected]);
  });

  it('hands flags on to the operator', async () => {
    const [operator] = await containers({ extraArgs: ['--log-level=debug', '--concurrency=16'] });
    expect(operator?.args).to.deep.equal(['controller', '--log-level=debug', '--concurrency=16']);
  });

  it('leaves out what is not wanted', async () => {
    const kinds = (await rendered({ crds: { install: false }, networkPolicy: { enabled: false } })).map(({ kind }) => kind);
    expect(kinds).to.include('Deployment');
    expect(kinds.filter((kind) => ['CustomResourceDefinition', 'NetworkPolicy'].includes(kind))).to.deep.equal([]);
  });

  describe('adds pull secrets at admission', () => {
    const cases: Record<string, { served: string[]; enabled: unknown; version: string | undefined }> = {
      'where the cluster serves the API': { served: ['v1'], enabled: 'auto', version: 'v1' },
      'in the newer of its versions': { served: ['v1', 'v1beta1'], enabled: 'auto', version: 'v1' },
      'in the one there is on an older cluster': { served: ['v1beta1'], enabled: 'auto', version: 'v1beta1' },
      'not where it is not served': { served: [], enabled: 'auto', version: undefined },
      'where it is wanted, whatever is known of the cluster': { served: [], enabled: true, version: 'v1' },
      'not where it is not wanted': { served: ['v1'], enabled: false, version: undefined },
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

  it('refuses what it does not know, and rights that nobody meant', async () => {
    const cases: [object, string][] = [
      [{ replica: 1 }, "additional properties 'replica' not allowed"],
      [{ image: { name: 'regcred' } }, "at '/image'"],
      [{ replicas: 'two' }, "at '/replicas': got string, want integer"],
      [{ extraArgs: ['log-level=debug'] }, "at '/extraArgs/0'"],
      [{ image: { digest: 'sha256:short' } }, "at '/image/digest'"],
      // RBAC would take no names for all names.
      [{ sourceNamespaces: ['regcred-system'] }, 'secretNames: with sourceNamespaces it has to list the spec.secretName'],
    ];
    for (const [values, why] of cases) expect(await refused(values), JSON.stringify(values)).to.contain(why);
  });

  it('can be a part of another chart', async () => expect(await refused({ enabled: true, global: { region: 'eu' } })).to.equal('rendered'));

  it('has beside it a kustomization of one’s own in docs/install.md, which can be built', async () => {
    const [, example = ''] = /```yaml\n(resources[^`]+)```/.exec(readFileSync(join(ROOT, 'docs/install.md'), 'utf8')) ?? [];
    symlinkSync(ROOT, join(scratch, 'regcred'));
    const objects = byName(await kustomize(example));
    expect(objects).to.include.keys('PodMonitor regcred-system/regcred', 'Role regcred-system/regcred-sources');
    const { args } = objects['Deployment regcred-system/regcred']?.spec?.template?.spec.containers[0] ?? {};
    expect(args).to.deep.equal(['controller', '--log-level=debug']);
  });

  it('passes the linter of Helm', () => helm(undefined, 'lint', '--strict', CHART));
});
