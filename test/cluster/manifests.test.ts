import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { type Cluster, theCluster } from '../support/cluster.ts';

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
    readonly egress: { ports: { port: number }[] }[];
  };
}

describe('The manifests', () => {
  let cluster: Cluster;
  let shipped: Manifest[];
  const one = (kind: string) => shipped.find((manifest) => manifest.kind === kind) as Manifest;
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

    it('by what they say, none of which is too much', async () => {
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

  it('have a NetworkPolicy for just these pods: in to /metrics, out to the API server', () => {
    const { spec, metadata } = one('NetworkPolicy');
    const { template } = one('Deployment').spec;
    expect(metadata.namespace).to.equal(one('Deployment').metadata.namespace);
    expect(template.metadata.labels).to.include(spec.podSelector.matchLabels);
    expect(spec.ingress.flatMap(({ ports }) => ports.map(({ port }) => port))).to.deep.equal(
      template.spec.containers[0]?.ports.map(({ name }) => name),
    );
    expect(spec.ingress[0]?.from).to.have.lengthOf(1);
    expect(spec.egress.flatMap(({ ports }) => ports.map(({ port }) => port))).to.deep.equal([443, 6443, 8443]);
  });
});
