import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { auditedSince } from '../support/audit.ts';
import { type Cluster, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { leads } from '../support/operator.ts';

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
/** One verb on one resource, by one role. */
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

describe('Without the right to', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  async function setRules({ kind, metadata: { name, namespace } }: Role, rules: Rule[]): Promise<void> {
    const where = kind === 'Role' ? `namespaces/${namespace}/roles` : 'clusterroles';
    await cluster.api.call('PATCH', `/apis/rbac.authorization.k8s.io/v1/${where}/${name}`, { body: { rules } });
  }

  /** Waits until the API server's own authorizer says so. */
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

  /** What is to be seen while the right is taken away, and what when it is given back. */
  interface Case {
    /** The operator is ended before and started after the right is taken: it is asked for at the beginning, or for minutes. */
    readonly restart?: (scene: Scene) => Promise<unknown>;
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
    seen: async () => {
      const url = await cluster.operator.url();
      await eventually('/readyz says so', async () =>
        expect(await (await fetch(`${url}/readyz`)).text())
          .to.contain(`waiting for ${resource}: ${resource}`)
          .and.contain(`cannot list resource "${resource}"`),
      );
      await logged('A watch is interrupted; trying on.', `cannot list resource "${resource}"`);
      expect(cluster.operator.log()).to.not.contain('This replica leads.');
    },
    healed: leadsAgain,
  });
  /** What there was is known, and what comes is not. */
  const notWatched = (resource: string): Case => ({
    restart: nothing,
    seen: async () => {
      await leads(cluster.operator);
      await logged('A watch is interrupted; trying on.', `cannot watch resource "${resource}"`);
    },
    healed: leadsAgain,
  });
  /** Placing goes on, and the status tells that something cannot be told. */
  const notTold = (resource: string): Case => ({
    restart: nothing,
    seen: async (scene) => {
      await leadsAgain(scene);
      await injection(scene, 'Forbidden');
      await logged('A watch is interrupted; trying on.', `cannot list resource "${resource}"`);
    },
    healed: (scene) => injection(scene, 'PolicyNotInstalled'),
  });
  const injection = (scene: Scene, reason: string) =>
    eventually(`PodInjection says ${reason}`, async () => expect((await scene.condition('PodInjection')).reason).to.equal(reason));
  const noLease = (verb: string, between: () => Promise<unknown> = nothing): Case => ({
    restart: between,
    seen: async () => {
      await logged('The Lease cannot be had; trying on.', `cannot ${verb} resource "leases"`);
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

  const cases: Record<string, Case> = {
    'list registrycredentials': notListed('registrycredentials'),
    'watch registrycredentials': notWatched('registrycredentials'),
    'patch registrycredentials': {
      seen: async (scene) => {
        await wanted(scene);
        await logged('The finalizer could not be written; it is tried again.', scene.name, 'cannot patch resource "registrycredentials"');
        expect(await scene.pullSecrets(first(scene))).to.deep.equal([]);
        await scene.gone('the Secret', () => scene.secretIn(first(scene)));
      },
      healed: (scene) => scene.ready(),
    },
    'patch registrycredentials/status': {
      seen: async (scene) => {
        await wanted(scene);
        await logged(
          'The status could not be written; it is tried again.',
          scene.name,
          'cannot patch resource "registrycredentials/status"',
        );
        await scene.secretPlaced(first(scene));
        await scene.pullSecretsAre(first(scene), [scene.name]);
        expect(await scene.status()).to.deep.equal({ observedGeneration: -1 });
      },
      healed: (scene) => scene.ready(),
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
    'create events': {
      seen: async (scene) => {
        await wanted(scene);
        await scene.ready();
        await logged('An Event could not be written.', scene.name, 'cannot create resource "events"');
      },
      healed: async (scene) => {
        await scene.deleteSecret(SOURCES);
        await scene.told('SourceMissing');
      },
    },
  };

  it('(each that is granted has its case here)', () => expect(Object.keys(cases)).to.have.members(grants.map(nameOf)));

  for (const grant of grants) {
    const { restart, before: begun, seen, healed } = cases[nameOf(grant)] as Case;
    it(`${nameOf(grant)}, it is said, and heals when it is given back`, async () => {
      await begun?.(scene);
      try {
        if (restart) {
          await cluster.operator.stop();
          await restart(scene);
        }
        await taken(grant);
        if (restart) cluster.operator = cluster.start();
        await seen(scene);
      } finally {
        await given(grant);
      }
      await healed(scene);
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
    expect(grants.filter((grant) => !uses(grant)).map(nameOf)).to.deep.equal([]);
  });
});
