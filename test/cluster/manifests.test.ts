import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { definitionsFrom, type OpenApi, withDefinitions } from '../../scripts/generate/definitions.ts';
import { defaultVersion } from '../support/assets.ts';
import { type Cluster, theCluster } from '../support/cluster.ts';
import { skipBecause } from '../support/skip.ts';

interface Container {
  readonly securityContext: Record<string, unknown>;
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
}
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  readonly spec: {
    readonly template: { metadata: { labels: Record<string, string> }; spec: { containers: Container[]; securityContext: object } };
    readonly podSelector: { matchLabels: Record<string, string> };
    readonly ingress: { ports: { port: string }[]; from: { namespaceSelector: object }[] }[];
    readonly egress: { to?: { ipBlock: { cidr: string } }[]; ports: { port: number }[] }[];
  };
}

describe('The manifests', () => {
  let cluster: Cluster;
  let shipped: Manifest[];
  const one = (kind: string) => shipped.find((manifest) => manifest.kind === kind) as Manifest;
  const policy = (name: string) => shipped.find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === name) as Manifest;
  const portsOf = ({ egress }: Manifest['spec']) => egress.flatMap(({ ports }) => ports.map(({ port }) => port));
  before(async () => {
    cluster = await theCluster();
    shipped = parseAllDocuments(await cluster.kubectl('kustomize', '.')).map((document) => document.toJS());
  });

  describe('have pods that Pod Security admits as restricted', () => {
    const dryRun = (change: (template: Manifest['spec']['template']) => void) => {
      const { template, ...deployment } = structuredClone(one('Deployment').spec) as Manifest['spec'];
      expect(deployment).to.not.equal(undefined);
      change(template);
      const body = { ...template, metadata: { ...template.metadata, name: 'probe' } };
      return cluster.api.call('POST', '/api/v1/namespaces/regcred-system/pods', { body, query: { dryRun: 'All' } }).then(
        () => 'admitted',
        (error: Error) => error.message,
      );
    };

    it('in a namespace that enforces it', async () => {
      expect(one('Namespace').metadata.labels).to.include({ 'pod-security.kubernetes.io/enforce': 'restricted' });
      expect(await dryRun(() => {})).to.equal('admitted');
    });

    it('and needs every field of the security context for that', async () => {
      const without: Record<string, (template: Manifest['spec']['template']) => void> = {
        runAsNonRoot: ({ spec }) => void delete (spec.securityContext as { runAsNonRoot?: true }).runAsNonRoot,
        seccompProfile: ({ spec }) => void delete (spec.securityContext as { seccompProfile?: object }).seccompProfile,
        allowPrivilegeEscalation: ({ spec }) => void delete spec.containers[0]?.securityContext.allowPrivilegeEscalation,
        capabilities: ({ spec }) => void delete spec.containers[0]?.securityContext.capabilities,
      };
      for (const [what, change] of Object.entries(without))
        expect(await dryRun(change), what)
          .to.contain('violates PodSecurity')
          .and.to.contain(what);
    });
  });

  it('and the chart know the types of this version of Kubernetes: node scripts/kubernetes-schema.ts writes them', async function () {
    if (!(await cluster.kubectl('version')).includes(`Server Version: ${defaultVersion()}`))
      skipBecause(this, 'The types in the chart are those of the default version of Kubernetes.');
    const schema = readFileSync('charts/regcred/values.schema.json', 'utf8');
    expect(withDefinitions(schema, definitionsFrom(await cluster.api.call<OpenApi>('GET', '/openapi/v2')))).to.equal(schema);
  });

  it('have a NetworkPolicy for exactly these pods: in to /metrics, out to the API server', () => {
    const { spec, metadata } = policy('regcred');
    const { template } = one('Deployment').spec;
    expect(metadata.namespace).to.equal(one('Deployment').metadata.namespace);
    expect(template.metadata.labels).to.include(spec.podSelector.matchLabels);
    expect(spec.ingress.flatMap(({ ports }) => ports.map(({ port }) => port))).to.deep.equal(
      template.spec.containers[0]?.ports.map(({ name }) => name),
    );
    expect(spec.ingress[0]?.from).to.have.lengthOf(1);
    expect(portsOf(spec)).to.deep.equal([443, 6443, 8443]);
  });

  it('have a NetworkPolicy for registry checks: out to DNS and to HTTPS', () => {
    const { spec } = policy('regcred-registry-checks');
    expect(spec.podSelector).to.deep.equal(policy('regcred').spec.podSelector);
    expect(spec.ingress).to.equal(undefined);
    expect(portsOf(spec)).to.deep.equal([53, 53, 5353, 5353, 443]);
  });

  it('have a component with a NetworkPolicy for the metadata services of clouds, and for DNS without registry checks', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'regcred-'));
    const to = (path: string) => relative(directory, resolve(path));
    const components = ['registry-checks-off', 'cloud-metadata'].map((name) => to(`manifests/components/${name}`));
    writeFileSync(join(directory, 'kustomization.yaml'), JSON.stringify({ resources: [to('.')], components }));
    const policies = parseAllDocuments(await cluster.kubectl('kustomize', directory))
      .map((document) => document.toJS() as Manifest)
      .filter(({ kind }) => kind === 'NetworkPolicy');
    rmSync(directory, { recursive: true });
    expect(policies.map(({ metadata }) => metadata.name)).to.have.members(['regcred', 'regcred-cloud-metadata']);
    const { spec } = policies.find(({ metadata }) => metadata.name === 'regcred-cloud-metadata') as Manifest;
    expect(spec.podSelector).to.deep.equal(policy('regcred').spec.podSelector);
    const allowed = spec.egress.flatMap(({ to = [], ports }) =>
      to.flatMap(({ ipBlock }) => ports.map(({ port }) => `${ipBlock.cidr} ${port}`)),
    );
    expect(allowed).to.have.members([
      // The metadata services of instances, as AWS, Google and Azure document them.
      ...['169.254.169.254/32 80', 'fd00:ec2::254/128 80', 'fd20:ce::254/128 80', '169.254.169.252/32 988'],
      // EKS Pod Identity.
      ...['169.254.170.23/32 80', 'fd00:ec2::23/128 80'],
    ]);
    expect(portsOf({ ...spec, egress: spec.egress.filter((rule) => !rule.to) })).to.deep.equal([53, 53, 5353, 5353]);
  });
});
