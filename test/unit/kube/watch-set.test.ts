import { expect } from 'chai';
import type { ObjectRecord } from '../../../src/api/records.ts';
import { KubeClient } from '../../../src/kube/client.ts';
import { identityOf } from '../../../src/kube/object.ts';
import { Timeline } from '../../../src/kube/timeline.ts';
import { WatchSet } from '../../../src/kube/watch-set.ts';
import { soon } from '../../support/eventually.ts';
import { type ApiServer, json, refusal, serve } from './apiserver.ts';

describe('A set of watches', () => {
  let server: ApiServer;
  let kube: KubeClient;
  let watches: WatchSet<ObjectRecord, string>;
  let notified: string[][];
  let changed: string[];
  let isForbidden: boolean;

  beforeEach(async () => {
    notified = [];
    changed = [];
    isForbidden = false;
    server = await serve((response, asked) => {
      if (asked.query.watch) return void response.writeHead(200).flushHeaders();
      const name = asked.query.fieldSelector?.replace('metadata.name=', '') ?? '';
      const items = [{ metadata: { namespace: 'shop', name, uid: `uid-${name}`, resourceVersion: '1' } }];
      const answer = isForbidden ? refusal(403, 'Forbidden', 'no') : json(200, { metadata: { resourceVersion: '1' }, items });
      answer(response, asked);
    });
    kube = new KubeClient(() => server.config());
    watches = new WatchSet(
      { kube, timeline: new Timeline(), retryMs: () => 1, interrupted: () => {}, outdated: () => {}, ended: () => {} },
      {
        targetOf: (name) => ({ path: '/api/v1/secrets', fieldSelector: `metadata.name=${name}`, read: identityOf }),
        idOf: (owner) => owner,
        onChange: (_, after) => changed.push(after?.name ?? ''),
        onStateChange: (owners) => notified.push([...owners].sort()),
      },
    );
  });
  afterEach(async () => {
    watches.stop();
    await kube.close();
    await server.close();
  });
  const synced = (name: string) => soon(`${name} is synced`, async () => expect(watches.view(name)?.synced).to.equal(true));
  const lists = () => server.asked.filter(({ query }) => !query.watch).length;

  it('notifies all owners of a watch, and no others, when it becomes synced', async () => {
    watches.keepFor('acme', ['pull']);
    watches.keepFor('beta', ['pull']);
    watches.keepFor('other', ['elsewhere']);
    await Promise.all([synced('pull'), synced('elsewhere')]);
    expect(notified).to.have.deep.members([['acme', 'beta'], ['other']]);
    expect(lists()).to.equal(2);
  });

  it('notifies the owners when a watch fails, and again when it recovers', async () => {
    isForbidden = true;
    watches.keepFor('acme', ['pull']);
    await soon('the watch fails', async () => expect(watches.view('pull')?.error).to.be.instanceOf(Error));
    expect(notified).to.deep.equal([['acme']]);
    isForbidden = false;
    await synced('pull');
    expect(notified).to.deep.equal([['acme'], ['acme']]);
  });

  it('lists again after a fault of the program', async () => {
    let faults = 0;
    watches = new WatchSet(
      {
        kube,
        timeline: new Timeline(),
        retryMs: () => 1,
        interrupted: (_, error) => error !== undefined && changed.push((error as Error).message),
        outdated: () => {},
        ended: () => {},
      },
      {
        targetOf: (name) => ({ path: '/api/v1/secrets', fieldSelector: `metadata.name=${name}`, read: identityOf }),
        idOf: (owner) => owner,
        onChange: () => {},
        onStateChange: () => {
          if (faults++ === 0) throw new TypeError('a fault');
        },
      },
    );
    watches.keepFor('acme', ['pull']);
    await soon('it has listed twice', async () => expect(lists()).to.equal(2));
    await synced('pull');
    expect(changed).to.deep.equal(['a fault']);
  });

  it('stops a watch and forgets its records when its last owner no longer needs it', async () => {
    watches.keepFor('acme', ['pull', 'former']);
    watches.keepFor('beta', ['pull']);
    await Promise.all([synced('pull'), synced('former')]);
    watches.keepFor('acme', []);
    expect(watches.view('former')).to.equal(undefined);
    expect([...watches.records()].map(({ name }) => name)).to.deep.equal(['pull']);
    watches.keepFor('beta', []);
    expect(watches.view('pull')).to.equal(undefined);
    await soon('both watches are closed', async () => expect(server.open()).to.equal(0));
    expect(changed.sort()).to.deep.equal(['former', 'pull']);
  });

  it('no longer notifies an owner that does not need the watch', async () => {
    isForbidden = true;
    watches.keepFor('acme', ['pull']);
    watches.keepFor('beta', ['pull']);
    await soon('the watch fails', async () => expect(notified).to.deep.equal([['acme', 'beta']]));
    watches.keepFor('acme', []);
    isForbidden = false;
    await synced('pull');
    expect(notified.at(-1)).to.deep.equal(['beta']);
  });
});
