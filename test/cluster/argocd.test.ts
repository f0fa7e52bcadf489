import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { expect } from 'chai';
import { parse, parseAllDocuments } from 'yaml';
import { toolsDirectory } from '../support/assets.ts';
import { type Cluster, type KubeObject, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { holdSecrets } from '../support/hold.ts';
import { yamlIn } from '../support/markdown.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const ARGOCD = join(ROOT, 'manifests/argocd');
const text = (file: string) => readFileSync(join(ARGOCD, file), 'utf8');

interface Status {
  readonly observedGeneration?: number;
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
}

/** A RegistryCredential at one moment, and the status that the expressions for Flux gave it then. */
interface Shot {
  readonly object: KubeObject;
  readonly flux: string;
}

describe('The health in GitOps tools', () => {
  let cluster: Cluster;
  let scene: Scene;
  let lua: string;
  const shots = new Map<string, Shot>();

  before(async () => {
    cluster = await theCluster();
    lua = join(await toolsDirectory((line) => console.error(line)), 'lua');
    scene = cluster.scene();
    const fluxSays = await askFlux(scene);
    const shoot = async (what: string) => void shots.set(what, { object: await scene.credentialObject(), flux: await fluxSays() });
    /** Stops the operator while the work is done, so that nothing reacts to it. */
    const frozen = async (work: () => Promise<unknown>) => {
      cluster.operator.signal('SIGSTOP');
      await work().finally(() => cluster.operator.signal('SIGCONT'));
    };

    await scene.basicAuth();
    const [namespace] = (await scene.namespaces(2)) as [string];
    const letCreate = await holdSecrets(scene, namespace);
    await frozen(async () => {
      await scene.credential();
      await shoot('that no operator has observed yet');
    });
    await eventually('one of two is placed', async () => expect((await scene.status()).summary).to.equal('1/2'));
    await scene.ready('Unknown', 'Placing');
    await shoot('that is being synced');
    await letCreate();
    await scene.ready();
    await shoot('that is synced everywhere');
    await scene.patchSecret(SOURCES, { metadata: { annotations: { 'regcred.dev/expires-at': '2020-01-31T00:00:00Z' } } });
    await eventually('it has expired', async () => expect((await scene.condition('Expiring')).reason).to.equal('Expired'));
    await shoot('whose password has expired');
    await scene.patchSecret(SOURCES, { metadata: { annotations: { 'regcred.dev/expires-at': null } } });
    await frozen(async () => {
      await scene.patchCredential({ conflictPolicy: 'Adopt' });
      await shoot('that was synced before its spec changed');
    });
    await scene.ready();
    await scene.deleteSecret(SOURCES);
    await scene.ready('False', 'SourceMissing');
    await shoot('whose source is missing');
    await scene.patchCredential({ suspend: true });
    await scene.ready('Unknown', 'Suspended');
    await shoot('that is suspended');
    await scene.patchCredential({ suspend: false });
    await scene.basicAuth();
    await scene.ready();
    const letDelete = await holdSecrets(scene, namespace);
    await frozen(async () => {
      await scene.deleteCredential();
      await shoot('whose deletion no operator has observed yet');
    });
    await scene.ready('Unknown', 'Deleting');
    await shoot('that is being deleted');
    await letDelete();
    await scene.credentialGone();
  });

  const askArgo = (script: string, object: object): Record<string, string> => {
    const { stdout, stderr } = spawnSync(lua, [join(ARGOCD, script)], { input: JSON.stringify(object), encoding: 'utf8' });
    expect(stderr).to.equal('');
    return JSON.parse(stdout);
  };

  const table: Record<string, { argo: string; says: string[]; kstatus: string; flux: string }> = {
    'that no operator has observed yet': {
      argo: 'Progressing',
      says: ['has not observed this spec yet', 'kubectl get pods'],
      kstatus: 'InProgress',
      flux: 'InProgress',
    },
    'that is being synced': { argo: 'Progressing', says: ['Placing: ', 'in 1 of 2 namespaces'], kstatus: 'InProgress', flux: 'InProgress' },
    'that is synced everywhere': { argo: 'Healthy', says: ['Synced: ', 'in 2 namespaces'], kstatus: 'Current', flux: 'Current' },
    'whose password has expired': {
      argo: 'Healthy',
      says: ['Synced: ', 'Expired: ', `${SOURCES}/`],
      kstatus: 'Current',
      flux: 'Current',
    },
    'that was synced before its spec changed': {
      argo: 'Progressing',
      says: ['has not observed this spec yet'],
      kstatus: 'InProgress',
      flux: 'InProgress',
    },
    'whose source is missing': {
      argo: 'Degraded',
      says: ['SourceMissing: ', `${SOURCES}/`, 'Create it'],
      kstatus: 'InProgress',
      flux: 'Failed',
    },
    'that is suspended': {
      argo: 'Suspended',
      says: ['Suspended: ', 'remove spec.suspend in Git'],
      kstatus: 'InProgress',
      flux: 'InProgress',
    },
    'whose deletion no operator has observed yet': {
      argo: 'Progressing',
      says: ['has not started the cleanup yet', 'regcred.dev/cleanup', 'kubectl get pods'],
      kstatus: 'Terminating',
      flux: 'InProgress',
    },
    'that is being deleted': {
      argo: 'Progressing',
      says: ['Deleting: Cleaning up', 'regcred.dev/cleanup'],
      kstatus: 'Terminating',
      flux: 'InProgress',
    },
  };
  for (const [which, { argo, says, kstatus, flux }] of Object.entries(table)) {
    it(`of a RegistryCredential ${which} is ${argo} in Argo CD, with a message that says why; ${kstatus} in kstatus; ${flux} in Flux`, () => {
      const shot = shots.get(which) as Shot;
      const { status, message, deletionMessage } = askArgo('health.lua', shot.object);
      expect(status).to.equal(argo);
      for (const words of says) expect(message).to.contain(words);
      // Argo CD shows no other message for an object that is being deleted.
      expect(deletionMessage).to.equal(kstatus === 'Terminating' ? message : undefined);
      expect(kstatusOf(shot.object)).to.equal(kstatus);
      expect(shot.flux).to.equal(flux);
    });
  }

  const application = (health: string, sync: string, automated?: object, status: object = {}) => ({
    spec: { syncPolicy: automated && { automated } },
    status: { health: { status: health }, sync: { status: sync }, ...status },
  });
  const operation = (phase: string, finishedAt: string | undefined, reconciledAt: string) => ({
    operationState: { phase, finishedAt: finishedAt && `2026-01-31T${finishedAt}Z` },
    reconciledAt: `2026-01-31T${reconciledAt}Z`,
  });
  const succeeded = operation('Succeeded', '09:59:59', '10:00:00');
  const history = [{ id: 0, revision: 'abc' }];
  const applications: Record<string, { object: object; want: string }> = {
    'that Argo CD has not compared yet': { object: {}, want: 'Progressing' },
    'that is Degraded': { object: application('Degraded', 'OutOfSync', {}), want: 'Degraded' },
    'that is Healthy and Synced': { object: application('Healthy', 'Synced', {}), want: 'Healthy' },
    'that syncs by itself, before its first sync': { object: application('Healthy', 'OutOfSync', {}), want: 'Progressing' },
    'that syncs by itself, and could never be compared': { object: application('Healthy', 'Unknown', {}), want: 'Progressing' },
    'whose first sync runs': {
      object: application('Healthy', 'OutOfSync', {}, operation('Running', undefined, '10:00:00')),
      want: 'Progressing',
    },
    'whose first sync failed, and is tried again': {
      object: application('Healthy', 'OutOfSync', {}, operation('Running', '09:59:59', '10:00:00')),
      want: 'Progressing',
    },
    'whose first sync failed': {
      object: application('Healthy', 'OutOfSync', {}, operation('Failed', '09:59:59', '10:00:00')),
      want: 'Progressing',
    },
    'whose first sync succeeded after the last comparison': {
      object: application('Healthy', 'OutOfSync', {}, operation('Succeeded', '10:00:00', '09:59:59')),
      want: 'Progressing',
    },
    'whose first sync succeeded in the second of the last comparison': {
      object: application('Healthy', 'OutOfSync', {}, operation('Succeeded', '10:00:00', '10:00:00')),
      want: 'Progressing',
    },
    'with a drift without selfHeal, or objects that are not pruned, after a sync': {
      object: application('Healthy', 'OutOfSync', { selfHeal: false, prune: false }, succeeded),
      want: 'Healthy',
    },
    'that is Degraded and has drifted after a sync': { object: application('Degraded', 'OutOfSync', {}, succeeded), want: 'Degraded' },
    'that cannot be compared after a sync, because Git is down': {
      object: application('Healthy', 'Unknown', { selfHeal: true }, succeeded),
      want: 'Healthy',
    },
    'whose second sync runs': {
      object: application('Healthy', 'OutOfSync', {}, { ...operation('Running', undefined, '10:00:00'), history }),
      want: 'Progressing',
    },
    'whose second sync failed': {
      object: application('Healthy', 'OutOfSync', {}, { ...operation('Failed', '09:59:59', '10:00:00'), history }),
      want: 'Healthy',
    },
    'that a person syncs': { object: application('Healthy', 'OutOfSync'), want: 'Healthy' },
    'whose automated sync is off': { object: application('Healthy', 'OutOfSync', { enabled: false }), want: 'Healthy' },
  };
  for (const [which, { object, want }] of Object.entries(applications))
    it(`of an Application ${which} is ${want}`, () => expect(askArgo('application-health.lua', object)).to.include({ status: want }));

  it('is configured by a ConfigMap that keeps the keys of others in argocd-cm', async () => {
    const namespace = await scene.namespace();
    const theirs = (data: object) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'argocd-cm', namespace }, data });
    const config = parse(text('argocd-cm.yaml'));
    const file = join(cluster.controlPlane.scratch, `${namespace}.json`);
    const apply = (object: object, ...flags: string[]) => {
      writeFileSync(file, JSON.stringify(object));
      return cluster.kubectl('apply', ...flags, '-f', file);
    };
    const [, command = ''] = /^# +kubectl (apply .*) -f /m.exec(text('argocd-cm.yaml')) ?? [];
    await apply(theirs({ url: 'https://argocd.example.com' }));
    await apply({ ...config, metadata: { ...config.metadata, namespace } }, ...command.split(' ').slice(1));
    await apply(theirs({ url: 'https://argo.example.com' }));
    const { data } = await scene.api.call<KubeObject>('GET', `/api/v1/namespaces/${namespace}/configmaps/argocd-cm`);
    expect(data).to.deep.equal({
      url: 'https://argo.example.com',
      'resource.customizations.health.regcred.dev_RegistryCredential': text('health.lua'),
      'resource.customizations.health.regcred.dev_NamespacedRegistryCredential': text('health.lua'),
      'resource.customizations.health.argoproj.io_Application': text('application-health.lua'),
    });
  });
});

