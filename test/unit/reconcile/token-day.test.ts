/** A day of a token in fast time: the real decisions and reconcilers over a cluster in memory, with a clock that the test turns. */
import { expect } from 'chai';
import type { RegistryToken } from '../../../src/api/cloud-token.ts';
import { path } from '../../../src/cluster/paths.ts';
import type { KubeObject } from '../../../src/kube/object.ts';
import type { MemoryApi } from '../../support/memory-api.ts';
import { reconcilers } from '../../support/reconcilers.ts';
import { begin, type Term, work } from '../../support/work.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.parse('2026-03-01T00:00:00Z');
const SERVER = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';

interface Day {
  readonly lifeMs: number;
  /** From when to when the cloud answers nothing, in hours. */
  readonly outage?: readonly [from: number, to: number];
  /** When another process takes over, in hours. `gapMs`: how long nobody runs. */
  readonly takeovers?: readonly { readonly at: number; readonly gapMs: number }[];
  /** When somebody sets the operator's clock, in hours, and by how much. */
  readonly jumps?: readonly { readonly at: number; readonly byMs: number }[];
  /** When the machine sleeps: its timers and its steady clock stand still. */
  readonly sleeps?: readonly { readonly at: number; readonly forMs: number }[];
  /** The source returns the same token until so long before its end, as metadata servers do. */
  readonly cachedUntilMs?: number;
}

/** The cloud, with a clock of its own that nobody sets. */
class Cloud {
  now = START;
  fetches = 0;
  asked = 0;
  failed = 0;
  readonly #day: Day;
  #last: RegistryToken | undefined;

  constructor(day: Day) {
    this.#day = day;
  }

  get isDown(): boolean {
    const [from, to] = this.#day.outage ?? [0, 0];
    const hours = (this.now - START) / HOUR;
    return hours >= from && hours < to;
  }

