import { expect } from 'chai';
import type { ObjectRecord } from '../../../src/api/records.ts';
import { KubeClient } from '../../../src/kube/client.ts';
import { type FollowContext, follow } from '../../../src/kube/follow.ts';
import { identityOf } from '../../../src/kube/object.ts';
import { Store } from '../../../src/kube/store.ts';
import { Timeline } from '../../../src/kube/timeline.ts';
import { soon } from '../../support/eventually.ts';
import { type ApiServer, json, refusal, serve } from './apiserver.ts';

const TARGET = { path: '/api/v1/secrets', read: identityOf };

describe('A store that a watch feeds', () => {
  let server: ApiServer;
  let kube: KubeClient;
  let store: Store<ObjectRecord>;
  let abort: AbortController;
  let ended: Promise<void>;
  let reported: string[];
  let states: boolean[];
  /** How the server treats watches from now on. */
  let watches: 'open' | 'denied' | 'at once ended';

  async function start(outdatedAfterMs: number): Promise<void> {
    server = await serve((response, asked) => {
      if (!asked.query.watch) return json(200, { metadata: { resourceVersion: '1' }, items: [] })(response, asked);
      if (watches === 'denied') return refusal(403, 'Forbidden', 'watch is denied')(response, asked);
      response.writeHead(200).flushHeaders();
      if (watches === 'at once ended') response.end();
    });
    kube = new KubeClient(() => server.config());
    store = new Store(() => {});
    abort = new AbortController();
    reported = [];
    states = [];
    const following: FollowContext = {
      ...{ kube, timeline: new Timeline(), retryMs: () => 5, outdatedAfterMs, interrupted: () => {}, ended: () => {} },
      outdated: ({ path }, isOutdated, error) =>
        reported.push(`${path} ${isOutdated} ${(error as Error | undefined)?.message ?? ''}`.trim()),
    };
    ended = follow(following, TARGET, store, abort.signal, () => states.push(store.isOutdated));
    await soon('it is synced', () => expect(store.synced).to.equal(true));
  }
  afterEach(async () => {
    abort.abort();
    await ended;
    await kube.close();
    await server.close();
  });

  it('may be outdated when its watch has been interrupted for long, and no longer when the watch is accepted again', async () => {
    watches = 'denied';
    await start(40);
    expect(store.isOutdated).to.equal(false);
    await soon('it is outdated', () => expect(store.isOutdated).to.equal(true));
    expect(reported).to.deep.equal(['/api/v1/secrets true watch is denied']);
    expect(states.at(-1)).to.equal(true);
    // Before any line arrives: a bookmark may take a minute.
    watches = 'open';
    await soon('it is up to date', () => expect(store.isOutdated).to.equal(false));
    expect(reported).to.deep.equal(['/api/v1/secrets true watch is denied', '/api/v1/secrets false']);
    expect(states.at(-1)).to.equal(false);
  });

  it('is not outdated while the API server ends every watch early: each delivers the changes since the last one', async () => {
    watches = 'at once ended';
    await start(40);
    await soon('it has watched often', () => expect(server.asked.length).to.be.above(20));
    expect(reported).to.deep.equal([]);
  });

  it('is no longer reported when the watch is stopped', async () => {
    watches = 'denied';
    await start(10);
    await soon('it is outdated', () => expect(reported).to.have.length(1));
    abort.abort();
    await ended;
    expect(reported).to.deep.equal(['/api/v1/secrets true watch is denied', '/api/v1/secrets false']);
  });
});