/** The status of an object in kstatus, which Flux uses to wait: pkg/kstatus/status/{generic,status}.go in sigs.k8s.io/cli-utils. */
function kstatusOf({ metadata, status }: KubeObject): string {
  const { observedGeneration, conditions = [] } = (status ?? {}) as Status;
  if (metadata.deletionTimestamp) return 'Terminating';
  if (observedGeneration !== undefined && observedGeneration !== metadata.generation) return 'InProgress';
  // kstatus would evaluate these conditions before Ready. We have none of them.
  expect(conditions.map(({ type }) => type)).to.not.include.members(['Reconciling', 'Stalled']);
  const ready = conditions.find(({ type }) => type === 'Ready');
  return ready && ready.status !== 'True' ? 'InProgress' : 'Current';
}

/**
 * The status that the healthCheckExprs in docs/gitops.md give to a RegistryCredential. Flux evaluates them with the same CEL as the
 * API server. The test asks the API server: a policy refuses each marked write, and its message has the answer.
 */
async function askFlux(scene: Scene): Promise<() => Promise<string>> {
  const objects = yamlIn(readFileSync(join(ROOT, 'docs/gitops.md'), 'utf8')).flatMap((block) =>
    parseAllDocuments(block).map((one) => one.toJS()),
  );
  const [expressions] = objects.flatMap(({ spec }) => spec?.healthCheckExprs ?? []);
  const onObject = (expression = '') => expression.replaceAll(/(?<![.\w])(status|metadata)\./g, 'object.$1.');
  const { inProgress, failed, current } = expressions as { inProgress: string; failed: string; current: string };
  const name = `flux-${scene.name}`;
  const answer = `${onObject(inProgress)} ? 'InProgress' : ${onObject(failed)} ? 'Failed' : ${onObject(current)} ? 'Current' : 'InProgress'`;
  const policy = {
    failurePolicy: 'Fail',
    matchConstraints: {
      resourceRules: [{ apiGroups: ['regcred.dev'], apiVersions: ['*'], operations: ['UPDATE'], resources: ['registrycredentials'] }],
    },
    matchConditions: [{ name: 'asked', expression: `object.metadata.?annotations[?'test.example.com/ask'].orValue('') == '${name}'` }],
    validations: [{ expression: 'false', messageExpression: `'flux says ' + (${answer})` }],
  };
  const group = '/apis/admissionregistration.k8s.io/v1';
  await scene.api.call('POST', `${group}/validatingadmissionpolicies`, { body: { metadata: { name }, spec: policy } });
  await scene.api.call('POST', `${group}/validatingadmissionpolicybindings`, {
    body: { metadata: { name }, spec: { policyName: name, validationActions: ['Deny'] } },
  });
  return () =>
    eventually('the policy answers', async () => {
      const refusal = await scene.api
        .call('PATCH', `/apis/regcred.dev/v1alpha1/registrycredentials/${scene.name}`, {
          body: { metadata: { annotations: { 'test.example.com/ask': name } } },
          query: { dryRun: 'All' },
        })
        .then(
          () => 'it was not asked',
          (error: Error) => error.message,
        );
      const [, said] = /flux says (\w+)/.exec(refusal) ?? [];
      if (!said) throw new Error(refusal);
      return said;
    });
}

