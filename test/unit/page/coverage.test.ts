/** What is sent to the page when something changes in the cluster. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { Coverage } from '../../../src/page/coverage.ts';
import type { Change, Snapshot } from '../../../src/page/messages.ts';
import { Observed } from '../../../src/page/observed.ts';
import { soon } from '../../support/eventually.ts';
import { credential, demoCluster, namespace, placed, waitingPod } from '../../support/page-demo.ts';
import { PageKube } from '../../support/page-kube.ts';

const CREDENTIALS = '/apis/regcred.dev/v1alpha1/registrycredentials';
const NOW = Date.parse('2026-11-01T00:00:00Z');

describe('What the page is sent', () => {
  let stop: AbortController;
  let kube: PageKube;
  let coverage: Coverage;

  /** Watches, and resolves when everything has been read. */
  async function watch(cluster: PageKube): Promise<void> {
    stop = new AbortController();
    kube = cluster;
    coverage = new Coverage({
      cluster: { context: 'sample', server: '' },
      now: () => NOW,
      diagnosisOf: () => undefined,
      onChange: () => {},
    });
    const observed = new Observed(kube.client, coverage.listener, () => NOW);
    coverage.observe(observed);
    observed.start(stop.signal);
    await observed.read(AbortSignal.timeout(10_000));
    await soon('every watch is open', () => expect(observed.notices()).to.deep.equal([]));
    coverage.update();
  }
  afterEach(() => stop.abort());

  /** Two namespaces, `shop` with everything in place and `other` opted out. */
  function smallCluster(): PageKube {
    const small = new PageKube();
    small.put(CREDENTIALS, acme());
    namespace(small, 'shop', {}, ['acme']);
    placed(small, 'acme', 'shop');
    namespace(small, 'other', { 'regcred.dev/exclude': 'true' });
    return small;
  }
  const acme = (synced = 1, name = 'acme') =>
    credential(
      {
        name,
        registries: [{ server: 'ghcr.io' }],
        conditions: [{ type: 'Ready', status: 'True', reason: 'Synced', message: '' }],
        counters: { desired: 1, synced },
      },
      NOW,
    );

  async function update(): Promise<Partial<Change> & { snapshot?: Snapshot }> {
    for (let turns = 0; turns < 20; turns++) await turn();
    const sent = coverage.update();
    return 'snapshot' in sent ? sent : sent.change;
  }
  const partsOf = (sent: object) =>
    Object.keys(sent)
      .filter((part) => part !== 'at')
      .sort();
  const cellsOf = ({ rows = [] }: Partial<Change>) => rows.map(({ name, cells }) => `${name} ${cells}`);

  it('is everything at first', async () => {
    await watch(smallCluster());
    const { rows, credentials, notices, needs } = coverage.snapshot();
    expect(rows.map(({ name, cells }) => `${name} ${cells}`).sort()).to.deep.equal(['other o', 'shop s']);
    expect(credentials.map(({ title }) => title)).to.deep.equal(['acme']);
    expect([notices, needs]).to.deep.equal([[], []]);
  });

  it('is nothing if nothing has changed', async () => {
    await watch(smallCluster());
    expect(partsOf(await update())).to.deep.equal([]);
  });

  it('is one row for a change in one namespace', async () => {
    await watch(smallCluster());
    kube.remove('/api/v1/secrets', { namespace: 'shop', name: 'acme' });
    const sent = await update();
    expect(partsOf(sent)).to.deep.equal(['rows']);
    expect(cellsOf(sent)).to.deep.equal(['shop p']);
  });

  it('is a row without a difference in its cells too, because it may be open', async () => {
    await watch(smallCluster());
    kube.put('/api/v1/serviceaccounts', { metadata: { namespace: 'other', name: 'builder' } });
    expect(cellsOf(await update())).to.deep.equal(['other o']);
  });

  it('is a new row, and the name of one that is gone', async () => {
    await watch(smallCluster());
    namespace(kube, 'new');
    kube.remove('/api/v1/namespaces', { name: 'other' });
    const sent = await update();
    expect(cellsOf(sent)).to.deep.equal(['new p']);
    expect(sent.gone).to.deep.equal(['other']);
  });

  it('is the changed cells of a credential whose spec changes', async () => {
    await watch(smallCluster());
    const changed = acme();
    kube.put(CREDENTIALS, { ...changed, spec: { ...changed.spec, namespaces: { names: ['other'] } } });
    const sent = await update();
    expect(cellsOf(sent)).to.deep.equal(['shop p']);
  });

  it('is the credentials without a row if only a status changes', async () => {
    await watch(smallCluster());
    kube.put(CREDENTIALS, acme(0));
    const sent = await update();
    expect(partsOf(sent)).to.deep.equal(['credentials']);
    expect(sent.credentials?.[0]?.namespaces?.synced).to.equal(0);
  });

  it('is a new snapshot if a credential is added, because each row has another cell', async () => {
    await watch(smallCluster());
    kube.put(CREDENTIALS, acme(1, 'beta'));
    const { snapshot } = await update();
    expect(snapshot?.rows.map(({ name, cells }) => `${name} ${cells}`).sort()).to.deep.equal(['other oo', 'shop sp']);
  });

  it('is what needs a person, when a pod begins to wait', async () => {
    await watch(smallCluster());
    waitingPod(kube, 'shop', 'web-0', 'ghcr.io/acme/web:1');
    const sent = await update();
    expect(partsOf(sent)).to.deep.equal(['needs', 'rows']);
    expect(sent.rows?.[0]?.waiting).to.equal(1);
    expect(sent.needs?.[0]?.title).to.equal('shop/web-0');
  });

  it('knows a Secret of another user under the name, which it reads by name', async () => {
    await watch(demoCluster(NOW));
    expect(coverage.snapshot().rows.find(({ name }) => name === 'checkout-prod-eu')?.cells).to.equal('ssc');
  });

  const checkCommands: Record<string, [string | undefined, { readonly mode?: string; readonly reason?: string }]> = {
    'a command for a check': ['kubectl regcred check acme', {}],
    'no command for a check if the credential has switched checks off': [undefined, { mode: 'None' }],
    'no command for a check if the operator has switched them off': [undefined, { reason: 'VerificationDisabled' }],
  };
  for (const [what, [command, { mode, reason }]] of Object.entries(checkCommands)) {
    it(`has ${what}`, async () => {
      const cluster = smallCluster();
      const own = acme();
      const { conditions } = own.status;
      cluster.put(CREDENTIALS, {
        ...own,
        spec: { ...own.spec, ...(mode && { verification: { mode } }) },
        status: {
          ...own.status,
          conditions: [...conditions, ...(reason ? [{ type: 'Verified', status: 'Unknown', reason, message: '' }] : [])],
        },
      } as never);
      await watch(cluster);
      expect(coverage.snapshot().credentials[0]?.checkCommand).to.equal(command);
    });
  }

  it('has the credentials of both kinds, and a namespace that does not accept one', async () => {
    const both = smallCluster();
    const own = acme(1, 'own');
    const spec = { ...own.spec, namespaces: { names: ['shop', 'third'] } };
    both.put('/apis/regcred.dev/v1alpha1/namespacedregistrycredentials', {
      ...own,
      metadata: { ...own.metadata, namespace: 'shop' },
      spec,
    });
    namespace(both, 'third', {}, ['acme']);
    await watch(both);
    const { rows, credentials } = coverage.snapshot();
    expect(credentials.map(({ title, statusCommand }) => `${title}: ${statusCommand}`)).to.deep.equal([
      'acme: kubectl regcred status acme',
      'shop/own: kubectl regcred status own -n shop',
    ]);
    expect(rows.map(({ name, cells }) => `${name} ${cells}`).sort()).to.deep.equal(['other oo', 'shop sp', 'third pn']);
  });

  it('works on a cluster without the namespaced kind', async () => {
    const without = smallCluster();
    without.missing = /namespacedregistrycredentials/;
    await watch(without);
    expect(coverage.snapshot().credentials).to.have.length(1);
  });

  it('never asks for the data of a Secret', async () => {
    const cluster = smallCluster();
    const accepted: (readonly [path: string, accept: string | undefined])[] = [];
    const { call, open } = cluster;
    cluster.call = (method, path, options) => {
      accepted.push([path, options?.accept]);
      return call.call(cluster, method, path, options);
    };
    cluster.open = (path, options) => {
      accepted.push([path, options.accept]);
      return open.call(cluster, path, options);
    };
    await watch(cluster);
    const ofSecrets = accepted.filter(([path]) => path.includes('secrets'));
    expect(ofSecrets.length).to.be.above(3);
    for (const [path, accept] of ofSecrets)
      expect(accept, path).to.match(/^application\/json;as=PartialObjectMetadata(List)?;g=meta\.k8s\.io;v=v1$/);
  });
});