  answer = (): RegistryToken => {
    this.asked++;
    if (this.isDown) {
      this.failed++;
      throw new Error('the network is down');
    }
    const { lifeMs, cachedUntilMs } = this.#day;
    if (cachedUntilMs !== undefined && this.#last && this.#last.expiresAt - this.now > cachedUntilMs) return this.#last;
    const expiresAt = this.now + lifeMs;
    this.#last = { username: 'AWS', password: `token-${++this.fetches}-${expiresAt}`, expiresAt };
    return this.#last;
  };
}

interface Lived {
  readonly cloud: Cloud;
  /** For how long a pull secret held an expired token although the cloud had answered for more than five minutes. */
  readonly avoidableMs: number;
  readonly expiredMs: number;
  /** Writes of token Secrets and of pull secrets. */
  readonly writes: readonly string[];
  readonly uids: ReadonlySet<string>;
  /** What each takeover fetched and wrote at its start. */
  readonly takeovers: readonly { readonly fetches: number; readonly writes: readonly string[] }[];
}

function newTerm(api: MemoryApi | undefined, cloud: Cloud, wall: number): Term {
  const term = reconcilers(undefined, api);
  term.clock.jumpedMs = wall;
  term.clouds.answer = cloud.answer;
  term.cluster.dispatcher.connect(term.triggers);
  return term;
}

/** When the token in the pull secret of the namespace shop expires. */
function placedUntil(api: MemoryApi): number | undefined {
  if (!api.has(path.secret('shop', 'acme'))) return undefined;
  const { data = {} } = api.get(path.secret('shop', 'acme')) as KubeObject;
  const { auths } = JSON.parse(Buffer.from(data['.dockerconfigjson'] ?? '', 'base64').toString('utf8'));
  return Number(auths[SERVER].password.split('-')[2]);
}

async function live(day: Day, hours = 24): Promise<Lived> {
  const cloud = new Cloud(day);
  let term = newTerm(undefined, cloud, START);
  const { api } = term;
  term.given.namespace('shop');
  term.given.account('shop');
  term.given.credential('acme', { registries: [{ server: SERVER, token: { aws: {} } }], namespaces: { names: ['shop'] } });
  begin(term);
  let waits = new Map<string, number>();
  const uids = new Set<string>();
  const takeovers: { fetches: number; writes: string[] }[] = [];
  const events = [
    ...(day.takeovers ?? []).map((takeover) => ({ ...takeover, kind: 'takeover' as const })),
    ...(day.jumps ?? []).map((jump) => ({ ...jump, kind: 'jump' as const })),
    ...(day.sleeps ?? []).map((sleep) => ({ ...sleep, kind: 'sleep' as const })),
  ].sort((a, b) => a.at - b.at);
  let [avoidableMs, expiredMs] = [0, 0];
  const outageEnd = START + (day.outage?.[1] ?? 0) * HOUR;

  while (cloud.now < START + hours * HOUR) {
    await work(term, waits);
    const until = placedUntil(api);
    if (until !== undefined) uids.add(api.get(path.secret('shop', 'acme')).metadata.uid);
    const due = Math.min(...waits.values(), term.clock.now + MINUTE);
    const next = events[0] ? START + events[0].at * HOUR - cloud.now : Number.POSITIVE_INFINITY;
    const step = Math.max(1, Math.min(due - term.clock.now, next));
    if (until !== undefined && cloud.now + step > until) {
      const ms = cloud.now + step - Math.max(until, cloud.now);
      expiredMs += ms;
      if (!cloud.isDown && cloud.now > outageEnd + 5 * MINUTE) avoidableMs += ms;
    }
    cloud.now += step;
    term.clock.now += step;
    for (const [name, at] of waits) {
      if (at > term.clock.now) continue;
      waits.delete(name);
      term.enqueued.push(`token ${name}`);
    }
    if (step < next) continue;
    const event = events.shift() as (typeof events)[number];
    if (event.kind === 'jump') term.clock.jumpedMs += event.byMs;
    else if (event.kind === 'sleep') {
      cloud.now += event.forMs;
      term.clock.jumpedMs += event.forMs;
    } else {
      cloud.now += event.gapMs;
      const [fetches, before] = [cloud.asked, api.writes.length];
      term = newTerm(api, cloud, term.clock.now + term.clock.jumpedMs + event.gapMs);
      waits = new Map();
      begin(term);
      await work(term, waits);
      takeovers.push({ fetches: cloud.asked - fetches, writes: api.writes.slice(before) });
    }
  }
  return { cloud, avoidableMs, expiredMs, writes: api.writes, uids, takeovers };
}

const written = ({ writes }: Lived, what: string) => writes.filter((write) => write.includes(what)).length;

describe('A day of a token', function () {
  this.timeout(60_000);

  const lives = { '12 hours': [12 * HOUR, 4], 'one hour': [HOUR, 46], '15 minutes': [15 * MINUTE, 183] } as const;
  for (const [name, [lifeMs, fetches]] of Object.entries(lives)) {
    it(`that lives for ${name} is fetched at half of its life, and never more often`, async () => {
      const lived = await live({ lifeMs });
      expect(lived.expiredMs).to.equal(0);
      expect(lived.cloud.asked).to.equal(fetches);
      expect(written(lived, 'secrets shop/acme')).to.equal(fetches);
      expect(written(lived, 'secrets regcred-system/regcred-token-aws-')).to.equal(fetches);
      // The kubelet keeps its record of a pulled image by the Secret's uid.
      expect(lived.uids.size).to.equal(1);
    });

    it(`that lives for ${name} survives an outage of two hours, a change of leader, a restart and a clock that is set`, async () => {
      const lived = await live({
        lifeMs,
        outage: [6, 8],
        takeovers: [
          { at: 3.1, gapMs: 15_000 },
          { at: 12.2, gapMs: 2000 },
        ],
        // A clock that stays wrong by more than half of a life cannot know when a token ends: the cloud writes its end by its own clock.
        jumps: [
          { at: 10.05, byMs: -Math.min(40 * MINUTE, lifeMs / 4) },
          { at: 16.05, byMs: Math.min(40 * MINUTE, lifeMs / 4) },
          { at: 18.05, byMs: 2 * HOUR },
          { at: 18.1, byMs: -2 * HOUR },
        ],
        sleeps: [{ at: 20.01, forMs: 3 * MINUTE }],
      });
      expect(lived.avoidableMs).to.equal(0);
      if (lifeMs === 12 * HOUR) expect(lived.expiredMs).to.equal(0);
      // A clock that is set costs one fetch for each token that seems due. Failed attempts are at most one in five minutes, after the first ones.
      expect(lived.cloud.asked - lived.cloud.failed).to.be.within(fetches - (2 * (2 * HOUR)) / lifeMs - 6, fetches + 6);
      expect(lived.cloud.failed).to.be.at.most(2 * 12 * 1.34 + 8);
      expect(lived.uids.size).to.equal(1);
      for (const takeover of lived.takeovers) expect(takeover).to.deep.equal({ fetches: 0, writes: [] });
    });
  }

  it('whose source returns the same token asks at half of what is left, and every 30 seconds in the last five minutes', async () => {
    const lived = await live({ lifeMs: HOUR, cachedUntilMs: 4 * MINUTE }, 12);
    expect(lived.expiredMs).to.equal(0);
    expect(lived.cloud.fetches).to.equal(13);
    // After 31.5, 45.75, 52.9, 55, 55.5 and 56 minutes.
    expect(lived.cloud.asked).to.be.at.most(13 * 7);
    expect(written(lived, 'secrets shop/acme')).to.equal(13);
  });

  it('that expires while the machine sleeps is fetched when the machine wakes up', async () => {
    const lived = await live({ lifeMs: HOUR, sleeps: [{ at: 2.1, forMs: 5 * HOUR }] });
    // The look after the wake-up is at most a minute late.
    expect(lived.avoidableMs).to.be.at.most(MINUTE);
  });
});
