import { expect } from 'chai';
import type { Cluster, Scene } from '../support/cluster.ts';
import { install } from '../support/operator.ts';
import { accountIn, type Commit, list, provesRow, ROWS, type Row, repairs } from './accounts.ts';
import { type Flux, startFlux } from './flux.ts';
import { startWorld, type World } from './world.ts';

describe('A ServiceAccount in Git, with Flux', function () {
  this.timeout(10 * 60_000);
  let world: World;
  let flux: Flux;
  let cluster: Cluster;
  let scene: Scene;
  let namespace: string;
  let commits = 0;

  before(async () => {
    world = await startWorld();
    flux = await startFlux(world);
    await install(world.controlPlane);
    cluster = await world.runOperator();
  });
  after(() => world?.stop());
  beforeEach(async () => {
    scene = cluster.scene();
    [namespace] = (await scene.placed(1)) as [string];
  });

  /** Commits the account, with these annotations, and has it applied by the Kustomization of the scene, which has this spec. */
  function commitsOf(spec: object = {}, annotations: object = {}): Commit {
    let exists = false;
    return async (fields) => {
      const account = accountIn(namespace, fields, ++commits);
      world.git.commit(scene.name, { 'account.yaml': { ...account, metadata: { ...account.metadata, annotations } } });
      if (!exists) {
        await flux.source(scene.name);
        await flux.kustomization(scene.name, scene.name, spec);
      }
      exists = true;
      const { status, message } = await flux.reconcile(scene.name, scene.name);
      expect(status, message).to.equal('True');
    };
  }

  it('not set, when Flux first applies an account that exists: the list is emptied once, and the operator adds its entry again', async () => {
    const commit = commitsOf();
    await scene.patchAccount(namespace, list('by-hand', scene.name));
    const repaired = await repairs(scene, async () => {
      await commit({});
      await scene.pullSecretsAre(namespace, [scene.name]);
    });
    expect(repaired).to.equal(1);
  });

  // Flux drops an empty list from what it applies.
  const rows = { ...ROWS, '[]': { ...(ROWS['[]'] as Row), isReverted: false } };
  for (const [inGit, row] of Object.entries(rows)) {
    it(`${inGit}: ${row.isReverted ? 'each sync removes the entry' : 'the entry stays'}`, async () => {
      const commit = commitsOf();
      await commit({});
      await scene.pullSecretsAre(namespace, [scene.name]);
      await provesRow(scene, namespace, row, commit);
    });
  }

  it('[own] that is ignored: both stay', async () => {
    const commit = commitsOf({ ignore: [{ paths: ['/imagePullSecrets'], target: { kind: 'ServiceAccount' } }] });
    await scene.patchAccount(namespace, list('own', scene.name));
    const repaired = await repairs(scene, async () => {
      for (let at = 0; at < 3; at++) {
        await commit(list('own'));
        await scene.pullSecretsAre(namespace, ['own', scene.name]);
      }
    });
    expect(repaired).to.equal(0);
  });

  it('[own] with the annotation ssa: IfNotPresent: the list is not changed later', async () => {
    const commit = commitsOf({}, { 'kustomize.toolkit.fluxcd.io/ssa': 'IfNotPresent' });
    const repaired = await repairs(scene, async () => {
      for (let at = 0; at < 3; at++) {
        await commit(list('own'));
        await scene.pullSecretsAre(namespace, [scene.name]);
      }
    });
    expect(repaired).to.equal(0);
  });

  it('[own], removed from Git later: both are left', async () => {
    const commit = commitsOf();
    await commit(list('own'));
    await scene.pullSecretsAre(namespace, ['own', scene.name]);
    const repaired = await repairs(scene, () => commit({}));
    await scene.pullSecretsAre(namespace, ['own', scene.name]);
    expect(repaired).to.equal(0);
  });
});