interface Allowed {
  readonly group: string;
  readonly kind: string;
  readonly name?: string;
}
interface Project {
  readonly metadata: { readonly name: string; readonly annotations: Record<string, string> };
  readonly spec: {
    readonly sourceRepos: readonly string[];
    readonly destinations: readonly { readonly server: string; readonly namespace: string }[];
    readonly clusterResourceWhitelist: readonly Allowed[];
    readonly namespaceResourceWhitelist: readonly Allowed[];
  };
}
interface Application {
  readonly metadata: { readonly name: string; readonly annotations: Record<string, string>; readonly finalizers: readonly string[] };
  readonly spec: {
    readonly project: string;
    readonly source: {
      readonly repoURL: string;
      readonly kustomize: { readonly images: readonly string[]; readonly patches: readonly object[] };
    };
    readonly destination: { readonly server: string; readonly namespace: string };
  };
}

describe('The Applications for Argo CD', () => {
  const projects = parseAllDocuments(text('apps/projects.yaml')).map((one) => one.toJS()) as Project[];
  const operator = parse(text('apps/operator.yaml')) as Application;
  const credentials = parse(text('apps/credentials.yaml')) as Application;
  const projectOf = ({ spec }: Application) => projects.find(({ metadata }) => metadata.name === spec.project) as Project;
  let cluster: Cluster;
  let rendered: (KubeObject & { apiVersion: string; kind: string })[];

  before(async () => {
    cluster = await theCluster();
    const directory = join(cluster.controlPlane.scratch, 'argocd');
    mkdirSync(directory);
    const { images, patches } = operator.spec.source.kustomize;
    const image = (text: string) => {
      const [, name, newName, newTag] = /^(.+)=(.+):(.+)$/.exec(text) ?? [];
      return { name, newName, newTag };
    };
    const kustomization = { resources: [relative(directory, ROOT)], images: images.map(image), patches };
    writeFileSync(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization));
    rendered = parseAllDocuments(await cluster.kubectl('kustomize', directory)).map((one) => one.toJS());
  });

  it('sync in waves: the projects, the operator, the credentials', () => {
    const waves = [...projects, operator, credentials].map(({ metadata }) => Number(metadata.annotations['argocd.argoproj.io/sync-wave']));
    expect(waves).to.deep.equal([-1, -1, 0, 1]);
  });

  it('stay within the repositories and destinations of their projects', () => {
    for (const application of [operator, credentials]) {
      const { sourceRepos, destinations } = projectOf(application).spec;
      const { source, destination } = application.spec;
      expect(sourceRepos).to.deep.equal([source.repoURL]);
      expect(destinations).to.deep.include(destination);
    }
  });

  it('of the operator may create exactly the kinds that its installation needs', () => {
    const { clusterResourceWhitelist, namespaceResourceWhitelist, destinations } = projectOf(operator).spec;
    const group = (apiVersion: string) => (apiVersion.includes('/') ? apiVersion.replace(/\/.*/, '') : '');
    const kinds = (objects: typeof rendered) => objects.map(({ apiVersion, kind }) => ({ group: group(apiVersion), kind }));
    const namespaced = rendered.filter(({ metadata }) => metadata.namespace !== undefined);
    const wide = rendered.filter(({ metadata }) => metadata.namespace === undefined);
    expect(clusterResourceWhitelist).to.have.deep.members(kinds(wide).map((kind, at) => ({ ...kind, name: wide[at]?.metadata.name })));
    const once = new Map(kinds(namespaced).map((kind) => [JSON.stringify(kind), kind]));
    expect(namespaceResourceWhitelist).to.have.deep.members([...once.values()]);
    expect(destinations.map(({ namespace }) => namespace)).to.have.members([
      ...new Set(namespaced.map(({ metadata }) => metadata.namespace)),
    ]);
  });

  it('of the credentials may not create a Secret, and no cluster-wide kind except RegistryCredential', () => {
    const { clusterResourceWhitelist, namespaceResourceWhitelist } = projectOf(credentials).spec;
    expect(clusterResourceWhitelist).to.deep.equal([{ group: 'regcred.dev', kind: 'RegistryCredential' }]);
    expect(namespaceResourceWhitelist.map(({ kind }) => kind)).to.deep.equal(['ExternalSecret', 'SealedSecret']);
  });

  it('keep only the CustomResourceDefinitions and the namespace of the sources when the operator is deleted', () => {
    const kept = rendered.filter(
      ({ metadata }) => metadata.annotations?.['argocd.argoproj.io/sync-options'] === 'Prune=false,Delete=false',
    );
    const definitions = rendered.filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(kept.filter(({ kind }) => kind === 'CustomResourceDefinition')).to.deep.equal(definitions);
    expect(new Set(kept.map(({ kind }) => kind))).to.deep.equal(new Set(['CustomResourceDefinition', 'Namespace']));
    for (const { metadata } of [operator, credentials])
      expect(metadata.finalizers).to.deep.equal(['resources-finalizer.argocd.argoproj.io']);
  });

  it('set the image of the operator', () => {
    const deployment = rendered.find(({ kind }) => kind === 'Deployment') as KubeObject;
    expect(JSON.stringify(deployment.spec)).to.contain('"image":"registry.example.com/regcred:0.1.0"');
  });

  it('of the operator render objects that the API server accepts', async () => {
    const file = join(cluster.controlPlane.scratch, 'argocd.json');
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: rendered }));
    await cluster.kubectl('apply', '--dry-run=server', '-f', file);
  });
});
