import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { RegistryCredentialStatus } from '../../src/api/types.ts';
import { isWrite } from '../support/audit.ts';
import { makeAuthority } from '../support/certificates.ts';
import type { KubeObject } from '../support/cluster.ts';
import { kubectl } from '../support/controlplane.ts';
import { allowWrites, denyWrites } from '../support/denial.ts';
import { eventually } from '../support/eventually.ts';
import { mutate } from '../support/mutation.ts';
import { install, operatorToken, writeKubeconfig } from '../support/operator.ts';
import { jumpingClock, writeOffset } from './jumps.ts';
import { SYSTEM, theWorld, type World } from './world.ts';

const HOUR_MS = 3_600_000;
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

interface Rule {
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

describe('While the operator runs', () => {
  let world: World;
  before(async () => (world = await theWorld()));

  it('its token is rotated, and the API server no longer accepts the old one', async () => {
    const row = world.chronicle.row('ServiceAccount token rotated, the old one refused', 'rotations, another spec, new namespaces');
    const { scratch } = world.controlPlane;
    const tokenFile = join(scratch, 'token');
    const kubeconfig = join(scratch, 'token.kubeconfig');
    // The test replaces the file atomically, as the kubelet does.
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
    // A pod gets its token in the same way.
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
    expect(replica.log()).to.not.contain('Lost the Lease');
  });

  it('the CA of the API server is rotated, and then its address changes as well', async () => {
    const row = world.chronicle.row('CA rotated, address changed', 'rotations, another spec, new namespaces');
    const { scratch } = world.controlPlane;
    const caFile = join(scratch, 'front-ca.crt');
    const kubeconfig = join(scratch, 'front.kubeconfig');
    // As the kubelet does it: the file is another one from one moment to the next.
    const put = (file: string, content: string) => {
      writeFileSync(`${file}.new`, content, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    };
    const token = await operatorToken(world.api, SYSTEM);
    const pointTo = (server: string) => {
      writeKubeconfig(`${kubeconfig}.new`, { name: 'front', server, caFile, skipTLSVerify: false }, { token }, SYSTEM);
      renameSync(`${kubeconfig}.new`, kubeconfig);
    };
    let authority = makeAuthority();
    let front = await world.front(authority.issue(['127.0.0.1']));
    put(caFile, authority.cert);
    pointTo(front.url);
    const replica = await world.leader({ kubeconfig });
    await world.settles();

    await world.rotate('wide');
    authority = makeAuthority();
    front.renew(authority.issue(['127.0.0.1']));
    await eventually('it does not trust the new certificate', () => expect(replica.log()).to.match(/self-signed|unable to verify/));
    put(caFile, authority.cert);
    let begun = performance.now();
    await Promise.all([world.rotate('wide'), world.changeSpec(), world.addNamespaces(2)]);
    await world.recovers(row, begun);

    await front.close();
    authority = makeAuthority();
    front = await world.front(authority.issue(['127.0.0.1']));
    put(caFile, authority.cert);
    pointTo(front.url);
    begun = performance.now();
    await Promise.all([world.rotate('regional'), world.changeSpec(), world.addNamespaces(2)]);
    await world.recovers(row, begun);
    expect((await fetch(`${await replica.url()}/healthz`)).status).to.equal(200);
  });

  it('its clock jumps an hour forward, a day back, and to the year 2038', async () => {
    const row = world.chronicle.row('the clock jumps', 'rotations, another spec, new namespaces');
    const offset = join(world.controlPlane.scratch, 'clock-offset');
    const env = jumpingClock(offset);
    const leader = await world.leader({ env });
    const follower = await world.replica({ env });
    await follower.url();
    for (const jumpMs of [HOUR_MS, -24 * HOUR_MS, Date.UTC(2038, 0, 20) - Date.now()]) {
      await Promise.all([world.rotate(), world.changeSpec()]);
      writeOffset(offset, jumpMs);
      // The follower's clock jumps first: the follower must not think that the Lease has expired.
      follower.signal('SIGUSR2');
      await delay(world.chance.next() * 300);
      leader.signal('SIGUSR2');
      await world.addNamespaces(2);
      await world.recovers(row);
      await eventually('the renewTime of the Lease follows the clock of the leader', async () => {
        const { renewTime } = (await world.lease()).spec as { renewTime: string };
        expect(Math.abs(Date.parse(renewTime) - Date.now() - jumpMs)).to.be.below(60_000);
      });
    }
    expect(leader.log()).to.not.contain('Lost the Lease');
    expect(follower.log()).to.not.contain('This replica leads.');
  });

  for (const [of, isOf] of [
    ['registrycredentials', (id: string) => !id.includes('/')],
    ['namespacedregistrycredentials', (id: string) => id.includes('/')],
  ] as const) {
    it(`the CustomResourceDefinition of ${of} is deleted and created again`, async () => {
      const row = world.chronicle.row(`CRD of ${of} deleted and created again`, 'all its objects are deleted with it and created again');
      await world.leader();
      if (world.meant.has('passing')) await world.deleteCredential('passing');
      await world.settles();
      // The API server first deletes every object of the kind, and our finalizer delays that: the operator removes everything except what is retained.
      const ids = [...world.meant.keys()].filter(isOf);
      await world.api.call('DELETE', `${CRDS}/${of}.regcred.dev`);
      for (const id of ids) world.deleted(id);
      await world.settles();
      await eventually('the CustomResourceDefinition is gone', async () => {
        const { items } = await world.api.call<{ items: KubeObject[] }>('GET', CRDS);
        expect(items.map(({ metadata }) => metadata.name)).not.to.include(`${of}.regcred.dev`);
      });
      await world.addNamespaces(3);
      await install(world.controlPlane);
      for (const id of ids) await world.makeAgain(id);
      await world.recovers(row);
    });
  }

  it('the namespace of a tenant is deleted while another one, which accepts it, refuses every write', async () => {
    const row = world.chronicle.row(
      'the namespace of a tenant deleted, cleanup elsewhere refused',
      'rotations, another spec, new namespaces',
    );
    await world.leader();
    await world.makeLeaver();
    await world.settles();
    const deny = {
      api: world.api,
      name: 'leaver',
      patch: (path: string, body: object) => world.api.call<KubeObject>('PATCH', path, { body }),
      cluster: { kubectl: (...args: string[]) => kubectl(world.controlPlane, ...args) },
    };
    await denyWrites(deny, 'harbour');
    const begun = performance.now();
    await world.api.call('DELETE', '/api/v1/namespaces/leaver');
    world.deleted('leaver/leaver');
    await Promise.all([world.rotate(), world.changeSpec(), world.addNamespaces(2)]);
    // The operator tries to clean up for one minute, and then lets the namespace go.
    await eventually(
      'the namespace is gone',
      async () => {
        const { namespaces } = await world.look();
        expect(namespaces.map(({ metadata }) => metadata.name)).to.not.include('leaver');
      },
      150_000,
    );
    row.figures['seconds until the namespace is gone'] = Math.round((performance.now() - begun) / 1000);
    const { secrets } = await world.look();
    expect(secrets.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)).to.include('harbour/leaver');
    const allowed = performance.now();
    await allowWrites(deny, 'harbour');
    await world.recovers(row, allowed);
    await world.api.call('DELETE', '/api/v1/namespaces/harbour');
  });

  it('its rights are removed and restored', async () => {
    const row = world.chronicle.row('RBAC removed and restored', 'a rotation, another spec, new and deleted namespaces');
    const wire = await world.wire();
    const doomed = await world.addNamespaces(3);
    const replica = await world.leader({ server: `https://127.0.0.1:${wire.port}` });
    for (const path of [`${RBAC}/clusterrolebindings/regcred`, `${RBAC}/namespaces/${SYSTEM}/rolebindings/regcred`])
      await world.api.call('DELETE', path);
    // An open watch continues: the API server checks the rights only at its start.
    wire.cut();
    await eventually('the API server refuses a request', () => expect(replica.log()).to.contain('forbidden'));
    await Promise.all([world.rotate('wide'), world.changeSpec(), world.addNamespaces(3), world.removeNamespaces(doomed)]);
    await delay(10_000);
    await world.check();
    const begun = performance.now();
    await install(world.controlPlane);
    await world.recovers(row, begun);
  });

  it('only its right to watch Secrets is removed and restored', async () => {
    const row = world.chronicle.row('the right to watch Secrets removed and restored', 'a rotation, another spec, new namespaces');
    const wire = await world.wire();
    const replica = await world.leader({ server: `https://127.0.0.1:${wire.port}` });
    await world.settles();
    const { rules } = await world.api.call<KubeObject & { rules: Rule[] }>('GET', `${RBAC}/clusterroles/regcred`);
    const withoutWatch = rules.map((rule) =>
      rule.resources.includes('secrets') ? { ...rule, verbs: rule.verbs.filter((verb) => verb !== 'watch') } : rule,
    );
    await world.api.call('PATCH', `${RBAC}/clusterroles/regcred`, { body: { rules: withoutWatch } });
    wire.cut();
    await eventually('it is refused', () => expect(replica.log()).to.contain('forbidden'));
    await world.rotate('wide');
    // A rotation is not seen, so it is not Ready.
    await eventually(
      'the status says what it does not see',
      async () => {
        const { credentials } = await world.look();
        const wide = credentials.find(({ metadata }) => metadata.name === 'wide');
        const { conditions = [] } = (wide?.status ?? {}) as RegistryCredentialStatus;
        const [ready, sources, secrets] = ['Ready', 'SourcesReady', 'SecretsSynced'].map((type) =>
          conditions.find((condition) => condition.type === type),
        );
        expect(sources).to.include({ status: 'Unknown', reason: 'WatchLost' });
        // False, if the Secrets of others are in the way.
        for (const condition of [ready, secrets]) expect(condition?.status).to.be.oneOf(['Unknown', 'False']);
        for (const condition of [sources, secrets]) expect(condition?.message).to.contain('can no longer watch').and.contain('Grant');
      },
      90_000,
    );
    const metrics = await (await fetch(`${await replica.url()}/metrics`)).text();
    expect(metrics).to.match(/^regcred_watches_lost\{resource="secrets"\} [1-9]/m);
    await Promise.all([world.changeSpec(), world.addNamespaces(3)]);
    const begun = performance.now();
    await install(world.controlPlane);
    await world.recovers(row, begun);
  });

  it('another controller keeps removing our reference from an account', async () => {
    const row = world.chronicle.row('another controller reverts our account entry', 'rotations elsewhere');
    await world.leader();
    // The first writes of a new leader do not count as repairs. First it has to place every credential itself.
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
      // Our reference may be newer by now.
      await world.api.call('PATCH', path, { body: put }).then(
        () => reverted++,
        () => {},
      );
    };
    await eventually('the status reports Contested', async () => {
      await revert();
      expect(await isContested()).to.equal(true);
    });
    // Continues to revert for a while: the writes become less and less frequent.
    const until = performance.now() + 10_000;
    while (performance.now() < until) {
      await revert();
      await delay(10);
    }
    const writes = world
      .audited(mark)
      .filter((one) => isWrite(one) && one.resource === 'serviceaccounts' && one.namespace === 'team-20' && one.code < 300).length;
    const seconds = (performance.now() - begun) / 1000;
    row.figures['times reverted'] = reverted;
    row.figures['our writes'] = writes;
    // Ten immediately, and then after 1, 2, 4, 8 … seconds.
    expect(writes, `writes in ${Math.round(seconds)} s`).to.be.within(10, 11 + Math.ceil(Math.log2(seconds + 1)));
    await world.rotate('regional');
    await world.recovers(row);
    expect(await isContested()).to.equal(false);
  });

  it('admission policies change what is written to an account and to a Secret', async () => {
    const row = world.chronicle.row('admission policies change our Secrets and accounts', 'rotations, another spec, new namespaces');
    await world.leader();
    await world.settles();
    const theirs = world.foreign.accounts.get('team-25/default')?.imagePullSecrets ?? [];
    const list = theirs.map(({ name }) => `{'name': '${name}'}`).join();
    const policies = [
      await mutate(
        { api: world.api, name: 'fault' },
        {
          resource: 'serviceaccounts',
          condition: "request.namespace == 'team-25' && object.metadata.name == 'default'",
          patches: `[JSONPatch{op: 'add', path: '/imagePullSecrets', value: [${list}]}]`,
        },
      ),
      await mutate(
        { api: world.api, name: 'fault' },
        {
          resource: 'secrets',
          condition:
            "request.namespace == 'team-26' && has(object.metadata.labels) && 'regcred.dev/credential-uid' in object.metadata.labels",
          patches: "[JSONPatch{op: 'add', path: '/metadata/labels/app.kubernetes.io~1managed-by', value: 'platform'}]",
        },
      ),
    ];
    const contested = async () => {
      const { credentials } = await world.look();
      const failures = credentials.flatMap(({ status }) => (status as RegistryCredentialStatus | undefined)?.failures ?? []);
      return new Set(failures.filter(({ reason }) => reason === 'Contested').map(({ namespace, kind }) => `${kind} ${namespace}`));
    };
    const mark = world.mark();
    await eventually('both are reported as Contested', async () => {
      const found = await contested();
      // The policies also change what another user writes, and what a rotation writes.
      if (!found.has('ServiceAccount team-25')) {
        const same = { imagePullSecrets: theirs };
        await world.api.call('PATCH', '/api/v1/namespaces/team-25/serviceaccounts/default', { body: same });
      }
      if (!found.has('Secret team-26')) await world.rotate('wide');
      await delay(1000);
      expect([...found]).to.include.members(['ServiceAccount team-25', 'Secret team-26']);
    });
    await Promise.all([world.changeSpec(), world.addNamespaces(3)]);
    await delay(5000);
    await world.check();
    row.figures['our writes there'] = world
      .audited(mark)
      .filter((one) => isWrite(one) && ['team-25', 'team-26'].includes(one.namespace ?? '')).length;
    const begun = performance.now();
    for (const remove of policies) await remove();
    await world.recovers(row, begun);
    expect([...(await contested())]).to.deep.equal([]);
  });
});
