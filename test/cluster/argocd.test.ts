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

/** A RegistryCredential at one moment, and what Flux made of it then. */
interface Shot {
  readonly object: KubeObject;
  readonly flux: string;
}

describe('The health of a RegistryCredential', () => {
  let cluster: Cluster;
  let scene: Scene;
  let lua: string;
  const shots = new Map<string, Shot>();

  before(async function () {
    this.timeout(120_000);
    cluster = await theCluster();
    lua = join(await toolsDirectory((line) => console.error(line)), 'lua');
    scene = cluster.scene();
    const fluxSays = await askFlux(scene);
    const shoot = async (what: string) => void shots.set(what, { object: await scene.credentialObject(), flux: await fluxSays() });
    /** While nobody looks at the cluster. */
    const frozen = async (work: () => Promise<unknown>) => {
      cluster.operator.signal('SIGSTOP');
      await work().finally(() => cluster.operator.signal('SIGCONT'));
    };

    await scene.basicAuth();
    const [namespace] = (await scene.namespaces(2)) as [string];
    const letCreate = await holdSecrets(scene, namespace);
    await frozen(async () => {
      await scene.credential();
      await shoot('that no operator has seen yet');
    });
    await eventually('one of two is placed', async () => expect((await scene.status()).summary).to.equal('1/2'));
    await scene.ready('Unknown', 'Placing');
    await shoot('that is being placed');
    await letCreate();
    await scene.ready();
    await shoot('that is in place everywhere');
    await frozen(async () => {
      await scene.patchCredential({ conflictPolicy: 'Adopt' });
      await shoot('that was in place before its spec changed');
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
      await shoot('whose deletion no operator has seen yet');
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
    'that no operator has seen yet': {
      argo: 'Progressing',
      says: ['has not looked at this spec yet', 'kubectl get pods'],
      kstatus: 'InProgress',
      flux: 'InProgress',
    },
    'that is being placed': { argo: 'Progressing', says: ['Placing: ', 'in 1 of 2 namespaces'], kstatus: 'InProgress', flux: 'InProgress' },
    'that is in place everywhere': { argo: 'Healthy', says: ['Synced: ', 'in 2 namespaces'], kstatus: 'Current', flux: 'Current' },
    'that was in place before its spec changed': {
      argo: 'Progressing',
      says: ['has not looked at this spec yet'],
      kstatus: 'InProgress',
      flux: 'InProgress',
    },
    'whose source is missing': {
      argo: 'Degraded',
      says: ['SourceMissing: ', `${SOURCES}/`, 'Create it'],
      kstatus: 'InProgress',
      flux: 'Failed',
    },
    'that is suspended': { argo: 'Suspended', says: ['Suspended: ', 'out of Git'], kstatus: 'InProgress', flux: 'InProgress' },
    'whose deletion no operator has seen yet': {
      argo: 'Progressing',
      says: ['has not begun to take back', 'regcred.dev/cleanup', 'kubectl get pods'],
      kstatus: 'Terminating',
      flux: 'InProgress',
    },
    'that is being deleted': {
      argo: 'Progressing',
      says: ['Deleting: Taking back', 'regcred.dev/cleanup'],
      kstatus: 'Terminating',
      flux: 'InProgress',
    },
  };
  for (const [which, { argo, says, kstatus, flux }] of Object.entries(table)) {
    it(`${which} is ${argo} to Argo CD, with the sentence that tells why, and ${kstatus} to kstatus; ${flux} by the expressions for Flux`, () => {
      const shot = shots.get(which) as Shot;
      const { status, message, deletionMessage } = askArgo('health.lua', shot.object);
      expect(status).to.equal(argo);
      for (const words of says) expect(message).to.contain(words);
      // Argo CD takes no other message of what is being deleted.
      expect(deletionMessage).to.equal(kstatus === 'Terminating' ? message : undefined);
      expect(kstatusOf(shot.object)).to.equal(kstatus);
      expect(shot.flux).to.equal(flux);
    });
  }

  it('is that of an Application, whatever that is, and Progressing before it has one', () => {
    expect(askArgo('application-health.lua', {})).to.include({ status: 'Progressing' });
    expect(askArgo('application-health.lua', { status: { health: { status: 'Degraded' } } })).to.include({ status: 'Degraded' });
  });

  it('is told to Argo CD in a ConfigMap that takes nothing away from what others keep there', async () => {
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
      'resource.customizations.health.argoproj.io_Application': text('application-health.lua'),
    });
  });
});

/** What kstatus, which Flux waits by, makes of an object: pkg/kstatus/status/{generic,status}.go in sigs.k8s.io/cli-utils. */
function kstatusOf({ metadata, status }: KubeObject): string {
  const { observedGeneration, conditions = [] } = (status ?? {}) as Status;
  if (metadata.deletionTimestamp) return 'Terminating';
  if (observedGeneration !== undefined && observedGeneration !== metadata.generation) return 'InProgress';
  // These would go before Ready. We have none of them.
  expect(conditions.map(({ type }) => type)).to.not.include.members(['Reconciling', 'Stalled']);
  const ready = conditions.find(({ type }) => type === 'Ready');
  return ready && ready.status !== 'True' ? 'InProgress' : 'Current';
}

/**
 * What the healthCheckExprs in docs/gitops.md make of a RegistryCredential. Flux evaluates them with the same CEL as the API
 * server, which is asked here: by a policy that refuses a write with the answer.
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

  it('come in waves: the projects, the operator, the credentials', () => {
    const waves = [...projects, operator, credentials].map(({ metadata }) => Number(metadata.annotations['argocd.argoproj.io/sync-wave']));
    expect(waves).to.deep.equal([-1, -1, 0, 1]);
  });

  it('stay within their projects, by repository and destination', () => {
    for (const application of [operator, credentials]) {
      const { sourceRepos, destinations } = projectOf(application).spec;
      const { source, destination } = application.spec;
      expect(sourceRepos).to.deep.equal([source.repoURL]);
      expect(destinations).to.deep.include(destination);
    }
  });

  it('of the operator may do just what installing it takes', () => {
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

  it('of the credentials may make no Secret, and of what is cluster-wide nothing but RegistryCredentials', () => {
    const { clusterResourceWhitelist, namespaceResourceWhitelist } = projectOf(credentials).spec;
    expect(clusterResourceWhitelist).to.deep.equal([{ group: 'regcred.dev', kind: 'RegistryCredential' }]);
    expect(namespaceResourceWhitelist.map(({ kind }) => kind)).to.deep.equal(['ExternalSecret', 'SealedSecret']);
  });

  it('keep the CustomResourceDefinition and the namespace with the sources when the operator goes, and nothing else', () => {
    const kept = rendered.filter(
      ({ metadata }) => metadata.annotations?.['argocd.argoproj.io/sync-options'] === 'Prune=false,Delete=false',
    );
    expect(kept.map(({ kind }) => kind)).to.have.members(['CustomResourceDefinition', 'Namespace']);
    for (const { metadata } of [operator, credentials])
      expect(metadata.finalizers).to.deep.equal(['resources-finalizer.argocd.argoproj.io']);
  });

  it('say where the image is', () => {
    const deployment = rendered.find(({ kind }) => kind === 'Deployment') as KubeObject;
    expect(JSON.stringify(deployment.spec)).to.contain('"image":"registry.example.com/regcred:0.1.0"');
  });

  it('are what can be applied once the operator’s is: nothing that it installs is refused', async () => {
    const file = join(cluster.controlPlane.scratch, 'argocd.json');
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: rendered }));
    await cluster.kubectl('apply', '--dry-run=server', '-f', file);
  });
});
