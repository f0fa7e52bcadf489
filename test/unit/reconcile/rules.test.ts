import { expect } from 'chai';
import type { credentialId } from '../../../src/api/credential-ref.ts';
import type { CredentialRecord, NamespaceRecord, RulesRecord } from '../../../src/api/records.ts';
import { CredentialIndex, credentialStore, namespaceStore } from '../../../src/cluster/credential-index.ts';
import { readRules } from '../../../src/cluster/pull-secret-rules.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import type { KubeObject } from '../../../src/kube/object.ts';
import { Store } from '../../../src/kube/store.ts';
import { DriftMemory } from '../../../src/reconcile/drift-memory.ts';
import { Pace } from '../../../src/reconcile/pace.ts';
import { RetryPolicy } from '../../../src/reconcile/retry.ts';
import { reconcileRules } from '../../../src/reconcile/rules.ts';
import { InjectionProgress } from '../../../src/status/injection-progress.ts';
import { credential, namespace } from '../../support/builders.ts';
import { recordingLog } from '../../support/reconcilers.ts';

const TENANT_LABEL = 'tenant';

interface Body {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly spec: { readonly names: object; readonly rules: readonly { readonly imagePullSecrets: readonly { readonly name: string }[] }[] };
}

/** The reconciler over a cluster in memory that has the kind, with a clock that the test sets. */
function setUp() {
  const clock = { now: 1000 };
  const now = () => clock.now;
  let version = 10;
  const namespaces = namespaceStore(() => {}, TENANT_LABEL);
  const [clusterScoped, namespaced] = [credentialStore(() => {}), credentialStore(() => {})];
  const credentials = new CredentialIndex(clusterScoped, namespaced, namespaces, TENANT_LABEL);
  const rules = new Store<RulesRecord>(() => {});
  const writes: string[] = [];
  const specs: Body['spec'][] = [];
  const touched: string[] = [];
  const server: { refuse: Error | undefined; change: (spec: object) => object } = { refuse: undefined, change: (spec) => spec };
  const log = recordingLog();
  const injection = new InjectionProgress();

  const stored = (spec: object) =>
    readRules({ metadata: { name: 'regcred', uid: 'uid-rules', resourceVersion: String(version++) }, spec } as KubeObject);
  const write = (verb: string) => async (body: object) => {
    if (server.refuse) throw server.refuse;
    const { metadata, spec } = body as Body;
    specs.push(spec);
    const names = spec.rules.flatMap(({ imagePullSecrets }) => imagePullSecrets.map(({ name }) => name));
    writes.push([verb, ...(metadata.resourceVersion ? [`of ${metadata.resourceVersion}`] : []), names.join()].join(' '));
    return stored(server.change(spec));
  };
  const list = <R extends { namespace: string; name: string; uid: string; resourceVersion: string }>(store: Store<R>, records: R[]) => {
    store.accept({ type: 'init' });
    for (const record of records) store.accept({ type: 'listed', records: [record] });
    store.accept({ type: 'initDone', resourceVersion: String(version++) });
  };
  const reconciler = {
    observed: { credentials, namespaces, rules },
    injection,
    writer: { createRules: write('create'), replaceRules: write('replace') },
    reporter: { touch: (touchedOne: Parameters<typeof credentialId>[0]) => void touched.push(touchedOne.name) },
    retries: new RetryPolicy(
      () => {},
      () => 0.5,
    ),
    drift: new DriftMemory(now),
    pace: new Pace(now),
    isNamespacedOn: true,
    log,
    now,
  };
  return {
    clock,
    writes,
    specs,
    touched,
    server,
    log,
    run: () => reconcileRules(reconciler, { kind: 'rules' }),
    namespaces: (...all: NamespaceRecord[]) => list(namespaces, all),
    credentials: (...all: CredentialRecord[]) => list(clusterScoped, all),
    tenants: (...all: CredentialRecord[]) => list(namespaced, all),
    installed: () => list(rules, []),
    missing: () => rules.accept({ type: 'failed', error: new KubeError('the server could not find the requested resource', 404) }),
    /** Another user replaces the object. */
    others: (spec: object = {}) => rules.accept({ type: 'applied', record: stored(spec) }),
    deleted: () => list(rules, []),
    stateOf: (one: CredentialRecord) => injection.stateOf(one),
  };
}

const acme = credential({ name: 'acme' });
const beta = credential({ name: 'beta' });

