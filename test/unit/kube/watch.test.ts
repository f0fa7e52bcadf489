import { expect } from 'chai';
import { Kube } from '../../../src/kube/client.ts';
import type { KubeError } from '../../../src/kube/errors.ts';
import { type Target, type WatchEvent, watch } from '../../../src/kube/watch.ts';
import { eventually } from '../../support/eventually.ts';
import { type Answer, type ApiServer, json, refusal, serve } from './apiserver.ts';

const TARGET: Target<string> = { path: '/api/v1/namespaces', read: ({ metadata }) => metadata.annotations?.note ?? metadata.name };

const object = (name: string, version: string, note?: string) => ({
  metadata: { name, uid: `${name}-uid`, resourceVersion: version, ...(note !== undefined && { annotations: { note } }) },
});
const list = (version: string, names: string[], next?: string) =>
  json(200, { metadata: { resourceVersion: version, continue: next }, items: names.map((name) => object(name, '1')) });
const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;
const bookmark = (version: string) => line('BOOKMARK', { metadata: { resourceVersion: version } });
const failure = (code: number, reason: string, message: string) => line('ERROR', { kind: 'Status', code, reason, message });

/** A watch that brings these chunks, and then ends, is cut or goes on for ever. */
const brings =
  (chunks: readonly string[], then: 'ends' | 'is cut' | 'goes on' = 'goes on'): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    for (const chunk of chunks) response.write(chunk);
    if (then === 'ends') response.end();
    // Written out first: a cut takes with it what has not been sent.
    if (then === 'is cut') response.write('', () => response.destroy());
  };

function said(event: WatchEvent<string>): string {
  switch (event.type) {
    case 'init':
      return 'init';
    case 'initDone':
    case 'seen':
      return `${event.type} ${event.resourceVersion}`;
    case 'failed':
      return `failed ${(event.error as KubeError).status}`;
    default:
      return `${event.type} ${event.record}`;
  }
}

