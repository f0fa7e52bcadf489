import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { auditedSince } from '../support/audit.ts';
import { type Cluster, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { startGateway } from '../support/gateway.ts';
import { leads, writeKubeconfig } from '../support/operator.ts';
import { needsPolicies, servesPolicies } from '../support/policy-api.ts';
import { RULES } from '../support/pull-secret-rules.ts';
import { accept, Tenant } from '../support/tenants.ts';

interface Rule {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly resourceNames?: string[];
  readonly verbs: string[];
}
interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules: Rule[];
}
/** One verb on one resource, granted by one role. */
interface Grant {
  readonly role: Role;
  readonly rule: Rule;
  readonly resource: string;
  readonly verb: string;
}

const roles = parseAllDocuments(readFileSync('manifests/rbac.yaml', 'utf8'))
  .map((document) => document.toJS() as Role)
  .filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole');
const grants = roles.flatMap((role) =>
  role.rules.flatMap((rule) => rule.resources.flatMap((resource) => rule.verbs.map((verb): Grant => ({ role, rule, resource, verb })))),
);
const nameOf = ({ verb, resource }: Grant) => `${verb} ${resource}`;

async function withoutStreams({ kubeconfig, controlPlane }: Cluster): Promise<{ kubeconfig: string; close: () => Promise<void> }> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const { server, caData = '' } = config.getCurrentCluster() as { server: string; caData?: string };
  const gateway = await startGateway(server, Buffer.from(caData, 'base64'));
  gateway.disturb = (_, url) =>
    url.searchParams.has('sendInitialEvents') ? { kind: 'refuse', status: 422, reason: 'Invalid' } : undefined;
  const file = join(controlPlane.scratch, 'without-streams.kubeconfig');
  const { token = '' } = config.getCurrentUser() ?? {};
  writeKubeconfig(file, { name: 'regcred', server: gateway.url, skipTLSVerify: true }, { token }, 'regcred-system');
  return { kubeconfig: file, close: gateway.close };
}

