import { expect } from 'chai';
import { KubeClient } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { Timeline } from '../../../src/kube/timeline.ts';
import { type WatchEvent, type WatchTarget, watch } from '../../../src/kube/watch.ts';
import { soon } from '../../support/eventually.ts';
import { type Answer, type ApiServer, json, refusal, serve } from './apiserver.ts';

const TARGET: WatchTarget<string> = { path: '/api/v1/namespaces', read: ({ metadata }) => metadata.annotations?.note ?? metadata.name };

const object = (name: string, version: string, note?: string) => ({
  metadata: { name, uid: `${name}-uid`, resourceVersion: version, ...(note !== undefined && { annotations: { note } }) },
});
const list = (version: string, names: string[], next?: string) =>
  json(200, { metadata: { resourceVersion: version, continue: next }, items: names.map((name) => object(name, '1')) });
const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;
const bookmark = (version: string) => line('BOOKMARK', { metadata: { resourceVersion: version } });
const failure = (code: number, reason: string, message: string) => line('ERROR', { kind: 'Status', code, reason, message });

/** Whether a watch delivers all its chunks together. */
let isAtOnce = false;

/** A watch that delivers these chunks, and then ends, is cut or stays open. */
const brings =
  (chunks: readonly string[], then: 'ends' | 'is cut' | 'stays open' = 'stays open'): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    for (const chunk of isAtOnce ? [chunks.join('')] : chunks) response.write(chunk);
    if (then === 'ends') response.end();
    // Written out first: a cut would lose what is not sent yet.
    if (then === 'is cut') response.write('', () => response.destroy());
  };

/** The bookmark that ends a streaming list. */
const endOfList = (version: string) =>
  line('BOOKMARK', { metadata: { resourceVersion: version, annotations: { 'k8s.io/initial-events-end': 'true' } } });

function said(event: WatchEvent<string>): string[] {
  switch (event.type) {
    case 'listed':
      return event.records.map((record) => `listed ${record}`);
    case 'init':
    case 'opened':
      return [event.type];
    case 'initDone':
    case 'seen':
      return [`${event.type} ${event.resourceVersion}`];
    case 'failed':
      return [`failed ${(event.error as KubeError).status}`];
    default:
      return [`${event.type} ${event.record}`];
  }
}

