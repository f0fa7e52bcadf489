import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';
import { find } from '../support/api.ts';
import { toolsDirectory } from '../support/assets.ts';
import { base64 } from '../support/builders.ts';
import { type Clouds, startClouds } from '../support/clouds/clouds.ts';
import { type Cluster, type KubeObject, type Scene, startCluster, stopCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { Keyring, NO_KEYRING } from '../support/keyring.ts';
import { carryOut, stepsOf } from '../support/page.ts';
import { skipBecause } from '../support/skip.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PAGES = join(ROOT, 'docs/coming-from');

/** The namespaces of the pages, and the image that runs in them. */
const NAMESPACES = ['shop', 'team-a'];
const IMAGE = 'registry.example.com/team/app:1';
const LOGIN = 'robot:sample-password';

/** For the pages about tokens of clouds: the registry, an image there, and what the old tool wrote last. */
const ECR = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';
const ECR_IMAGE = `${ECR}/team/app:1`;
const OLD_TOKEN = 'AWS:sample-token-of-the-old-tool';
const ECR_CONFIG = { auths: { [`https://${ECR}`]: { auth: base64(OLD_TOKEN), email: 'none' } } };

const CONFIG = JSON.stringify({ auths: { 'registry.example.com': { auth: base64(LOGIN) } } });

interface Pod {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: { readonly imagePullSecrets?: readonly { readonly name: string }[] };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}
interface Deployment {
  readonly spec: { readonly template: { readonly spec: object } };
}

/** One tool or practice that people migrate from. */
interface Way {
  /** The RegistryCredential of the page, and the Secret that it places. */
  readonly credential: string;
  readonly secretName: string;
  /** Creates the objects of the old tool that the commands of the page do not create. */
  readonly leaves?: () => Promise<void>;
  /** The Secrets that the Deployments' templates name themselves; none by default. */
  readonly template?: readonly string[];
  /** Helm creates the Deployments, and not the test. */
  readonly byHelm?: true;
  /** The entries of the account `default` before and after the migration, unless a patch of the page replaces them. */
  readonly entries?: readonly string[];
  /** The accounts that get our entry. */
  readonly accounts?: 'none' | 'all';
  /** The credentials of the node let the pods pull until the end. */
  readonly byNode?: true;
  /** The images of the pods; `IMAGE` by default. From ECR they pull with the last token of the old tool, or with one that AWS gave to regcred. */
  readonly images?: readonly string[];
  /** What the old tool does by itself while the steps of the page run. */
  readonly tool?: () => Promise<void>;
  /** Paths that must not exist in the end. */
  readonly gone?: readonly string[];
  readonly end?: () => Promise<void>;
}

const secretPath = (namespace: string, name: string) => `/api/v1/namespaces/${namespace}/secrets/${name}`;

const RBAC = '/apis/rbac.authorization.k8s.io/v1';

const ownerOf = ({ metadata: { name, uid }, ...object }: KubeObject) => {
  const { apiVersion, kind } = object as unknown as { apiVersion: string; kind: string };
  return { apiVersion, kind, name, uid };
};

/** The custom resources of the old tools; the test does not need their schemas. */
const KINDS = Object.fromEntries(
  [
    { group: 'ops.alexellis.io', version: 'v1', kind: 'ClusterPullSecret' },
    { group: 'images.cisco.com', version: 'v1alpha1', kind: 'ImagePullSecret' },
    { group: 'external-secrets.io', version: 'v1', kind: 'ClusterExternalSecret' },
    { group: 'generators.external-secrets.io', version: 'v1alpha1', kind: 'ClusterGenerator' },
  ].map(({ group, version, kind }) => {
    const singular = kind.toLowerCase();
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    const spec = {
      group,
      scope: 'Cluster',
      names: { kind, singular, plural: `${singular}s` },
      versions: [{ name: version, served: true, storage: true, schema }],
    };
    return [kind, { metadata: { name: `${singular}s.${group}` }, spec }];
  }),
);

/** A template as thousands of charts have it. */
const CHARTS = {
  app: `apiVersion: apps/v1
kind: Deployment
metadata: { name: app }
spec:
  selector: { matchLabels: { app: app } }
  template:
    metadata: { labels: { app: app } }
    spec:
      {{- with .Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      containers: [{ name: app, image: "${IMAGE}" }]
`,
  'pull-secret': `apiVersion: v1
kind: Secret
type: kubernetes.io/dockerconfigjson
metadata: { name: regcred }
data:
  .dockerconfigjson: {{ printf "{\\"auths\\":{\\"registry.example.com\\":{\\"auth\\":\\"%s\\"}}}" (printf "robot:%s" .Values.password | b64enc) | b64enc }}
`,
};

describe('Coming from', () => {
  let cluster: Cluster;
  let scene: Scene;
  let keyring: Keyring;
  let env: NodeJS.ProcessEnv;
  let clouds: Clouds;

  before('needs the kubelet-keyring of our own build of the control plane', async function () {
    const started = await Keyring.start((line) => console.error(line));
    if (!started) return skipBecause(this, NO_KEYRING);
    keyring = started;
    // These controllers roll out the Deployments. Nothing runs the pods: the test writes the status that a kubelet would write.
    clouds = await startClouds();
    const reachClouds = { ...clouds.env, NO_PROXY: '127.0.0.1,localhost' };
    cluster = await startCluster(['deployment-controller', 'replicaset-controller'], reachClouds);
    scene = cluster.scene();
    const { assets, scratch, kubeconfig } = cluster.controlPlane;
    const bin = join(scratch, 'bin');
    mkdirSync(bin);
    symlinkSync(join(ROOT, 'dist/main.js'), join(bin, 'kubectl-regcred'));
    mkdirSync(join(scratch, '.docker'));
    const auths = {
      'quay.io': { auth: base64('robot:sample-password-of-quay') },
      'registry.example.com': { auth: base64(LOGIN) },
      'https://index.docker.io/v1/': { auth: base64('robot:sample-password-of-hub') },
    };
    writeFileSync(join(scratch, '.docker/config.json'), JSON.stringify({ auths }, null, 2));
    const tools = await toolsDirectory((line) => console.error(line));
    const PATH = [bin, assets, tools, dirname(process.execPath), '/usr/bin', '/bin'].join(':');
    env = { PATH, HOME: scratch, KUBECONFIG: kubeconfig, REGISTRY_PASSWORD: 'sample-password' };
    // Early, because the garbage collector looks for new kinds only every 30 seconds.
    for (const kind of Object.values(KINDS)) await make('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', kind);
  });
  after(async () => {
    await keyring?.stop();
    if (cluster) await stopCluster(cluster);
    await clouds?.close();
  });

  /** A key of AWS, under the names that a tool has for its parts, in a Secret. */
  async function awsKeys(
    namespace: string,
    name: string,
    id: string,
    key: string,
    { type = 'Opaque', ...more }: Record<string, string> = {},
  ): Promise<void> {
    const { accessKeyId, secretAccessKey } = clouds.aws.addUser('arn:aws:iam::123456789012:user/puller');
    await scene.secret(namespace, name, type, { [id]: accessKeyId, [key]: secretAccessKey, ...more });
  }

  const make = (collection: string, body: object) => cluster.api.call<KubeObject>('POST', collection, { body });

  const ways: Record<string, Way> = {
    'upmc-registry-creds': {
      credential: 'ecr-hourly',
      secretName: 'awsecr-cred',
      entries: ['theirs'],
      images: [ECR_IMAGE],
      leaves: async () => {
        await deployed('kube-system', 'registry-creds');
        await awsKeys('kube-system', 'registry-creds-ecr', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY');
        for (const namespace of NAMESPACES) {
          await pullSecret(namespace, 'awsecr-cred', {}, ECR_CONFIG);
          await append(namespace, 'default', 'awsecr-cred');
        }
      },
      gone: ['/apis/apps/v1/namespaces/kube-system/deployments/registry-creds', secretPath('kube-system', 'registry-creds-ecr')],
    },
    'ecr-login-renew': {
      credential: 'ecr-renewed',
      secretName: 'ecr-docker-login-demo',
      entries: ['theirs'],
      accounts: 'none',
      template: ['ecr-docker-login-demo'],
      images: [ECR_IMAGE],
      leaves: async () => {
        await scene.namespace({}, 'ns-ecr-renew-demo');
        await awsKeys('ns-ecr-renew-demo', 'ecr-renew-cred-demo', 'ID', 'SECRET');
        const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'renew', image: 'tool.example.com/tool:1' }] } };
        await make('/apis/batch/v1/namespaces/ns-ecr-renew-demo/cronjobs', {
          metadata: { name: 'ecr-renew-demo' },
          spec: { schedule: '0 */6 * * *', jobTemplate: { spec: { template } } },
        });
        for (const namespace of NAMESPACES) await pullSecret(namespace, 'ecr-docker-login-demo', {}, ECR_CONFIG);
      },
      gone: ['/apis/batch/v1/namespaces/ns-ecr-renew-demo/cronjobs/ecr-renew-demo'],
    },
    'external-secrets-generators': {
      credential: 'ecr-generated',
      secretName: 'ecr-generated',
      entries: ['theirs'],
      images: [ECR_IMAGE],
      leaves: async () => {
        await scene.namespace({}, 'external-secrets');
        await awsKeys('external-secrets', 'my-aws-creds', 'key-id', 'access-secret');
        for (const [kind, group] of [
          ['ClusterGenerator', 'generators.external-secrets.io/v1alpha1'],
          ['ClusterExternalSecret', 'external-secrets.io/v1'],
        ] as const)
          await make(`/apis/${group}/${kind.toLowerCase()}s`, { apiVersion: group, kind, metadata: { name: 'ecr-token' }, spec: {} });
        for (const namespace of NAMESPACES) {
          await pullSecret(namespace, 'ecr-token', { labels: { 'reconcile.external-secrets.io/managed': 'true' } }, ECR_CONFIG);
          await append(namespace, 'default', 'ecr-token');
        }
      },
      // Its Secrets belong to ExternalSecrets, which belong to it.
      tool: async () => {
        if (await find(cluster.api, '/apis/external-secrets.io/v1/clusterexternalsecrets/ecr-token')) return;
        for (const namespace of NAMESPACES)
          if (await find(cluster.api, secretPath(namespace, 'ecr-token'))) await scene.deleteSecret(namespace, 'ecr-token');
      },
      gone: ['/apis/generators.external-secrets.io/v1alpha1/clustergenerators/ecr-token', secretPath('external-secrets', 'my-aws-creds')],
    },
    'kubectl-secret': { credential: 'by-hand', secretName: 'regcred' },
    'docker-config': { credential: 'from-login', secretName: 'from-login' },
    'one-registry': {
      credential: 'regcred',
      secretName: 'regcred',
      end: async () => {
        const { auths } = await scene.dockerConfigIn('shop', 'regcred');
        expect(Object.keys(auths)).to.deep.equal(['registry.example.com']);
      },
    },
    'helm-values': {
      credential: 'regcred',
      secretName: 'regcred',
      entries: ['theirs'],
      byHelm: true,
      accounts: 'all',
      leaves: async () => {
        for (const [chart, template] of Object.entries(CHARTS)) {
          mkdirSync(join(directory, chart, 'templates'), { recursive: true });
          writeFileSync(join(directory, chart, 'Chart.yaml'), `apiVersion: v2\nname: ${chart}\nversion: 0.1.0\n`);
          writeFileSync(join(directory, chart, 'values.yaml'), 'imagePullSecrets: []\n');
          writeFileSync(join(directory, chart, 'templates', chart === 'app' ? 'deployment.yaml' : 'secret.yaml'), template);
        }
      },
    },
    'node-config': { credential: 'in-cluster', secretName: 'in-cluster', entries: ['theirs'], byNode: true },
    'imagepullsecret-patcher': {
      credential: 'patched',
      secretName: 'image-pull-secret',
      entries: ['theirs'],
      accounts: 'all',
      leaves: async () => {
        const name = 'imagepullsecret-patcher';
        await installed(name, name);
        await make(`${RBAC}/clusterroles`, { metadata: { name } });
        await make(`${RBAC}/clusterrolebindings`, { metadata: { name }, roleRef: { kind: 'ClusterRole', name } });
        await pullSecret(name, 'image-pull-secret-src');
        for (const namespace of NAMESPACES) {
          await pullSecret(namespace, 'image-pull-secret', { annotations: { 'app.kubernetes.io/managed-by': name } });
          for (const account of ['default', 'robot']) await append(namespace, account, 'image-pull-secret');
        }
        const annotations = { 'k8s.titansoft.com/imagepullsecret-patcher-exclude': 'true' };
        await make('/api/v1/namespaces', { metadata: { name: 'apart', annotations } });
      },
      gone: ['/api/v1/namespaces/imagepullsecret-patcher', `${RBAC}/clusterroles/imagepullsecret-patcher`],
      end: excludedStayed,
    },
    'registry-creds': {
      credential: 'dockerhub',
      secretName: 'dockerhub-registrycreds',
      entries: ['theirs'],
      accounts: 'all',
      leaves: async () => {
        const name = 'registry-creds-registry-creds';
        await installed('registry-creds-system', `${name}-controller`);
        await make(`${RBAC}/clusterroles`, { metadata: { name: `${name}-role` } });
        const roleRef = { kind: 'ClusterRole', name: `${name}-role` };
        await make(`${RBAC}/clusterrolebindings`, { metadata: { name: `${name}-rolebinding` }, roleRef });
        await pullSecret('kube-system', 'registry-creds-secret');
        const owner = await make('/apis/ops.alexellis.io/v1/clusterpullsecrets', {
          apiVersion: 'ops.alexellis.io/v1',
          kind: 'ClusterPullSecret',
          metadata: { name: 'dockerhub' },
          spec: { secretRef: { namespace: 'kube-system', name: 'registry-creds-secret' } },
        });
        const reference = { ...ownerOf(owner), controller: true, blockOwnerDeletion: true };
        for (const namespace of NAMESPACES) {
          await pullSecret(namespace, 'dockerhub-registrycreds', { ownerReferences: [reference] });
          for (const account of ['default', 'robot']) await append(namespace, account, 'dockerhub-registrycreds');
        }
        await make('/api/v1/namespaces', { metadata: { name: 'apart', annotations: { 'alexellis.io/registry-creds.ignore': '1' } } });
      },
      gone: [
        '/api/v1/namespaces/registry-creds-system',
        '/api/v1/namespaces/kube-system/secrets/registry-creds-secret',
        '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clusterpullsecrets.ops.alexellis.io',
      ],
      end: excludedStayed,
    },
    imps: {
      credential: 'istio',
      secretName: 'istio-pull-secret',
      images: [IMAGE, ECR_IMAGE],
      entries: ['theirs'],
      accounts: 'none',
      template: ['istio-pull-secret'],
      leaves: async () => {
        await installed('registry-access', 'imps-imagepullsecrets');
        await pullSecret('registry-access', 'registry-robot');
        const login = { region: 'eu-central-1', accountID: '123456789012' };
        await awsKeys('registry-access', 'ecr-login', 'accessKeyID', 'secretKey', { type: 'cisco.com/aws-ecr-login-config', ...login });
        const credentials = ['registry-robot', 'ecr-login'].map((name) => ({ namespace: 'registry-access', name }));
        const owner = await make('/apis/images.cisco.com/v1alpha1/imagepullsecrets', {
          apiVersion: 'images.cisco.com/v1alpha1',
          kind: 'ImagePullSecret',
          metadata: { name: 'istio' },
          spec: {
            registry: { credentials },
            target: { namespaces: { names: NAMESPACES }, secret: { name: 'istio-pull-secret' } },
          },
        });
        const labels = { 'images.cisco.com/owner-uid': owner.metadata.uid };
        const ownerReferences = [{ ...ownerOf(owner), controller: false }];
        const config = { auths: { ...JSON.parse(CONFIG).auths, ...ECR_CONFIG.auths } };
        for (const namespace of NAMESPACES) await pullSecret(namespace, 'istio-pull-secret', { labels, ownerReferences }, config);
      },
      gone: [
        '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/imagepullsecrets.images.cisco.com',
        secretPath('registry-access', 'ecr-login'),
      ],
    },
    reflector: {
      credential: 'reflected',
      secretName: 'reflected',
      entries: ['theirs'],
      leaves: async () => {
        const own = 'reflector.v1.k8s.emberstack.com';
        await make('/api/v1/namespaces', { metadata: { name: 'registry' } });
        const source = await pullSecret('registry', 'regcred', {
          annotations: {
            [`${own}/reflection-allowed`]: 'true',
            [`${own}/reflection-allowed-namespaces`]: 'shop,team-.*',
            [`${own}/reflection-auto-enabled`]: 'true',
            [`${own}/reflection-auto-namespaces`]: 'shop,team-.*',
          },
        });
        for (const namespace of NAMESPACES) {
          const annotations = {
            [`${own}/auto-reflects`]: 'True',
            [`${own}/reflects`]: 'registry/regcred',
            [`${own}/reflected-version`]: source.metadata.resourceVersion,
            [`${own}/reflected-at`]: '2026-01-01T00:00:00.0000000+00:00',
          };
          await pullSecret(namespace, 'regcred', { annotations });
          await append(namespace, 'default', 'regcred');
        }
      },
      // It deletes its copies when the source no longer allows them (ResourceMirror.HandleUpsert).
      tool: async () => {
        const { metadata } = await scene.secretIn('registry', 'regcred');
        if (metadata.annotations?.['reflector.v1.k8s.emberstack.com/reflection-allowed'] === 'true') return;
        for (const namespace of NAMESPACES)
          if (await find(cluster.api, secretPath(namespace, 'regcred'))) await scene.deleteSecret(namespace, 'regcred');
      },
    },
    replicator: {
      credential: 'replicated',
      secretName: 'regcred',
      entries: ['theirs'],
      leaves: async () => {
        const own = 'replicator.v1.mittwald.de';
        await make('/api/v1/namespaces', { metadata: { name: 'registry' } });
        const source = await pullSecret('registry', 'regcred', { annotations: { [`${own}/replicate-to`]: 'shop,team-.*' } });
        for (const namespace of NAMESPACES) {
          const annotations = {
            [`${own}/replicated-at`]: '2026-01-01T00:00:00Z',
            [`${own}/replicated-from-version`]: source.metadata.resourceVersion,
            [`${own}/replicated-keys`]: '.dockerconfigjson',
          };
          await pullSecret(namespace, 'regcred', { annotations });
          await append(namespace, 'default', 'regcred');
        }
      },
      end: async () => {
        const source = await scene.secretIn('registry', 'regcred');
        expect(source.data).to.deep.equal({ '.dockerconfigjson': base64(CONFIG) });
        expect(source.metadata).to.not.have.any.keys('labels', 'ownerReferences');
      },
    },
  };

  // --- the state before ---

  let directory: string;

  async function settle(way: Way): Promise<void> {
    for (const namespace of NAMESPACES) {
      await scene.namespace({}, namespace);
      await pullSecret(namespace, 'theirs', {}, { auths: { 'theirs.example.com': { auth: base64('they:sample-password-of-theirs') } } });
      await scene.makeAccount(namespace, 'robot', { imagePullSecrets: [{ name: 'theirs' }] });
      await scene.patchAccount(namespace, { imagePullSecrets: [{ name: 'theirs' }] });
      if (way.byHelm) continue;
      const imagePullSecrets = way.template?.map((name) => ({ name }));
      const labels = { app: 'app' };
      const containers = imagesOf(way).map((image, at) => ({ name: `app-${at}`, image }));
      const spec = { containers, ...(imagePullSecrets && { imagePullSecrets }) };
      const template = { metadata: { labels }, spec };
      // The pods start after the old tool has created its objects, so that they get them.
      const body = { metadata: { name: 'app' }, spec: { replicas: 0, selector: { matchLabels: labels }, template } };
      await make(`/apis/apps/v1/namespaces/${namespace}/deployments`, body);
    }
  }

  async function start(): Promise<void> {
    for (const namespace of NAMESPACES) {
      await scene.patch(`/apis/apps/v1/namespaces/${namespace}/deployments/app`, { spec: { replicas: 1 } });
      await eventually(`${namespace} has its pod`, async () => expect(await pods(namespace)).to.have.lengthOf(1));
    }
  }

  /** Creates a Deployment in a namespace of its own: the part of a tool that a page stops and removes. */
  async function installed(namespace: string, name: string): Promise<void> {
    await scene.namespace({}, namespace);
    await deployed(namespace, name);
  }

  async function deployed(namespace: string, name: string): Promise<void> {
    const labels = { tool: name };
    const template = { metadata: { labels }, spec: { containers: [{ name, image: 'tool.example.com/tool:1' }] } };
    const body = { metadata: { name }, spec: { selector: { matchLabels: labels }, template } };
    await make(`/apis/apps/v1/namespaces/${namespace}/deployments`, body);
  }

  const pullSecret = (namespace: string, name: string, metadata = {}, config: object = JSON.parse(CONFIG)) =>
    scene.secret(namespace, name, 'kubernetes.io/dockerconfigjson', { '.dockerconfigjson': JSON.stringify(config) }, metadata);

  async function append(namespace: string, account: string, name: string): Promise<void> {
    const before = await scene.pullSecrets(namespace, account);
    await scene.patchAccount(namespace, { imagePullSecrets: [...before, name].map((name) => ({ name })) }, account);
  }

  async function excludedStayed(): Promise<void> {
    expect((await cluster.api.call<{ items: object[] }>('GET', '/api/v1/namespaces/apart/secrets')).items).to.deep.equal([]);
    expect(await scene.account('apart')).to.not.have.property('imagePullSecrets');
    const { metadata } = await scene.api.call<KubeObject>('GET', '/api/v1/namespaces/apart');
    expect(metadata.labels).to.include({ 'regcred.dev/exclude': 'true' });
    expect(metadata).to.not.have.property('annotations');
  }

  // --- can the pods pull? ---

  const pods = async (namespace: string) => (await cluster.api.call<{ items: Pod[] }>('GET', `/api/v1/namespaces/${namespace}/pods`)).items;

  /** A pod of the Deployment, as admission would return it now. */
  async function newcomer(namespace: string): Promise<Pod> {
    const path = (of: string) => `/apis/apps/v1/namespaces/${of}/deployments/app`;
    const own = await find<Deployment>(cluster.api, path(namespace));
    const { spec } = (own ?? (await cluster.api.call<Deployment>('GET', path(NAMESPACES[0] as string)))).spec.template;
    const body = { metadata: { name: 'newcomer' }, spec };
    return cluster.api.call<Pod>('POST', `/api/v1/namespaces/${namespace}/pods`, { query: { dryRun: 'All' }, body });
  }

  const imagesOf = ({ images = [IMAGE] }: Way) => images;

  function isAccepted(image: string, login: string): boolean {
    if (image !== ECR_IMAGE) return login === LOGIN;
    return login === OLD_TOKEN || clouds.tokens('aws').some(({ username, password }) => login === `${username}:${password}`);
  }

  /** Fails unless the kubelet finds a password for each image in the Secrets that the pod names, and accepts all of them. */
  async function mustPull(way: Way, { metadata: { name, namespace }, spec: { imagePullSecrets = [] } }: Pod): Promise<void> {
    const names = imagePullSecrets.map((entry) => entry.name);
    const images = imagesOf(way);
    const found = new Set<string>();
    for (const one of names) {
      const secret = await find<KubeObject>(cluster.api, secretPath(namespace, one));
      if (!secret) continue;
      const answer = await keyring.lookup({ type: secret.type ?? '', data: secret.data ?? {} }, images);
      if ('error' in answer) throw new Error(`${namespace}/${name} cannot pull: the Secret ${one} is refused: ${answer.error}`);
      for (const [at, logins] of answer.entries()) {
        const image = images[at] as string;
        if (!('error' in logins) && logins.some((login) => isAccepted(image, login))) found.add(image);
      }
    }
    const without = images.filter((image) => !found.has(image));
    if (without.length > 0)
      throw new Error(`${namespace}/${name} cannot pull ${without}: it names [${names}], and nothing there has the password`);
  }

  /** Checks the existing pods and one that would be created now. Then marks them as Ready, as a kubelet would. */
  async function look(way: Way, namespaces: readonly string[], excused = way.byNode === true): Promise<void> {
    await way.tool?.();
    for (const namespace of namespaces) {
      if (!excused) await mustPull(way, await newcomer(namespace));
      for (const pod of await pods(namespace)) {
        const at = `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}`;
        if (!excused)
          await mustPull(way, pod).catch(async (error: unknown) => {
            // The pod was deleted in the meantime.
            if (await find(cluster.api, at)) throw error;
          });
        if (pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) continue;
        const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
        await cluster.api.call('PATCH', `${at}/status`, { body: { status } }).catch(() => {});
      }
    }
  }

  /** Checks again and again while the work is done. */
  async function watched<T>(work: Promise<T>, look: () => Promise<void>): Promise<T> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    done.catch(() => {});
    do await look();
    while (!isDone);
    await look();
    return done;
  }

  // --- the pages ---

  for (const [page, way] of Object.entries(ways)) {
    it(`${page}.md migrates with the commands of the page, and the pods can pull at every moment`, async () => {
      const { credential, secretName, entries = [], accounts } = way;
      directory = join(cluster.controlPlane.scratch, page);
      mkdirSync(directory);
      const steps = stepsOf(readFileSync(join(PAGES, `${page}.md`), 'utf8'));
      await settle(way);
      await way.leaves?.();
      for (const step of steps.start) await carryOut(step, directory, env);
      if (!way.byHelm) await start();
      const theirs = await Promise.all(NAMESPACES.map((namespace) => scene.secretIn(namespace, 'theirs')));
      const before = await Promise.all(NAMESPACES.map((namespace) => find<KubeObject>(cluster.api, secretPath(namespace, secretName))));
      const namespaces = [...NAMESPACES];
      await look(way, namespaces);

      for (const step of steps.move) {
        await watched(carryOut(step, directory, env), () => look(way, namespaces)).catch((cause: unknown) => {
          throw new Error(`docs/coming-from/${page}.md, line ${step.line}: ${(cause as Error).message}`, { cause });
        });
        const { items } = await cluster.api.call<{ items: object[] }>('GET', '/apis/regcred.dev/v1alpha1/registrycredentials');
        if (items.length === 0 || step.kind === 'save') continue;
        const late = await scene.namespace({}, `team-${namespaces.length}`);
        await eventually(`a pod in the new namespace ${late} can pull`, async () => mustPull(way, await newcomer(late)));
        namespaces.push(late);
      }
      await look(way, namespaces, false);

      const { metadata } = await scene.credentialObject(credential);
      await scene.ready('True', 'Synced', credential);
      for (const [at, namespace] of namespaces.entries()) {
        const { metadata: placed } = await scene.secretIn(namespace, secretName);
        expect(placed.labels).to.deep.equal({ 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': metadata.uid });
        expect(placed.annotations).to.deep.equal({ 'regcred.dev/credential': credential });
        expect(placed.ownerReferences?.map(({ uid }) => uid)).to.deep.equal([metadata.uid]);
        // The Secret was adopted in place: a Secret that is deleted and created again is missing for a short time.
        if (before[at]) expect(placed.uid).to.equal(before[at].metadata.uid);
        const others = at < NAMESPACES.length ? entries : [];
        const account = await scene.account(namespace);
        expect(account.imagePullSecrets?.map(({ name }) => name) ?? []).to.deep.equal([
          ...others,
          ...(accounts === 'none' ? [] : [secretName]),
        ]);
        expect(account.metadata.annotations?.['regcred.dev/pull-secrets']).to.equal(accounts === 'none' ? undefined : secretName);
        const { items } = await cluster.api.call<{ items: KubeObject[] }>('GET', `/api/v1/namespaces/${namespace}/secrets`);
        const names = items.map(({ metadata }) => metadata.name).filter((name) => !name.startsWith('sh.helm.release.v1.app.'));
        expect(names).to.have.members(at < NAMESPACES.length ? ['theirs', secretName] : [secretName]);
      }
      for (const path of way.gone ?? []) await scene.gone(path, () => cluster.api.call('GET', path));
      await way.end?.();

      // Everything is ours: deleting the credential removes it. The objects of others stay.
      await scene.deleteCredential(credential);
      await scene.credentialGone(credential);
      for (const [at, namespace] of NAMESPACES.entries()) {
        await scene.secretGone(namespace, secretName);
        await scene.pullSecretsAre(namespace, [...entries]);
        await scene.pullSecretsAre(namespace, ['theirs'], 'robot');
        expect(await scene.secretIn(namespace, 'theirs')).to.deep.equal(theirs[at]);
      }
    });
  }

  afterEach(async () => {
    await cluster.kubectl('delete', 'regcred', '--all', '--timeout=90s');
    const { items } = await cluster.api.call<{ items: KubeObject[] }>('GET', '/api/v1/namespaces');
    const made = items.map(({ metadata }) => metadata.name).filter((name) => !/^(default|kube-.*|regcred-system|sources)$/.test(name));
    if (made.length > 0) await cluster.kubectl('delete', 'namespace', ...made, '--timeout=90s');
    await cluster.kubectl('delete', 'secrets', '-n', 'regcred-system', '--all');
  });

  it('any other way has a page with a test here', () => {
    const pages = readdirSync(PAGES).filter((name) => name !== 'README.md');
    expect(Object.keys(ways).map((page) => `${page}.md`)).to.have.members(pages);
  });
});