describe('Without the right to', () => {
  let cluster: Cluster;
  let scene: Scene;
  /** In front of the API server. It refuses streaming lists. */
  let gateway: { readonly kubeconfig: string; readonly close: () => Promise<void> };
  before(async () => {
    cluster = await theCluster();
    gateway = await withoutStreams(cluster);
  });
  after(() => gateway.close());
  beforeEach(() => (scene = cluster.scene()));

  async function setRules({ kind, metadata: { name, namespace } }: Role, rules: Rule[]): Promise<void> {
    const where = kind === 'Role' ? `namespaces/${namespace}/roles` : 'clusterroles';
    await cluster.api.call('PATCH', `/apis/rbac.authorization.k8s.io/v1/${where}/${name}`, { body: { rules } });
  }

  /** Waits until the authorizer of the API server gives this answer. */
  async function mayIs({ role, rule, resource, verb }: Grant, want: boolean): Promise<void> {
    const [main, subresource] = resource.split('/');
    const resourceAttributes = {
      ...{ group: rule.apiGroups[0], resource: main, verb },
      ...(subresource && { subresource }),
      ...(role.metadata.namespace && { namespace: role.metadata.namespace }),
      ...(rule.resourceNames && { name: rule.resourceNames[0] }),
    };
    const body = { spec: { user: 'system:serviceaccount:regcred-system:regcred', resourceAttributes } };
    await eventually(`${verb} ${resource} is ${want}`, async () => {
      const { status } = await cluster.api.call<{ status: { allowed: boolean } }>(
        'POST',
        '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        { body },
      );
      expect(status.allowed).to.equal(want);
    });
  }

  async function taken(grant: Grant): Promise<void> {
    const without = grant.role.rules.map((rule) =>
      rule === grant.rule ? { ...rule, verbs: rule.verbs.filter((verb) => verb !== grant.verb) } : rule,
    );
    await setRules(
      grant.role,
      without.filter(({ verbs }) => verbs.length > 0),
    );
    await mayIs(grant, false);
  }

  async function given(grant: Grant): Promise<void> {
    await setRules(grant.role, grant.role.rules);
    await mayIs(grant, true);
  }

  const logged = (...words: string[]) =>
    eventually(`the log says ${words}`, () => {
      const line = cluster.operator
        .log()
        .split('\n')
        .find((line) => words.every((word) => line.includes(JSON.stringify(word).slice(1, -1))));
      if (!line) throw new Error(cluster.operator.log().slice(-2000));
    });

  /** What the operator reports while the right is missing, and how it recovers when the right is back. */
  interface Case {
    /** Restarts the operator around the removal of the right: it uses this right only at startup or every few minutes. */
    readonly restart?: (scene: Scene) => Promise<unknown>;
    /** The API server refuses streaming lists, as in 1.30, 1.31 and 1.33: a streaming list needs only the right to watch. */
    readonly isWithoutStreams?: boolean;
    readonly before?: (scene: Scene) => Promise<unknown>;
    readonly seen: (scene: Scene) => Promise<unknown>;
    readonly healed: (scene: Scene) => Promise<unknown>;
  }
  const leadsAgain = async (scene: Scene) => {
    await leads(cluster.operator);
    await scene.placed(1);
  };
  const nothing = async () => {};

  const notListed = (resource: string): Case => ({
    restart: nothing,
    isWithoutStreams: true,
    seen: async () => {
      const url = await cluster.operator.url();
      await eventually('/readyz reports it', async () =>
        expect(await (await fetch(`${url}/readyz`)).text())
          .to.contain(`waiting for ${resource}: ${resource}`)
          .and.contain(`cannot list resource "${resource}"`),
      );
      await logged('A watch is interrupted; retrying.', `cannot list resource "${resource}"`);
      expect(cluster.operator.log()).to.not.contain('This replica leads.');
    },
    healed: leadsAgain,
  });
  /** The operator knows the objects from its list, but does not see changes. */
  const notWatched = (resource: string): Case => ({
    restart: nothing,
    seen: async () => {
      await leads(cluster.operator);
      await logged('A watch is interrupted; retrying.', `cannot watch resource "${resource}"`);
    },
    healed: leadsAgain,
  });
  /** Placing continues, and PodInjection reports that its state is unknown. */
  const notTold = (resource: string): Case => ({
    restart: nothing,
    seen: async (scene) => {
      await leadsAgain(scene);
      await injection(scene, 'Forbidden');
      await logged('A watch is interrupted; retrying.', `cannot list resource "${resource}"`);
    },
    healed: (scene) => injection(scene, 'PolicyNotInstalled'),
  });
  const injection = (scene: Scene, reason: string) =>
    eventually(`PodInjection has reason ${reason}`, async () => expect((await scene.condition('PodInjection')).reason).to.equal(reason));
  /** Placing continues. Only the policy for new pods needs them. */
  const rulesNotSeen = (verb: string): Case => ({
    restart: nothing,
    seen: async (scene) => {
      await leadsAgain(scene);
      await logged('A watch is interrupted; retrying.', `cannot ${verb} resource "pullsecretrules"`);
    },
    healed: (scene) => rulesContain(scene),
  });
  const rulesContain = (scene: Scene) =>
    eventually('the rules contain the credential', async () =>
      expect(JSON.stringify(await cluster.api.call('GET', `${RULES}/regcred`))).to.contain(`"${scene.name}"`),
    );
  const noLease = (verb: string, between: () => Promise<unknown> = nothing): Case => ({
    restart: between,
    seen: async () => {
      await logged('Cannot acquire the Lease; retrying.', `cannot ${verb} resource "leases"`);
      expect(cluster.operator.log()).to.not.contain('This replica leads.');
    },
    healed: leadsAgain,
  });
  const forbidden = (verb: string, resource: string, before: Case['before'], change: (scene: Scene) => Promise<unknown>): Case => ({
    ...(before && { before }),
    seen: async (scene) => {
      await change(scene);
      expect((await scene.ready('False', 'Forbidden')).message).to.contain(`cannot ${verb} resource "${resource}"`);
    },
    healed: (scene) => scene.ready(),
  });
  const wanted = async (scene: Scene) => {
    await scene.basicAuth();
    await scene.namespace();
    await scene.credential();
  };
  const first = (scene: Scene) => `${scene.name}-1`;
  const tenantOf = (scene: Scene) => new Tenant(scene, first(scene));
  /** The operator works without the credentials of tenants, and serves them when the right is back. */
  const noTenants = (verb: string): Case => ({
    restart: nothing,
    isWithoutStreams: verb === 'list',
    seen: async (scene) => {
      await leadsAgain(scene);
      await logged('A watch is interrupted; retrying.', `cannot ${verb} resource "namespacedregistrycredentials"`);
    },
    healed: async (scene) => {
      await tenantOf(scene).source();
      await tenantOf(scene).create({}, `${scene.name}-own`);
      await tenantOf(scene).ready('True', undefined, `${scene.name}-own`);
    },
  });

  const cases: Record<string, Case> = {
    'list registrycredentials': notListed('registrycredentials'),
    'watch registrycredentials': notWatched('registrycredentials'),
    'patch registrycredentials': {
      seen: async (scene) => {
        await wanted(scene);
        await logged('Cannot write the finalizer; retrying.', scene.name, 'cannot patch resource "registrycredentials"');
        expect(await scene.pullSecrets(first(scene))).to.deep.equal([]);
        await scene.gone('the Secret', () => scene.secretIn(first(scene)));
      },
      healed: (scene) => scene.ready(),
    },
    'patch registrycredentials/status': {
      seen: async (scene) => {
        await wanted(scene);
        await logged('Cannot write the status; retrying.', scene.name, 'cannot patch resource "registrycredentials/status"');
        await scene.secretPlaced(first(scene));
        await scene.pullSecretsAre(first(scene), [scene.name]);
        expect(await scene.status()).to.deep.equal({ observedGeneration: -1 });
      },
      healed: (scene) => scene.ready(),
    },
    'list pullsecretrules': rulesNotSeen('list'),
    'watch pullsecretrules': rulesNotSeen('watch'),
    'create pullsecretrules': {
      seen: async (scene) => {
        await scene.placed(1);
        await cluster.api.call('DELETE', `${RULES}/regcred`);
        await logged('The rules for new pods are not in place; retrying.', 'cannot create resource "pullsecretrules"');
      },
      healed: (scene) => rulesContain(scene),
    },
    'update pullsecretrules': {
      seen: async (scene) => {
        await scene.placed(1);
        await logged('The rules for new pods are not in place; retrying.', 'cannot update resource "pullsecretrules"');
      },
      healed: (scene) => rulesContain(scene),
    },
    'list namespaces': notListed('namespaces'),
    'watch namespaces': notWatched('namespaces'),
    'list secrets': notListed('secrets'),
    'watch secrets': notWatched('secrets'),
    'create secrets': forbidden('create', 'secrets', undefined, wanted),
    'patch secrets': forbidden(
      'patch',
      'secrets',
      (scene) => scene.placed(1),
      (scene) => scene.rotate('rotated-sample'),
    ),
    'delete secrets': forbidden(
      'delete',
      'secrets',
      (scene) => scene.placed(1),
      (scene) => scene.patch(`/api/v1/namespaces/${first(scene)}`, { metadata: { labels: { 'regcred.dev/exclude': 'true' } } }),
    ),
    'list serviceaccounts': notListed('serviceaccounts'),
    'watch serviceaccounts': notWatched('serviceaccounts'),
    'patch serviceaccounts': forbidden('patch', 'serviceaccounts', undefined, wanted),
    'list mutatingadmissionpolicies': notTold('mutatingadmissionpolicies'),
    'watch mutatingadmissionpolicies': notWatched('mutatingadmissionpolicies'),
    'list mutatingadmissionpolicybindings': notTold('mutatingadmissionpolicybindings'),
    'watch mutatingadmissionpolicybindings': notWatched('mutatingadmissionpolicybindings'),
    'create leases': noLease('create', () => cluster.kubectl('delete', 'lease', 'regcred', '-n', 'regcred-system')),
    'get leases': noLease('get'),
    'update leases': noLease('update'),
    'list namespacedregistrycredentials': noTenants('list'),
    'watch namespacedregistrycredentials': noTenants('watch'),
    'patch namespacedregistrycredentials': {
      seen: async (scene) => {
        const [home = '', other = ''] = await scene.namespaces(2);
        await accept(scene, other, home);
        const tenant = new Tenant(scene, home);
        await tenant.source();
        await tenant.create({ namespaces: { names: [home, other] } });
        await logged('Cannot write the finalizer; retrying.', scene.name, 'cannot patch resource "namespacedregistrycredentials"');
        await scene.gone('the Secret', () => scene.secretIn(other));
      },
      healed: (scene) => tenantOf(scene).ready(),
    },
    'patch namespacedregistrycredentials/status': {
      seen: async (scene) => {
        const home = await scene.namespace();
        const tenant = new Tenant(scene, home);
        await tenant.source();
        await tenant.create();
        await logged('Cannot write the status; retrying.', scene.name, 'cannot patch resource "namespacedregistrycredentials/status"');
        await scene.secretPlaced(home);
      },
      healed: (scene) => tenantOf(scene).ready(),
    },
    'create events': {
      seen: async (scene) => {
        await wanted(scene);
        await scene.ready();
        await logged('Cannot write an Event.', scene.name, 'cannot create resource "events"');
      },
      healed: async (scene) => {
        await scene.deleteSecret(SOURCES);
        await scene.told('SourceMissing');
      },
    },
  };

  it('(every granted right has a case here)', () => expect(Object.keys(cases)).to.have.members(grants.map(nameOf)));

  for (const grant of grants) {
    const { restart, isWithoutStreams, before: begun, seen, healed } = cases[nameOf(grant)] as Case;
    it(`${nameOf(grant)}, the operator reports it, and recovers when the right is back`, async function () {
      if (nameOf(grant).includes('mutatingadmission')) needsPolicies(this, cluster.controlPlane.assets, 'v1');
      await begun?.(scene);
      try {
        if (restart) {
          await cluster.operator.stop();
          await restart(scene);
        }
        await taken(grant);
        if (restart) cluster.operator = cluster.start(isWithoutStreams ? { KUBECONFIG: gateway.kubeconfig } : {});
        await seen(scene);
      } finally {
        await given(grant);
      }
      await healed(scene);
      if (isWithoutStreams) await cluster.restart();
    });
  }
});

describe('Each right that is granted', () => {
  it('is used', async () => {
    const cluster = await theCluster();
    const done = auditedSince(cluster.controlPlane.auditLog, 0).filter(({ code }) => code > 0 && code < 300);
    const uses = ({ role, rule, resource, verb }: Grant) =>
      done.some(
        (did) =>
          did.verb === verb &&
          did.resource === resource &&
          did.apiGroup === rule.apiGroups[0] &&
          (role.metadata.namespace === undefined || did.namespace === role.metadata.namespace) &&
          (rule.resourceNames === undefined || rule.resourceNames.includes(did.name)),
      );
    // A version of Kubernetes that does not serve the policy lets nobody use the right to read it.
    const hasPolicies = servesPolicies(cluster.controlPlane.assets);
    const isServed = ({ resource }: Grant) => hasPolicies || !resource.startsWith('mutatingadmission');
    expect(grants.filter((grant) => isServed(grant) && !uses(grant)).map(nameOf)).to.deep.equal([]);
  });
});
