import { expect } from 'chai';
import { DRIFT_LIMITS } from '../../src/plan/placement/drift-backoff.ts';
import { endOf } from '../support/audit.ts';
import type { Cluster, Scene } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { install } from '../support/operator.ts';
import { accountIn, type Commit, list, provesRow, ROWS, repairs, repairsSince } from './accounts.ts';
import { type ArgoCd, startArgoCd } from './argocd.ts';
import { DEADLINE_MS, startWorld, type World } from './world.ts';

const MODES: Record<string, readonly string[]> = { 'client-side': [], 'server-side': ['ServerSideApply=true'] };
const IGNORED = { ignoreDifferences: [{ kind: 'ServiceAccount', jsonPointers: ['/imagePullSecrets'] }] };

describe('A ServiceAccount in Git, with Argo CD', function () {
  this.timeout(10 * 60_000);
  let world: World;
  let argo: ArgoCd;
  let cluster: Cluster;
  let scene: Scene;
  let namespace: string;
  let commits = 0;

  before(async () => {
    world = await startWorld();
    argo = await startArgoCd(world);
    await install(world.controlPlane);
    cluster = await world.runOperator();
  });
  after(() => world?.stop());
  beforeEach(async () => {
    scene = cluster.scene();
    [namespace] = (await scene.placed(1)) as [string];
  });

  /** Commits the account, and syncs the Application of the scene, which has this spec. */
  function commitsOf(syncOptions: readonly string[], spec: object = {}): Commit {
    let exists = false;
    return async (fields) => {
      world.git.commit(scene.name, { 'account.yaml': accountIn(namespace, fields, ++commits) });
      if (!exists) await argo.create(scene.name, scene.name, namespace, { syncPolicy: { syncOptions }, ...spec });
      exists = true;
      const { phase, message } = await argo.sync(scene.name);
      expect(phase, message).to.equal('Succeeded');
    };
  }
  const isShown = async (status: 'Synced' | 'OutOfSync') => {
    await eventually(
      `Argo CD shows ${status}`,
      async () => expect((await argo.refreshed(scene.name)).status?.sync?.status).to.equal(status),
      DEADLINE_MS,
    );
  };

  for (const [mode, options] of Object.entries(MODES)) {
    describe(`applied ${mode}`, () => {
      for (const [inGit, row] of Object.entries(ROWS)) {
        // Argo CD shows no diff for an empty list that it applies server-side, although each sync writes it.
        const isDiff = row.isReverted && !(mode === 'server-side' && inGit === '[]');
        it(`${inGit}: ${row.isReverted ? 'each sync removes the entry' : 'the entry stays'}, ${isDiff ? 'with' : 'without'} a diff`, async () => {
          await provesRow(scene, namespace, row, commitsOf(options));
          await isShown(isDiff ? 'OutOfSync' : 'Synced');
        });
      }

      it('[own] that is ignored: both stay, without a diff', async () => {
        const commit = commitsOf([...options, 'RespectIgnoreDifferences=true'], IGNORED);
        await scene.patchAccount(namespace, list('own', scene.name));
        const repaired = await repairs(scene, async () => {
          for (let at = 0; at < 3; at++) {
            await commit(list('own'));
            await scene.pullSecretsAre(namespace, ['own', scene.name]);
          }
        });
        expect(repaired).to.equal(0);
        await isShown('Synced');
      });

      it('[own] with ignoreDifferences alone: no diff, but each sync removes the entry', async () => {
        await provesRow(scene, namespace, ROWS['[own]'] as (typeof ROWS)[string], commitsOf(options, IGNORED));
        await isShown('Synced');
      });

      const stays = mode === 'server-side' ? ['own'] : [];
      it(`[own], removed from Git later: [${[...stays, 'acme']}] is left`, async () => {
        const commit = commitsOf(options);
        await commit(list('own'));
        await scene.pullSecretsAre(namespace, ['own', scene.name]);
        await commit({});
        await scene.pullSecretsAre(namespace, [...stays, scene.name]);
        expect(await repairs(scene, () => commit({}))).to.equal(0);
        await isShown('Synced');
      });
    });
  }

  it('that is reverted by each of eleven syncs is reported as Contested, and Ready after the fix', async () => {
    const commit = commitsOf([]);
    await commit(list('own'));
    for (let at = 0; at < DRIFT_LIMITS.budget; at++) {
      await scene.pullSecretsAre(namespace, ['own', scene.name]);
      await commit(list('own'));
    }
    const { message } = await scene.ready('False', 'Contested');
    expect(message).to.contain(`${namespace}/default`).and.to.contain('remove imagePullSecrets from the account in Git');
    await commit({});
    await scene.ready();
    await scene.pullSecretsAre(namespace, [scene.name]);
  });

  it('[own] is applied again and again by selfHeal, without a commit', async () => {
    world.git.commit(scene.name, { 'account.yaml': accountIn(namespace, list('own'), ++commits) });
    const from = endOf(cluster.controlPlane.auditLog);
    await argo.create(scene.name, scene.name, namespace, { syncPolicy: { automated: { selfHeal: true } } });
    await eventually(
      'the operator has repaired the account three times',
      () => expect(repairsSince(scene, from)).to.be.greaterThan(2),
      DEADLINE_MS,
    );
    await argo.patch(scene.name, { spec: { syncPolicy: null } });
  });

  it('beside our Secret: Argo CD counts the Secret neither as part of the Application nor as orphaned', async () => {
    const project = {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'AppProject',
      metadata: { name: scene.name, namespace: 'argocd' },
      spec: { sourceRepos: ['*'], destinations: [{ server: '*', namespace: '*' }], orphanedResources: { warn: true } },
    };
    await world.apply([project]);
    // An object that nobody owns proves that orphans are counted.
    await scene.secret(namespace, 'stray', 'Opaque', { key: 'sample-value' });
    const commit = commitsOf([], { project: scene.name });
    await commit({});
    await eventually(
      'the stray Secret is the only orphan',
      async () => {
        const { nodes, orphans } = await argo.tree(scene.name);
        expect(orphans.map(({ kind, name }) => `${kind} ${name}`)).to.deep.equal(['Secret stray']);
        expect(nodes.map(({ kind }) => kind)).to.deep.equal(['ServiceAccount']);
      },
      DEADLINE_MS,
    );
  });
});
