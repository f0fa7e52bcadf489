import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { isWrite } from '../support/audit.ts';
import type { KubeObject } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { install, operatorToken, writeKubeconfig } from '../support/operator.ts';
import { SYSTEM, theWorld, type World } from './world.ts';

const HOUR_MS = 3_600_000;
const CRD = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/registrycredentials.regcred.dev';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

describe('While the operator runs', () => {
  let world: World;
  before(async () => (world = await theWorld()));

  it('its token is rotated, and the old one no longer accepted', async () => {
    const row = world.chronicle.row('ServiceAccount token rotated, the old one refused', 'rotations, another spec, new namespaces');
    const { scratch } = world.controlPlane;
    const tokenFile = join(scratch, 'token');
    const kubeconfig = join(scratch, 'token.kubeconfig');
    // As the kubelet does it: the file is another one from one moment to the next.
    const bound = async (name: string) => {
      const secret = await world.api.call<KubeObject>('POST', `/api/v1/namespaces/${SYSTEM}/secrets`, { body: { metadata: { name } } });
      writeFileSync(`${tokenFile}.new`, await operatorToken(world.api, SYSTEM, { name, uid: secret.metadata.uid }), { mode: 0o600 });
      renameSync(`${tokenFile}.new`, tokenFile);
      return readFileSync(tokenFile, 'utf8');
    };
    const isAccepted = async (token: string) => {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
      const { status } = await world.api.call<{ status: { authenticated?: boolean } }>(
        'POST',
        '/apis/authentication.k8s.io/v1/tokenreviews',
        { body },
      );
      return status.authenticated === true;
    };
    let old = await bound('token-0');
    // The same way to a token that a pod has.
    writeKubeconfig(kubeconfig, world.cluster, { authProvider: { name: 'tokenFile', config: { tokenFile } } }, SYSTEM);
    const replica = await world.leader({ kubeconfig });
    for (const round of [1, 2]) {
      await world.rotate('wide');
      const token = await bound(`token-${round}`);
      await world.api.call('DELETE', `/api/v1/namespaces/${SYSTEM}/secrets/token-${round - 1}`);
      const begun = performance.now();
      await eventually('the old token is refused', async () => expect(await isAccepted(old)).to.equal(false));
      await Promise.all([world.rotate('wide'), world.changeSpec(), world.addNamespaces(2)]);
      await world.recovers(row, begun);
      old = token;
    }
    await world.api.call('DELETE', `/api/v1/namespaces/${SYSTEM}/secrets/token-2`);
    expect(replica.log()).to.not.contain('The Lease was lost');
  });

  it('its clock jumps an hour forward, a day back, and to the year 2038', async () => {
    const row = world.chronicle.row('the clock jumps', 'rotations, another spec, new namespaces');
    const offset = join(world.controlPlane.scratch, 'clock-offset');
    const env = {
      NODE_OPTIONS: `--import=${pathToFileURL(resolve(import.meta.dirname, '../support/clock.ts'))}`,
      TEST_CLOCK_OFFSET: offset,
    };
    const leader = await world.leader({ env });
    const follower = await world.replica({ env });
    await follower.url();
    for (const jumpMs of [HOUR_MS, -24 * HOUR_MS, Date.UTC(2038, 0, 20) - Date.now()]) {
      await Promise.all([world.rotate(), world.changeSpec()]);
      writeFileSync(offset, String(jumpMs));
      // The follower's alone first: it must not think that the Lease has run out.
      follower.signal('SIGUSR2');
      await delay(world.chance.next() * 300);
      leader.signal('SIGUSR2');
      await world.addNamespaces(2);
      await world.recovers(row);
      await eventually('the Lease says by the clock of the leader when it was renewed', async () => {
        const { renewTime } = (await world.lease()).spec as { renewTime: string };
        expect(Math.abs(Date.parse(renewTime) - Date.now() - jumpMs)).to.be.below(60_000);
      });
    }
    expect(leader.log()).to.not.contain('The Lease was lost');
    expect(follower.log()).to.not.contain('This replica leads.');
  });

  it('the CustomResourceDefinition is deleted, and put back', async () => {
    const row = world.chronicle.row('CRD deleted and put back', 'all RegistryCredentials go with it, and come again');
    await world.leader();
    await world.settles();
    // The API server deletes every object of the kind first, which waits for our finalizer: all is taken back, but what is retained.
    const sorts = [...world.meant.keys()] as ('wide' | 'kept')[];
    await world.api.call('DELETE', CRD);
    for (const sort of sorts) world.deleted(sort);
    await world.settles();
    await eventually('the CustomResourceDefinition is gone', async () => {
      const { items } = await world.api.call<{ items: KubeObject[] }>('GET', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions');
      expect(items.map(({ metadata }) => metadata.name)).to.deep.equal([]);
    });
    await world.addNamespaces(3);
    await install(world.controlPlane);
    for (const sort of sorts) await world.makeCredential(sort);
    await world.recovers(row);
  });

  it('its rights are taken away, and given back', async () => {
    const row = world.chronicle.row('RBAC taken away and given back', 'a rotation, another spec, new and deleted namespaces');
    const wire = await world.wire();
    const doomed = await world.addNamespaces(3);
    const replica = await world.leader({ server: `https://127.0.0.1:${wire.port}` });
    for (const path of [`${RBAC}/clusterrolebindings/regcred`, `${RBAC}/namespaces/${SYSTEM}/rolebindings/regcred`])
      await world.api.call('DELETE', path);
    // A watch that is open goes on: rights are asked for when it begins.
    wire.cut();
    await eventually('it is refused', () => expect(replica.log()).to.contain('forbidden'));
    await Promise.all([world.rotate('wide'), world.changeSpec(), world.addNamespaces(3), world.removeNamespaces(doomed)]);
    await delay(10_000);
    await world.check();
    const begun = performance.now();
    await install(world.controlPlane);
    await world.recovers(row, begun);
  });

  it('another controller takes our reference out of an account every time', async () => {
    const row = world.chronicle.row('another controller reverts our account entry', 'rotations elsewhere');
    await world.leader();
    // What a new leader puts right is no repair: it has to have placed every credential itself first.
    for (const name of world.meant.keys()) await world.rotate(name);
    await world.settles();
    const path = '/api/v1/namespaces/team-20/serviceaccounts/default';
    const theirs = world.foreign.accounts.get('team-20/default')?.imagePullSecrets ?? [];
    const mark = world.mark();
    const begun = performance.now();
    let reverted = 0;
    const isContested = async () =>
      (await world.look()).credentials.some(({ status }) => JSON.stringify(status).includes('"reason":"Contested"'));
    const revert = async () => {
      const account = await world.api.call<KubeObject>('GET', path);
      if (account.imagePullSecrets?.length === theirs.length) return;
      const { resourceVersion } = account.metadata;
      const put = { metadata: { resourceVersion }, imagePullSecrets: theirs };
      // It may be ours by now that is newer.
      await world.api.call('PATCH', path, { body: put }).then(
        () => reverted++,
        () => {},
      );
    };
    await eventually('it is called Contested', async () => {
      await revert();
      expect(await isContested()).to.equal(true);
    });
    // And from then on for a while: the writes become fewer and fewer.
    const until = performance.now() + 10_000;
    while (performance.now() < until) {
      await revert();
      await delay(10);
    }
    const writes = world
      .audited(mark)
      .filter((one) => isWrite(one) && one.resource === 'serviceaccounts' && one.namespace === 'team-20').length;
    const seconds = (performance.now() - begun) / 1000;
    row.figures['times reverted'] = reverted;
    row.figures['our writes'] = writes;
    // Ten at once; then after 1, 2, 4, 8 … seconds.
    expect(writes, `writes in ${Math.round(seconds)} s`).to.be.within(10, 11 + Math.ceil(Math.log2(seconds + 1)));
    await world.rotate('regional');
    await world.recovers(row);
    expect(await isContested()).to.equal(false);
  });
});