describe('The watch', () => {
  let server: ApiServer;
  let kube: Kube;
  let abort: AbortController;
  let events: string[];
  let attempts: number[];
  let ended: Promise<void>;

  /** Follows a server that gives these answers, one after the other, and leaves the last request open. */
  async function follow(answers: readonly Answer[], target = TARGET, waitMs = 1): Promise<void> {
    const left = [...answers];
    server = await serve((response, asked) => left.shift()?.(response, asked));
    kube = new Kube(() => server.config());
    abort = new AbortController();
    events = [];
    attempts = [];
    const retryMs = (attempt: number) => {
      attempts.push(attempt);
      return waitMs;
    };
    ended = (async () => {
      for await (const event of watch(kube, target, retryMs, abort.signal)) events.push(said(event));
    })();
  }
  afterEach(async () => {
    abort.abort();
    await ended;
    await kube.close();
    await server.close();
  });

  const asked = () =>
    server.asked.map(({ query }) => (query.watch ? `watch ${query.resourceVersion}` : `list${query.continue ? ` ${query.continue}` : ''}`));

  interface Case {
    readonly answers: readonly Answer[];
    readonly events: readonly string[];
    readonly asked: readonly string[];
    /** The attempts that it waited for before it went on. */
    readonly waits?: readonly number[];
  }
  const listed = ['init', 'listed a', 'initDone 10'];
  const cases: Record<string, Case> = {
    'lists what is there, and goes on from there': {
      answers: [
        list('10', ['a']),
        brings([line('ADDED', object('b', '11')) + line('MODIFIED', object('a', '12')), line('DELETED', object('b', '13'))]),
      ],
      events: [...listed, 'applied b', 'applied a', 'deleted b'],
      asked: ['list', 'watch 10'],
    },
    'lists page by page': {
      answers: [list('10', ['a', 'b'], 'page-2'), list('10', [], 'page-3'), list('10', ['c'])],
      events: ['init', 'listed a', 'listed b', 'listed c', 'initDone 10'],
      asked: ['list', 'list page-2', 'list page-3', 'watch 10'],
    },
    'begins a list anew that broke off after its first page: what it has not had is unknown': {
      answers: [list('10', ['a'], 'page-2'), refusal(500, 'InternalError', 'no'), list('11', ['a', 'b'])],
      events: ['init', 'listed a', 'failed 500', 'init', 'listed a', 'listed b', 'initDone 11'],
      asked: ['list', 'list page-2', 'list', 'watch 11'],
      waits: [0],
    },
    'begins a list anew whose next page is too old': {
      answers: [list('10', ['a'], 'page-2'), refusal(410, 'Expired', 'too old'), list('20', ['b'])],
      events: ['init', 'listed a', 'init', 'listed b', 'initDone 20'],
      asked: ['list', 'list page-2', 'list', 'watch 20'],
    },
    'lists anew at once where the server answers that it is too far behind': {
      answers: [list('10', ['a']), refusal(410, 'Expired', 'too old resource version'), list('20', ['b'])],
      events: [...listed, 'init', 'listed b', 'initDone 20'],
      asked: ['list', 'watch 10', 'list', 'watch 20'],
    },
    'lists anew at once where the watch itself says so': {
      answers: [
        list('10', ['a']),
        brings([line('ADDED', object('b', '11')), failure(410, 'Expired', 'too old resource version')]),
        list('20', ['b']),
      ],
      events: [...listed, 'applied b', 'init', 'listed b', 'initDone 20'],
      asked: ['list', 'watch 10', 'list', 'watch 20'],
    },
    'waits before it lists anew a second time in a row': {
      answers: [
        list('10', ['a']),
        refusal(410, 'Expired', 'no'),
        list('10', ['a']),
        brings([failure(410, 'Expired', 'no')]),
        list('20', []),
      ],
      events: [...listed, ...listed, 'failed 410', 'init', 'initDone 20'],
      asked: ['list', 'watch 10', 'list', 'watch 10', 'list', 'watch 20'],
      waits: [2],
    },
    'goes on from where it was when the watch reports another error': {
      answers: [
        list('10', ['a']),
        brings([line('ADDED', object('b', '11')), failure(500, 'InternalError', 'no')]),
        brings([bookmark('12')]),
      ],
      events: [...listed, 'applied b', 'failed 500', 'seen 12'],
      asked: ['list', 'watch 10', 'watch 11'],
      waits: [0],
    },
    'goes on from where it was, after a pause, when the connection is cut': {
      answers: [list('10', ['a']), brings([line('ADDED', object('b', '11'))], 'is cut'), brings([line('DELETED', object('b', '12'))])],
      events: [...listed, 'applied b', 'failed 0', 'deleted b'],
      asked: ['list', 'watch 10', 'watch 11'],
      waits: [0],
    },
    'takes nothing from a line that was cut': {
      answers: [
        list('10', ['a']),
        brings([line('ADDED', object('b', '11')).slice(0, -9)], 'is cut'),
        brings([line('ADDED', object('b', '11'))]),
      ],
      events: [...listed, 'failed 0', 'applied b'],
      asked: ['list', 'watch 10', 'watch 10'],
      waits: [0],
    },
    'is no hot loop where every watch ends at once': {
      answers: [list('10', ['a']), brings([], 'ends'), brings([], 'ends'), brings([bookmark('11')], 'ends'), brings([bookmark('12')])],
      events: [...listed, 'seen 11', 'seen 12'],
      asked: ['list', 'watch 10', 'watch 10', 'watch 10', 'watch 11'],
      waits: [0, 1, 0],
    },
    'goes on from the last bookmark': {
      answers: [list('10', ['a']), brings([bookmark('500')], 'is cut')],
      events: [...listed, 'seen 500', 'failed 0'],
      asked: ['list', 'watch 10', 'watch 500'],
      waits: [0],
    },
    'reports a list that is forbidden, waits longer each time, and recovers when it is allowed': {
      answers: [refusal(403, 'Forbidden', 'no'), refusal(403, 'Forbidden', 'no'), list('10', ['a'])],
      events: ['init', 'failed 403', 'init', 'failed 403', ...listed],
      asked: ['list', 'list', 'list', 'watch 10'],
      waits: [0, 1],
    },
    'reports a watch that is forbidden, and recovers without a list': {
      answers: [list('10', ['a']), refusal(403, 'Forbidden', 'no'), brings([bookmark('11')])],
      events: [...listed, 'failed 403', 'seen 11'],
      asked: ['list', 'watch 10', 'watch 10'],
      waits: [0],
    },
    'waits for a kind that is not served yet': {
      answers: [refusal(404, 'NotFound', 'no'), list('10', ['a'])],
      events: ['init', 'failed 404', ...listed],
      asked: ['list', 'list', 'watch 10'],
      waits: [0],
    },
    'lists anew where the kind is no longer served: it may come back empty': {
      answers: [list('10', ['a']), refusal(404, 'NotFound', 'no'), list('20', [])],
      events: [...listed, 'failed 404', 'init', 'initDone 20'],
      asked: ['list', 'watch 10', 'list', 'watch 20'],
      waits: [0],
    },
    'reports a line that is no JSON, and goes on from before it': {
      answers: [list('10', ['a']), brings(['<html>\n'], 'ends'), brings([bookmark('11')])],
      events: [...listed, 'failed 0', 'seen 11'],
      asked: ['list', 'watch 10', 'watch 10'],
      waits: [0],
    },
  };
  for (const [what, { answers, waits = [], ...want }] of Object.entries(cases)) {
    it(what, async () => {
      await follow(answers);
      await eventually('all of it has happened', () => expect({ events, asked: asked() }).to.deep.equal(want), 5_000);
      expect(attempts).to.deep.equal(waits);
    });
  }

  it('puts lines together that come in parts, also where a part ends within a character', async () => {
    let write: (bytes: Uint8Array) => void = () => {};
    const inParts: Answer = (response) => {
      response.writeHead(200).flushHeaders();
      write = (bytes) => void response.write(bytes);
    };
    await follow([list('10', []), inParts]);
    await eventually('it watches', () => expect(server.asked).to.have.length(2));
    const one = Buffer.from(line('ADDED', object('b', '11', '東京 🚢')));
    const inside = (text: string, at: number) => one.indexOf(text) + at;
    const cuts = [
      0,
      1,
      inside('東', 1),
      inside('東', 2),
      inside('京', 1),
      inside('🚢', 1),
      inside('🚢', 2),
      inside('🚢', 3),
      one.length - 1,
    ];
    // Each part brings the end of one line and the beginning of the next, and comes once that end has been seen.
    let whole: string[] = [];
    for (const [at, cut] of cuts.entries()) {
      write(Buffer.concat([one.subarray(cuts[at - 1] ?? one.length), one.subarray(0, cut)]));
      if (at > 0) whole = [...whole, 'applied 東京 🚢'];
      await eventually(`the line that was cut at ${cuts[at - 1]} is whole`, () =>
        expect(events).to.deep.equal(['init', 'initDone 10', ...whole]),
      );
    }
  });

  it('asks for what the target selects, in pages, and for bookmarks', async () => {
    await follow([list('10', [], 'page-2'), list('10', [])], { ...TARGET, labelSelector: 'a!=b', fieldSelector: 'metadata.name=c' });
    await eventually('it watches', () => expect(server.asked).to.have.length(3));
    const [first, second, third] = server.asked.map(({ query }) => query);
    const selected = { labelSelector: 'a!=b', fieldSelector: 'metadata.name=c' };
    expect(first).to.deep.equal({ ...selected, limit: '500' });
    expect(second).to.deep.equal({ ...selected, limit: '500', continue: 'page-2' });
    const { timeoutSeconds, ...rest } = third ?? {};
    expect(rest).to.deep.equal({ ...selected, watch: 'true', allowWatchBookmarks: 'true', resourceVersion: '10' });
    expect(Number(timeoutSeconds)).to.be.within(300, 600);
  });

  const moments: Record<string, { answers: readonly Answer[]; events: readonly string[]; open: number }> = {
    'in a list': { answers: [], events: ['init'], open: 1 },
    'in a watch': { answers: [list('10', ['a']), brings([bookmark('11')])], events: [...listed, 'seen 11'], open: 1 },
    'in a pause': { answers: [refusal(403, 'Forbidden', 'no')], events: ['init', 'failed 403'], open: 0 },
  };
  for (const [when, { answers, events: want, open }] of Object.entries(moments)) {
    it(`ends when it is aborted ${when}, with nothing said and nothing left open`, async () => {
      await follow(answers, TARGET, 3_600_000);
      await eventually('it is there', () => {
        expect(events).to.deep.equal(want);
        expect(server.open()).to.equal(open);
        if (open === 0) expect(attempts).to.deep.equal([0]);
      });
      abort.abort();
      await ended;
      expect(events).to.deep.equal(want);
      await eventually('the request has ended', () => expect(server.open()).to.equal(0));
    });
  }

  it('does not begin where it is aborted already', async () => {
    await follow([list('10', ['a'])]);
    await eventually('it watches', () => expect(server.asked).to.have.length(2));
    expect((await watch(kube, TARGET, () => 1, AbortSignal.abort()).next()).done).to.equal(true);
    expect(server.asked).to.have.length(2);
  });
}).timeout(20_000);