describe('The rules for new pods', () => {
  it('are not written while the cluster does not have the kind', async () => {
    const { run, credentials, missing, writes, stateOf } = setUp();
    credentials(acme);
    missing();
    expect(await run()).to.equal(undefined);
    expect(writes).to.deep.equal([]);
    expect(stateOf(acme)).to.equal('pending');
  });

  it('are created at once, and then replaced only when they change', async () => {
    const { run, credentials, installed, writes, touched, clock } = setUp();
    installed();
    credentials(acme);
    await run();
    clock.now += 1000;
    await run();
    expect(writes).to.deep.equal(['create acme']);
    expect(touched).to.deep.equal(['acme']);
    clock.now += 1000;
    credentials(acme, beta);
    await run();
    expect(writes).to.deep.equal(['create acme', 'replace of 12 acme,beta']);
    expect(touched).to.deep.equal(['acme', 'beta']);
  });

  it('contain a credential in the generation that was written, and are pending for a newer one', async () => {
    const { run, credentials, installed, stateOf } = setUp();
    installed();
    credentials(acme);
    expect(stateOf(acme)).to.equal('pending');
    await run();
    expect(stateOf(acme)).to.deep.equal({ capped: undefined });
    expect(stateOf({ ...acme, generation: 2 })).to.equal('pending');
  });

  it('are written once for many changes within a fifth of a second', async () => {
    const { run, credentials, installed, writes, clock } = setUp();
    installed();
    credentials(acme);
    await run();
    credentials(acme, beta);
    clock.now += 50;
    expect(await run()).to.deep.equal({ afterMs: 150 });
    clock.now += 150;
    expect(await run()).to.equal(undefined);
    expect(writes).to.have.length(2);
  });

  it('are written the more seldom the larger they are', async () => {
    const { run, credentials, installed, clock } = setUp();
    installed();
    const many = Array.from({ length: 400 }, (_, n) =>
      credential({ name: `acme-${n}-${'x'.repeat(200)}`, spec: { namespaces: { names: [`team-${n}-${'y'.repeat(50)}`] } } }),
    );
    credentials(...many);
    await run();
    credentials(...many, beta);
    clock.now += 200;
    expect((await run())?.afterMs).to.be.within(1000, 3000); // 100 KiB a second.
  });

  it('are compiled at most every 200 ms, also if nothing changes in them', async () => {
    const { run, installed, clock } = setUp();
    installed();
    await run();
    clock.now += 150;
    expect(await run()).to.deep.equal({ afterMs: 50 });
  });

  describe('contain a namespaced credential', () => {
    const mine = credential({
      kind: 'NamespacedRegistryCredential',
      namespace: 'team-a',
      name: 'mine',
      uid: 'uid-mine',
      spec: { namespaces: { names: ['team-*', 'shop'] } },
    });
    const ofTenant = { labels: { [TENANT_LABEL]: 'a' } };
    const cases: Record<string, { others: NamespaceRecord[]; mods?: Partial<CredentialRecord>; want: string[] }> = {
      'only in its own namespace, if no other accepts it': {
        others: [namespace({ name: 'team-b' }), namespace({ name: 'shop' })],
        want: ['team-a'],
      },
      'also in a namespace that accepts it': {
        others: [namespace({ name: 'team-b', acceptFrom: ['team-a'] }), namespace({ name: 'shop', acceptFrom: ['team-c'] })],
        want: ['team-a', 'team-b'],
      },
      'also in a namespace of the same tenant': { others: [namespace({ name: 'shop', ...ofTenant })], want: ['shop', 'team-a'] },
      'not in a namespace that accepts it, but that it does not select': {
        others: [namespace({ name: 'other', acceptFrom: ['team-a'] })],
        want: ['team-a'],
      },
      'not in a namespace that is being deleted': {
        others: [namespace({ name: 'shop', acceptFrom: ['team-a'], terminating: true })],
        want: ['team-a'],
      },
      'nowhere, if it is being deleted': { others: [], mods: { terminating: true }, want: [] },
      'nowhere, if 32 older ones of its namespace are served': { others: [], mods: { createdAt: 99 }, want: [] },
    };
    for (const [where, { others, mods, want }] of Object.entries(cases)) {
      it(where, async () => {
        const { run, namespaces, tenants, installed, specs } = setUp();
        installed();
        namespaces(namespace({ name: 'team-a', ...ofTenant }), ...others);
        const older = Array.from({ length: mods?.createdAt ? 32 : 0 }, (_, n) =>
          credential({ ...mine, name: `older-${n}`, uid: `uid-${n}`, createdAt: n, spec: { podInjection: 'None' } }),
        );
        tenants(...older, { ...mine, ...mods });
        await run();
        expect(specs.map(({ names }) => Object.keys(names).sort())).to.deep.equal([want]);
      });
    }
  });

  it('are repaired when others change or delete them', async () => {
    const { run, credentials, installed, others, deleted, writes, clock } = setUp();
    installed();
    credentials(acme);
    await run();
    clock.now += 1000;
    others();
    await run();
    clock.now += 1000;
    deleted();
    await run();
    expect(writes).to.deep.equal(['create acme', 'replace of 13 acme', 'create acme']);
  });

  it('are contested if others keep changing them, and the operator slows down until they stop', async () => {
    const { run, credentials, installed, others, writes, stateOf, clock } = setUp();
    installed();
    credentials(acme);
    await run();
    for (let n = 0; n < 30; n++) {
      clock.now += 1000;
      others();
      await run();
    }
    expect(writes.length).to.be.below(20);
    expect(stateOf(acme)).to.have.nested.property('problem.reason', 'Contested');
    clock.now += 3_600_000;
    await run();
    clock.now += 3_600_000;
    await run();
    expect(stateOf(acme)).to.deep.equal({ capped: undefined });
  });

  it('report why they cannot be written, and when they are', async () => {
    const { run, credentials, installed, server, stateOf, touched, log, clock } = setUp();
    installed();
    credentials(acme);
    server.refuse = new KubeError('pullsecretrules is forbidden: no right to create', 403);
    expect(await run()).to.have.property('afterMs');
    expect(stateOf(acme)).to.have.nested.property('problem.reason', 'Forbidden');
    expect((stateOf(acme) as { problem: { message: string } }).problem.message)
      .to.contain('no right to create')
      .and.contain('manifests/rbac.yaml');
    expect(log.lines).to.deep.equal(['The rules for new pods are not in place; retrying.']);
    server.refuse = undefined;
    clock.now += 1000;
    expect(await run()).to.equal(undefined);
    expect(stateOf(acme)).to.deep.equal({ capped: undefined });
    expect(touched).to.deep.equal(['acme', 'acme']);
  });

  it('report a policy of the cluster that changes them', async () => {
    const { run, credentials, installed, server, stateOf } = setUp();
    installed();
    credentials(acme);
    server.change = () => ({});
    expect(await run())
      .to.have.property('afterMs')
      .above(500);
    expect(stateOf(acme)).to.have.nested.property('problem.reason', 'Contested');
  });
});