describe('The watch', () => {
  let server: ApiServer;
  let kube: KubeClient;
  let abort: AbortController;
  let events: string[];
  let attempts: number[];
  let ended: Promise<void>;
  let timeline: Timeline;
  let rewound: number;

  /** Follows a server that gives these answers, one after the other, and leaves the last request open. */
  async function follow(
    answers: readonly Answer[],
    target = TARGET,
    waitMs = 1,
    maxSilenceMs?: number,
    servesStreams = false,
    maxStreamedListMs?: number,
  ): Promise<void> {
    const left = [...answers];
    server = await serve((response, asked) => left.shift()?.(response, asked), servesStreams);
    kube = new KubeClient(() => server.config());
    abort = new AbortController();
    events = [];
    attempts = [];
    rewound = 0;
    timeline = new Timeline(() => rewound++);
    const retryMs = (attempt: number) => {
      attempts.push(attempt);
      return waitMs;
    };
    ended = (async () => {
      for await (const event of watch({ kube, timeline, retryMs, maxSilenceMs, maxStreamedListMs }, target, abort.signal)) {
        // It adds nothing to what the server was asked.
        if (event.type !== 'opened') events.push(...said(event));
      }
    })();
  }
  afterEach(async () => {
    isAtOnce = false;
    abort.abort();
    await ended;
    await kube.close();
    await server.close();
  });

  const asked = () =>
    server.asked.map(({ query }) => {
      if (query.sendInitialEvents) return 'stream';
      return query.watch ? `watch ${query.resourceVersion}` : `list${query.continue ? ` ${query.continue}` : ''}`;
    });

  interface Case {
    readonly answers: readonly Answer[];
    readonly events: readonly string[];
    readonly asked: readonly string[];
    /** The numbers of the attempts before which it waited. */
    readonly waits?: readonly number[];
    readonly target?: WatchTarget<string>;
  }
  const listed = ['init', 'listed a', 'initDone 10'];
  const cases: Record<string, Case> = {
    'lists the objects, and watches from the version of the list': {
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
    'restarts a list that broke off after its first page: the missing objects are unknown': {
      answers: [list('10', ['a'], 'page-2'), refusal(500, 'InternalError', 'no'), list('11', ['a', 'b'])],
      events: ['init', 'listed a', 'failed 500', 'init', 'listed a', 'listed b', 'initDone 11'],
      asked: ['list', 'list page-2', 'list', 'watch 11'],
      waits: [0],
    },
    'restarts a list whose next page is too old': {
      answers: [list('10', ['a'], 'page-2'), refusal(410, 'Expired', 'too old'), list('20', ['b'])],
      events: ['init', 'listed a', 'init', 'listed b', 'initDone 20'],
      asked: ['list', 'list page-2', 'list', 'watch 20'],
    },
    'lists again immediately if the server answers that the version is too old': {
      answers: [list('10', ['a']), refusal(410, 'Expired', 'too old resource version'), list('20', ['b'])],
      events: [...listed, 'init', 'listed b', 'initDone 20'],
      asked: ['list', 'watch 10', 'list', 'watch 20'],
    },
    'lists again immediately if the watch reports that the version is too old': {
      answers: [
        list('10', ['a']),
        brings([line('ADDED', object('b', '11')), failure(410, 'Expired', 'too old resource version')]),
        list('20', ['b']),
      ],
      events: [...listed, 'applied b', 'init', 'listed b', 'initDone 20'],
      asked: ['list', 'watch 10', 'list', 'watch 20'],
    },
    'waits before it lists again for a second time in a row': {
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
    'continues from the last version if the watch reports another error': {
      answers: [
        list('10', ['a']),
        brings([line('ADDED', object('b', '11')), failure(500, 'InternalError', 'no')]),
        brings([bookmark('12')]),
      ],
      events: [...listed, 'applied b', 'failed 500', 'seen 12'],
      asked: ['list', 'watch 10', 'watch 11'],
      waits: [0],
    },
    'continues from the last version, after a pause, if the connection is cut': {
      answers: [list('10', ['a']), brings([line('ADDED', object('b', '11'))], 'is cut'), brings([line('DELETED', object('b', '12'))])],
      events: [...listed, 'applied b', 'failed 0', 'deleted b'],
      asked: ['list', 'watch 10', 'watch 11'],
      waits: [0],
    },
    'ignores an incomplete line': {
      answers: [
        list('10', ['a']),
        brings([line('ADDED', object('b', '11')).slice(0, -9)], 'is cut'),
        brings([line('ADDED', object('b', '11'))]),
      ],
      events: [...listed, 'failed 0', 'applied b'],
      asked: ['list', 'watch 10', 'watch 10'],
      waits: [0],
    },
    'pauses if every watch ends immediately': {
      answers: [list('10', ['a']), brings([], 'ends'), brings([], 'ends'), brings([bookmark('11')], 'ends'), brings([bookmark('12')])],
      events: [...listed, 'seen 11', 'seen 12'],
      asked: ['list', 'watch 10', 'watch 10', 'watch 10', 'watch 11'],
      waits: [0, 1, 0],
    },
    'continues from the last bookmark': {
      answers: [list('10', ['a']), brings([bookmark('500')], 'is cut')],
      events: [...listed, 'seen 500', 'failed 0'],
      asked: ['list', 'watch 10', 'watch 500'],
      waits: [0],
    },
    'reports a forbidden list, waits longer each time, and recovers when it is allowed': {
      answers: [refusal(403, 'Forbidden', 'no'), refusal(403, 'Forbidden', 'no'), list('10', ['a'])],
      events: ['init', 'failed 403', 'init', 'failed 403', ...listed],
      asked: ['list', 'list', 'list', 'watch 10'],
      waits: [0, 1],
    },
    'reports a forbidden watch, and recovers without a list': {
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
    'lists again if the kind is no longer served: it may return without objects': {
      answers: [list('10', ['a']), refusal(404, 'NotFound', 'no'), list('20', [])],
      events: [...listed, 'failed 404', 'init', 'initDone 20'],
      asked: ['list', 'watch 10', 'list', 'watch 20'],
      waits: [0],
    },
    'reports a line that is not JSON, and continues from the version before it': {
      answers: [list('10', ['a']), brings(['<html>\n'], 'ends'), brings([bookmark('11')])],
      events: [...listed, 'failed 0', 'seen 11'],
      asked: ['list', 'watch 10', 'watch 10'],
      waits: [0],
    },
    'reports a line that is not JSON after it has delivered those that arrived with it': {
      answers: [list('10', ['a']), brings([`${line('ADDED', object('b', '11'))}<html>\n`], 'ends'), brings([bookmark('12')])],
      events: [...listed, 'applied b', 'failed 0', 'seen 12'],
      asked: ['list', 'watch 10', 'watch 11'],
      waits: [0],
    },
  };
  for (const [what, { answers, waits = [], ...want }] of Object.entries(cases)) {
    it(what, async () => {
      await follow(answers);
      await soon('everything has happened', () => expect({ events, asked: asked() }).to.deep.equal(want));
      expect(attempts).to.deep.equal(waits);
    });
  }

  it('takes null for an empty list, as the API server sends it for metadata only', async () => {
    await follow([json(200, { metadata: { resourceVersion: '1' }, items: null }), brings([])]);
    await soon('the list is read', () => expect(events).to.deep.equal(['init', 'initDone 1']));
  });

  it('joins lines that arrive in parts, even if a part ends within a character', async () => {
    let write: (bytes: Uint8Array) => void = () => {};
    const inParts: Answer = (response) => {
      response.writeHead(200).flushHeaders();
      write = (bytes) => void response.write(bytes);
    };
    await follow([list('10', []), inParts]);
    await soon('the watch is open', () => expect(server.asked).to.have.length(2));
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
    // Each part has the end of one line and the start of the next. The next part is sent after that end was read.
    let whole: string[] = [];
    for (const [at, cut] of cuts.entries()) {
      write(Buffer.concat([one.subarray(cuts[at - 1] ?? one.length), one.subarray(0, cut)]));
      if (at > 0) whole = [...whole, 'applied 東京 🚢'];
      await soon(`the line that was cut at ${cuts[at - 1]} is complete`, () =>
        expect(events).to.deep.equal(['init', 'initDone 10', ...whole]),
      );
    }
  });

  describe('where the API server streams lists', () => {
    const stream = (...lines: string[]) => brings(lines);
    const streams: Record<string, Case> = {
      'takes the list and the changes from one request': {
        answers: [
          stream(line('ADDED', object('a', '3')) + line('ADDED', object('b', '7')), endOfList('10'), line('MODIFIED', object('a', '11'))),
        ],
        events: ['init', 'listed a', 'listed b', 'initDone 10', 'applied a'],
        asked: ['stream'],
      },
      'takes an object that changes while the list arrives as listed, and one that is deleted then as not listed': {
        answers: [
          stream(
            line('ADDED', object('a', '3')) + line('ADDED', object('b', '7')),
            line('MODIFIED', object('a', '8')) + line('DELETED', object('b', '9')),
            endOfList('10'),
          ),
        ],
        events: ['init', 'listed a', 'listed b', 'listed a', 'unlisted b', 'initDone 10'],
        asked: ['stream'],
      },
      'does not take another bookmark for the end of the list': {
        answers: [stream(line('ADDED', object('a', '3')), bookmark('5'), line('ADDED', object('b', '7')), endOfList('10'), bookmark('12'))],
        events: ['init', 'listed a', 'listed b', 'initDone 10', 'seen 12'],
        asked: ['stream'],
      },
      'resumes the watch from its last version, without a list': {
        answers: [brings([line('ADDED', object('a', '3')), endOfList('10'), bookmark('500')], 'is cut'), brings([bookmark('501')])],
        events: ['init', 'listed a', 'initDone 10', 'seen 500', 'failed 0', 'seen 501'],
        asked: ['stream', 'watch 500'],
        waits: [0],
      },
      'lists again in pages if the stream is cut before its end: the missing objects are unknown': {
        answers: [brings([line('ADDED', object('a', '3'))], 'is cut'), list('11', ['a', 'b']), brings([bookmark('12')])],
        events: ['init', 'listed a', 'failed 0', 'init', 'listed a', 'listed b', 'initDone 11', 'seen 12'],
        asked: ['stream', 'list', 'watch 11'],
        waits: [0],
      },
      'lists again in pages if the stream ends before its end': {
        answers: [brings([line('ADDED', object('a', '3'))], 'ends'), list('11', ['b'])],
        events: ['init', 'listed a', 'failed 0', 'init', 'listed b', 'initDone 11'],
        asked: ['stream', 'list', 'watch 11'],
        waits: [0],
      },
      'lists again in pages if the stream reports an error before its end': {
        answers: [stream(line('ADDED', object('a', '3')), failure(500, 'InternalError', 'no')), list('11', ['b'])],
        events: ['init', 'listed a', 'failed 500', 'init', 'listed b', 'initDone 11'],
        asked: ['stream', 'list', 'watch 11'],
        waits: [0],
      },
      'streams the next list after one in pages succeeded': {
        answers: [
          brings([line('ADDED', object('a', '3'))], 'is cut'),
          list('11', ['a']),
          refusal(410, 'Expired', 'no'),
          stream(endOfList('20')),
        ],
        events: ['init', 'listed a', 'failed 0', 'init', 'listed a', 'initDone 11', 'failed 410', 'init', 'initDone 20'],
        asked: ['stream', 'list', 'watch 11', 'stream'],
        waits: [0, 2],
      },
      'lists in pages at once if the stream begins with an error: so the API server says that its cache does not know how old it is': {
        answers: [stream(failure(504, 'Timeout', 'Too large resource version')), list('10', ['a'])],
        events: listed,
        asked: ['stream', 'list', 'watch 10'],
      },
      'streams again if the pages fail after a stream that was cut': {
        answers: [
          brings([line('ADDED', object('a', '3'))], 'is cut'),
          refusal(403, 'Forbidden', 'no'),
          stream(line('ADDED', object('a', '3')), endOfList('10')),
        ],
        events: ['init', 'listed a', 'failed 0', 'init', 'failed 403', ...listed],
        asked: ['stream', 'list', 'stream'],
        waits: [0, 1],
      },
      'lists in pages if a gateway answers that the API server takes too long': {
        answers: [refusal(504, 'Timeout', 'Too large resource version'), list('10', ['a'])],
        events: listed,
        asked: ['stream', 'list', 'watch 10'],
      },
      'streams again if the API server starts, and cannot stream yet': {
        answers: [refusal(429, 'TooManyRequests', 'storage is (re)initializing'), stream(line('ADDED', object('a', '3')), endOfList('10'))],
        events: ['init', 'failed 429', ...listed],
        asked: ['stream', 'stream'],
        waits: [0],
      },
      'lists a list of one object without a stream': {
        answers: [list('10', ['a'])],
        events: listed,
        asked: ['list', 'watch 10'],
        target: { ...TARGET, firstList: 'whole' },
      },
    };
    for (const [what, { answers, waits = [], target, ...want }] of Object.entries(streams)) {
      for (const arrives of ['in parts', 'at once'] as const)
        it(`${what}, if it arrives ${arrives}`, async () => {
          isAtOnce = arrives === 'at once';
          await follow(answers, target, 1, undefined, true);
          await soon('everything has happened', () => expect({ events, asked: asked() }).to.deep.equal(want));
          expect(attempts).to.deep.equal(waits);
        });
    }

    it('takes a stream for broken whose list does not end although objects change, and lists in pages', async () => {
      const endless: Answer = (response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write(line('MODIFIED', object('a', '3'))), 5);
        response.on('close', () => clearInterval(timer));
      };
      await follow([endless, list('10', ['b'])], TARGET, 1, undefined, true, 30);
      await soon('it has listed', () => expect(asked()).to.deep.equal(['stream', 'list', 'watch 10']));
      expect(events.filter((event) => event !== 'listed a')).to.deep.equal(['init', 'failed 0', 'init', 'listed b', 'initDone 10']);
    });

    it('lists in pages after a stream that brought no answer: a proxy may hold it back', async () => {
      await follow([list('10', ['a'])], TARGET, 1, undefined, true);
      const open = kube.open.bind(kube);
      const cause = Object.assign(new Error('Headers Timeout Error'), { code: 'UND_ERR_HEADERS_TIMEOUT' });
      kube.open = (path, call) =>
        call.query?.sendInitialEvents ? Promise.reject(new KubeError(cause.message, 0, undefined, undefined, { cause })) : open(path, call);
      await soon('it has listed', () => expect(events).to.deep.equal(['init', 'failed 0', ...listed]));
      await soon('it watches', () => expect(asked()).to.deep.equal(['list', 'watch 10']));
    });

    it('requests the selected objects in their latest state', async () => {
      await follow([stream(endOfList('1'))], { ...TARGET, labelSelector: 'a!=b', fieldSelector: 'metadata.name=c' }, 1, undefined, true);
      await soon('the list is read', () => expect(events).to.include('initDone 1'));
      const { timeoutSeconds, ...rest } = server.asked[0]?.query ?? {};
      expect(rest).to.deep.equal({
        labelSelector: 'a!=b',
        fieldSelector: 'metadata.name=c',
        watch: 'true',
        allowWatchBookmarks: 'true',
        sendInitialEvents: 'true',
        resourceVersionMatch: 'NotOlderThan',
      });
      expect(Number(timeoutSeconds)).to.be.within(300, 600);
    });

    it('streams again when the timeline ends, and ends it itself if its list is older than what it has seen', async () => {
      const first = stream(endOfList('10'), bookmark('900'), failure(410, 'Expired', 'no'));
      await follow([first, stream(line('ADDED', object('b', '3')), endOfList('20')), brings([bookmark('21')])], TARGET, 1, undefined, true);
      await soon('it watches', () => expect(asked()).to.deep.equal(['stream', 'stream', 'watch 20']));
      await soon('it has seen everything', () => expect(events).to.include('seen 21'));
      expect(events).to.deep.equal(['init', 'initDone 10', 'seen 900', 'init', 'listed b', 'initDone 20', 'seen 21']);
      expect(rewound).to.equal(1);
    });

    it('closes the request when it is aborted in the middle of the list', async () => {
      await follow([stream(line('ADDED', object('a', '3')))], TARGET, 3_600_000, undefined, true);
      await soon('the list arrives', () => expect(events).to.deep.equal(['init', 'listed a']));
      abort.abort();
      await ended;
      expect(events).to.deep.equal(['init', 'listed a']);
      await soon('the request has ended', () => expect(server.open()).to.equal(0));
    });
  });

  describe('lists again', () => {
    /** Silent for longer than the watch of these tests accepts. */
    const silent = 50;
    const staysSilent: Answer = (response) => {
      response.writeHead(200).flushHeaders();
      setTimeout(() => response.destroy(), silent + 20);
    };
    const silences: Record<string, { answers: readonly Answer[]; asked: readonly string[]; rewound: number }> = {
      'after a watch that brought nothing, not even a bookmark, for too long': {
        answers: [list('10', ['a']), staysSilent, list('12', ['a', 'b'])],
        asked: ['list', 'watch 10', 'list', 'watch 12'],
        rewound: 0,
      },
      'and reports the end of the timeline if the list is older than what it has seen': {
        answers: [list('10', ['a']), brings([bookmark('900')], 'is cut'), staysSilent, list('20', ['b'])],
        asked: ['list', 'watch 10', 'watch 900', 'list', 'watch 20'],
        rewound: 1,
      },
    };
    for (const [when, { answers, ...want }] of Object.entries(silences)) {
      it(when, async () => {
        await follow(answers, TARGET, 1, silent);
        await soon('it has listed and watches', () => expect({ asked: asked(), rewound }).to.deep.equal(want));
      });
    }

    it('but not after a silence that came after a line', async () => {
      const spokeOnce: Answer = (response) => {
        response.writeHead(200).write(bookmark('11'));
        setTimeout(() => response.destroy(), silent + 20);
      };
      await follow([list('10', []), spokeOnce], TARGET, 1, silent);
      await soon('it watches again', () => expect(asked()).to.deep.equal(['list', 'watch 10', 'watch 11']));
    });

    it('at once when the timeline ends, without reporting a failure', async () => {
      await follow([list('10', ['a']), brings([bookmark('900')]), list('20', ['b'])]);
      await soon('it watches', () => expect(events).to.include('seen 900'));
      timeline.rewound(timeline.current);
      await soon('it has listed again', () => expect(asked()).to.deep.equal(['list', 'watch 10', 'list', 'watch 20']));
      expect(events).to.deep.equal([...listed, 'seen 900', 'init', 'listed b', 'initDone 20']);
      // Its own older list does not end the new timeline too.
      expect(rewound).to.equal(1);
    });

    it('if the timeline ends during a list', async () => {
      let answer = () => {};
      const late: Answer = (response, asked) => {
        answer = () => list('900', ['a'])(response, asked);
      };
      await follow([late, list('20', ['b'])]);
      await soon('it lists', () => expect(server.asked).to.have.length(1));
      timeline.rewound(timeline.current);
      answer();
      await soon('it has listed again', () => expect(asked()).to.deep.equal(['list', 'list', 'watch 20']));
    });
  });

  describe('lists', () => {
    const forms: Record<string, { target: Partial<WatchTarget<string>>; first: object; again: object }> = {
      'in pages of the latest state': { target: {}, first: { limit: '500' }, again: { limit: '500' } },
      'one object in one answer of the latest state': { target: { firstList: 'whole' }, first: {}, again: {} },
      'few of many objects from the cache of the API server, but only the first time': {
        target: { firstList: 'cached' },
        first: { resourceVersion: '0', limit: '500' },
        again: { limit: '500' },
      },
    };
    for (const [what, { target, first, again }] of Object.entries(forms)) {
      it(what, async () => {
        const answers = [refusal(500, 'InternalError', 'no'), list('10', ['a']), refusal(410, 'Expired', 'no'), list('20', [])];
        await follow(answers, { ...TARGET, ...target });
        await soon('it has listed again', () => expect(server.asked).to.have.length(5));
        const [failed, listed, , after] = server.asked.map(({ query }) => query);
        expect([failed, listed, after]).to.deep.equal([first, first, again]);
      });
    }
  });

  it('requests the selected objects, in pages, and bookmarks', async () => {
    await follow([list('10', [], 'page-2'), list('10', [])], { ...TARGET, labelSelector: 'a!=b', fieldSelector: 'metadata.name=c' });
    await soon('the watch is open', () => expect(server.asked).to.have.length(3));
    const [first, second, third] = server.asked.map(({ query }) => query);
    const selected = { labelSelector: 'a!=b', fieldSelector: 'metadata.name=c' };
    expect(first).to.deep.equal({ ...selected, limit: '500' });
    expect(second).to.deep.equal({ ...selected, limit: '2000', continue: 'page-2' });
    const { timeoutSeconds, ...rest } = third ?? {};
    expect(rest).to.deep.equal({ ...selected, watch: 'true', allowWatchBookmarks: 'true', resourceVersion: '10' });
    expect(Number(timeoutSeconds)).to.be.within(300, 600);
  });

  const moments: Record<string, { answers: readonly Answer[]; events: readonly string[]; open: number }> = {
    'during a list': { answers: [], events: ['init'], open: 1 },
    'during a watch': { answers: [list('10', ['a']), brings([bookmark('11')])], events: [...listed, 'seen 11'], open: 1 },
    'during a pause': { answers: [refusal(403, 'Forbidden', 'no')], events: ['init', 'failed 403'], open: 0 },
  };
  for (const [when, { answers, events: want, open }] of Object.entries(moments)) {
    it(`ends when it is aborted ${when}, without an event and without an open request`, async () => {
      await follow(answers, TARGET, 3_600_000);
      await soon('it has this state', () => {
        expect(events).to.deep.equal(want);
        expect(server.open()).to.equal(open);
        if (open === 0) expect(attempts).to.deep.equal([0]);
      });
      abort.abort();
      await ended;
      expect(events).to.deep.equal(want);
      await soon('the request has ended', () => expect(server.open()).to.equal(0));
    });
  }

  it('does not start if it is already aborted', async () => {
    await follow([list('10', ['a'])]);
    await soon('the watch is open', () => expect(server.asked).to.have.length(2));
    expect((await watch({ kube, timeline, retryMs: () => 1 }, TARGET, AbortSignal.abort()).next()).done).to.equal(true);
    expect(server.asked).to.have.length(2);
  });
}).timeout(20_000);
