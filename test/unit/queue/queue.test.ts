import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { PRIORITY, type Priority, type Requeue, WorkQueue } from '../../../src/queue/queue.ts';

const { now, fanOut } = PRIORITY;

/** Runs that continue until the test finishes them. */
class Work {
  readonly started: string[] = [];
  readonly #running = new Map<string, (requeue: Requeue | undefined) => void>();

  /** What was stopped, and has asked for another run. */
  readonly stopped: string[] = [];

  readonly run = (key: string, signal: AbortSignal): Promise<Requeue | undefined> => {
    if (this.#running.has(key)) throw new Error(`${key} runs already`);
    this.started.push(key);
    signal.addEventListener('abort', () => {
      this.stopped.push(key);
      void this.finish(key, { afterMs: 200 });
    });
    return new Promise((resolve) => this.#running.set(key, resolve));
  };

  get running(): string[] {
    return [...this.#running.keys()];
  }

  async finish(key: string, requeue?: Requeue): Promise<void> {
    const resolve = this.#running.get(key);
    if (!resolve) throw new Error(`${key} does not run`);
    this.#running.delete(key);
    resolve(requeue);
    await turn();
  }

  async finishAll(): Promise<void> {
    for (let [key] = this.running; key !== undefined; [key] = this.running) await this.finish(key);
  }
}

const open: { work: Work; queue: WorkQueue<string> }[] = [];

function opened(width: number, endsAtOnce = (_key: string) => false) {
  const work = new Work();
  const queue = new WorkQueue<string>({ idOf: (key) => key, groupOf: (key) => /^(.*)\//.exec(key)?.[1], width });
  queue.open(async (key, signal) => {
    if (!endsAtOnce(key)) return work.run(key, signal);
    work.started.push(key);
    return undefined;
  });
  open.push({ work, queue });
  return { work, queue };
}

describe('The work queue', () => {
  // A queue that is left open with slow runs stops and requeues them forever, and the process does not end.
  afterEach(async () => {
    for (const { work, queue } of open.splice(0)) {
      const closed = queue.close();
      await work.finishAll();
      await closed;
    }
  });

  it('runs a key once, although it was added several times while it waited', async () => {
    const { work, queue } = opened(1);
    queue.add('a', now);
    for (let times = 0; times < 3; times++) queue.add('b', now);
    expect(queue.depth).to.equal(1);
    await work.finishAll();
    expect(work.started).to.deep.equal(['a', 'b']);
    expect(queue.depth).to.equal(0);
  });

  it('lets other events through between keys that end at once, and an urgent key before the rest of them', async () => {
    const started: string[] = [];
    const queue = new WorkQueue<string>({ idOf: (key) => key, groupOf: () => undefined, width: 32 });
    queue.open(async (key) => void started.push(key));
    for (let n = 0; n < 1000; n++) queue.add(`later ${n}`, fanOut);
    await turn();
    expect(started.length).to.be.below(500);
    queue.add('urgent', now);
    await turn();
    expect(started.indexOf('urgent')).to.be.within(0, 500);
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(started).to.have.length(1001);
  });

  it('treats keys with the same id as one, and starts nothing until it is opened', async () => {
    const started: { id: string; note: number }[] = [];
    const queue = new WorkQueue<{ id: string; note: number }>({ idOf: ({ id }) => id, groupOf: ({ id }) => id, width: 1 });
    queue.add({ id: 'a', note: 1 }, now);
    queue.add({ id: 'a', note: 2 }, now);
    await turn();
    expect(started).to.deep.equal([]);
    queue.open(async (key) => void started.push(key));
    await turn();
    expect(started).to.have.length(1);
  });

  it('starts nothing during a pause, and continues after it', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const { work, queue } = opened(1);
      queue.add('a', now);
      queue.pause(1000);
      queue.add('b', now);
      await work.finish('a');
      expect(work.running).to.deep.equal([]);
      mock.timers.tick(1000);
      expect(work.running).to.deep.equal(['b']);
    } finally {
      mock.timers.reset();
    }
  });

  it('uses the longer of two pauses, and none after it is closed', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const { work, queue } = opened(1);
      queue.pause(60_000);
      queue.pause(1000);
      queue.add('a', now);
      mock.timers.tick(59_000);
      expect(work.running).to.deep.equal([]);
      mock.timers.tick(1000);
      expect(work.running).to.deep.equal(['a']);
      const closed = queue.close();
      queue.pause(60_000);
      await work.finish('a');
      await closed;
      expect(queue.width).to.equal(1);
    } finally {
      mock.timers.reset();
    }
  });

  it('uses a longer pause that begins during a shorter one', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const { work, queue } = opened(1);
      queue.pause(1000);
      queue.pause(60_000);
      queue.add('a', now);
      mock.timers.tick(59_000);
      expect(work.running).to.deep.equal([]);
      mock.timers.tick(1000);
      expect(work.running).to.deep.equal(['a']);
    } finally {
      mock.timers.reset();
    }
  });

  it('starts only urgent keys while it is held, and then the others, each once', async () => {
    const { work, queue } = opened(3);
    queue.hold();
    queue.add('a', fanOut);
    queue.add('b', PRIORITY.retry);
    queue.add('a', fanOut);
    queue.add('c', now);
    expect(work.started).to.deep.equal(['c']);
    expect(queue.depth).to.equal(2);
    queue.add('a', now);
    expect(work.started).to.deep.equal(['c', 'a']);
    queue.add('d', fanOut);
    queue.release();
    expect(work.running, 'at once').to.deep.equal(['c', 'a', 'd']);
    await work.finishAll();
    expect(work.started).to.deep.equal(['c', 'a', 'd', 'b']);
  });

  it('starts references before other urgent work, because a pod that is admitted without one never gets it', async () => {
    const { work, queue } = opened(1);
    queue.hold();
    for (const key of ['running', 'secret']) queue.add(key, now);
    queue.add('rotated', fanOut);
    queue.add('references', PRIORITY.references);
    queue.release();
    await work.finishAll();
    expect(work.started).to.deep.equal(['running', 'references', 'secret', 'rotated']);
  });

  it('lets references and other urgent work take turns', async () => {
    const { work, queue } = opened(1);
    queue.add('running', now);
    for (const key of ['reference 1', 'reference 2', 'reference 3']) queue.add(key, PRIORITY.references);
    for (const key of ['urgent 1', 'urgent 2']) queue.add(key, now);
    await work.finishAll();
    expect(work.started).to.deep.equal(['running', 'reference 1', 'urgent 1', 'reference 2', 'urgent 2', 'reference 3']);
  });

  it('reports since when the oldest key waits', async () => {
    const { work, queue } = opened(1);
    queue.add('a', now);
    expect(queue.oldestSince).to.equal(undefined);
    const before = performance.now();
    queue.add('b', fanOut);
    const first = queue.oldestSince ?? 0;
    expect(first).to.be.within(before, performance.now());
    await turn();
    // A key that is added later but starts earlier, and a key that moves ahead: both keep the time of their addition.
    queue.add('c', now);
    queue.add('b', now);
    expect(queue.oldestSince).to.equal(first);
    await work.finish('a');
    expect(work.running).to.deep.equal(['c']);
    expect(queue.oldestSince).to.equal(first);
    await work.finish('c');
    expect(queue.oldestSince).to.equal(undefined);
  });

  it('runs a key again, afterwards, that was added while it ran', async () => {
    const { work, queue } = opened(3);
    queue.add('a', now);
    queue.add('a', now);
    queue.add('a', fanOut);
    expect(work.started).to.deep.equal(['a']);
    await work.finishAll();
    expect(work.started).to.deep.equal(['a', 'a']);
  });

  it('runs a key behind the others that was added while it ran, even if it was added twice before', async () => {
    const { work, queue } = opened(1);
    for (const key of ['first', 'twice', 'other', 'twice', 'last']) queue.add(key, now);
    await work.finish('first');
    queue.add('twice', now);
    await work.finishAll();
    expect(work.started).to.deep.equal(['first', 'twice', 'other', 'last', 'twice']);
  });

  it('runs at most as many keys at a time as its width', async () => {
    const { work, queue } = opened(3);
    for (const key of 'abcde') queue.add(key, now);
    expect(work.running).to.deep.equal(['a', 'b', 'c']);
    await work.finish('b');
    expect(work.running).to.deep.equal(['a', 'c', 'd']);
  });

  describe('with thousands of keys of a fan-out', () => {
    const [first, ...rest] = Array.from({ length: 5000 }, (_, at) => `namespace-${at}`) as [string, ...string[]];
    const cases: Record<string, { adds: readonly [key: string, priority: Priority][]; want: readonly string[] }> = {
      'runs each of them once, in the order of their addition': { adds: [], want: [first, ...rest] },
      'runs an urgent key before them': { adds: [['drift', now]], want: [first, 'drift', ...rest] },
      'does not move an urgent key back when the fan-out adds it': {
        adds: [
          ['drift', now],
          ['drift', fanOut],
        ],
        want: [first, 'drift', ...rest],
      },
      'moves a key of the fan-out ahead when it becomes urgent, and runs it once': {
        adds: [['namespace-4000', now]],
        want: [first, 'namespace-4000', ...rest.filter((key) => key !== 'namespace-4000')],
      },
      'runs the current key again before them if it was added as urgent': {
        adds: [
          [first, now],
          [first, fanOut],
        ],
        want: [first, first, ...rest],
      },
      'runs the current key again after them if the fan-out added it': {
        adds: [[first, fanOut]],
        want: [first, ...rest, first],
      },
    };
    for (const [what, { adds, want }] of Object.entries(cases)) {
      it(what, async () => {
        const { work, queue } = opened(1);
        for (const key of [first, ...rest]) queue.add(key, fanOut);
        for (const [key, priority] of adds) queue.add(key, priority);
        await work.finishAll();
        expect(work.started).to.deep.equal(want);
      });
    }
  });

  describe('with a key that is requeued after a delay', () => {
    beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
    afterEach(() => mock.timers.reset());

    it('runs the key after the delay, and not before', async () => {
      const { work, queue } = opened(1);
      queue.add('a', now);
      await work.finish('a', { afterMs: 500 });
      expect(queue.depth).to.equal(0);
      mock.timers.tick(499);
      expect(work.started).to.deep.equal(['a']);
      mock.timers.tick(1);
      expect(work.started).to.deep.equal(['a', 'a']);
    });

    it('keeps the priority of the key if the wait is short', async () => {
      const { work, queue } = opened(1);
      queue.add('a', now);
      await work.finish('a', { afterMs: 100 });
      for (const key of 'bcd') queue.add(key, fanOut);
      mock.timers.tick(100);
      await work.finish('b');
      expect(work.running).to.deep.equal(['a']);
    });

    it('runs the key immediately when it is added earlier, and not again after the delay', async () => {
      const { work, queue } = opened(1);
      queue.add('a', now);
      await work.finish('a', { afterMs: 100 });
      queue.add('a', now);
      expect(work.started).to.deep.equal(['a', 'a']);
      await work.finish('a');
      mock.timers.tick(1000);
      expect(work.started).to.deep.equal(['a', 'a']);
    });

    it('does not wait if the key was added while it ran', async () => {
      const { work, queue } = opened(1);
      queue.add('a', now);
      queue.add('a', now);
      await work.finish('a', { afterMs: 500 });
      expect(work.started).to.deep.equal(['a', 'a']);
      await work.finish('a');
      mock.timers.tick(1000);
      expect(work.started).to.deep.equal(['a', 'a']);
    });

    it('does not run the key after the queue is closed', async () => {
      const { work, queue } = opened(2);
      for (const key of 'ab') queue.add(key, now);
      await work.finish('a', { afterMs: 500 });
      const closed = queue.close();
      await work.finish('b', { afterMs: 500 });
      await closed;
      mock.timers.tick(1000);
      expect(work.started).to.deep.equal(['a', 'b']);
      expect(queue.depth).to.equal(0);
    });
  });

  describe('when it is closed', () => {
    it('waits for the running keys, and drops the waiting ones', async () => {
      const { work, queue } = opened(2);
      for (const key of 'abcd') queue.add(key, now);
      queue.add('a', now);
      let isClosed = false;
      const closed = queue.close().then(() => (isClosed = true));
      expect(queue.depth).to.equal(0);
      await work.finish('a');
      expect(isClosed).to.equal(false);
      await work.finish('b');
      await closed;
      expect(work.started).to.deep.equal(['a', 'b']);
    });

    it('waits for a single running key', async () => {
      const { work, queue } = opened(2);
      queue.add('a', now);
      let isClosed = false;
      const closed = queue.close().then(() => (isClosed = true));
      await turn();
      expect(isClosed).to.equal(false);
      await work.finish('a');
      await closed;
    });

    it('resolves immediately if nothing runs, and runs nothing that is added later', async () => {
      const { work, queue } = opened(1);
      await queue.close();
      queue.add('a', now);
      expect(work.started).to.deep.equal([]);
      expect(queue.depth).to.equal(0);
    });
  });

  describe('while some runs wait for an answer', () => {
    beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
    afterEach(() => mock.timers.reset());
    const secrets = (namespace: string, count: number) => Array.from({ length: count }, (_, at) => `${namespace}-${at}/secret`);
    const pass = async (seconds: number) => {
      for (let n = 0; n < seconds; n++) {
        mock.timers.tick(1000);
        for (let turns = 0; turns < 100; turns++) await turn();
      }
    };

    it('stops a slow run when another key needs its place, and not before', async () => {
      const { work, queue } = opened(2);
      for (const key of ['hung-1', 'hung-2']) queue.add(key, now);
      await pass(60);
      expect(work.running).to.deep.equal(['hung-1', 'hung-2']);
      queue.add('healthy', now);
      await pass(0);
      await turn();
      expect(work.running).to.deep.equal(['hung-2', 'healthy']);
    });

    it('stops a slow run also after another slow run has ended by itself', async () => {
      const { work, queue } = opened(1);
      queue.add('slow', now);
      await pass(1);
      await work.finish('slow');
      queue.add('hung', now);
      await pass(1);
      queue.add('healthy', now);
      await pass(0);
      await turn();
      expect(work.running).to.deep.equal(['healthy']);
      expect(work.stopped).to.deep.equal(['hung']);
    });

    it('runs the healthy keys of a fan-out behind 90 without an answer within three seconds', async () => {
      const { work, queue } = opened(32);
      for (const key of [...secrets('hung', 90), ...secrets('healthy', 30)]) queue.add(key, fanOut);
      await pass(3);
      expect(work.started).to.include.members(secrets('healthy', 30));
      expect(work.running).to.have.length.at.most(32 + 8);
    });

    it('runs an urgent key within a second, even if a fan-out has thousands without an answer', async () => {
      const { work, queue } = opened(32);
      for (const key of secrets('hung', 5000)) queue.add(key, fanOut);
      await pass(20);
      queue.add('new/secret', now);
      await pass(1);
      expect(work.started).to.include('new/secret');
      expect(work.running).to.have.length.at.most(32 + 8);
    });

    it('runs the keys of slow namespaces in eight places, where none is stopped', async () => {
      const { work, queue } = opened(20);
      for (const key of secrets('hung', 20)) queue.add(key, now);
      await pass(1);
      for (let at = 0; at < 20; at++) queue.add(`hung-${at}/accounts`, now);
      queue.add('healthy', fanOut);
      await pass(5);
      expect(work.running).to.include('healthy');
      expect(work.running.filter((key) => key.endsWith('/accounts'))).to.have.lengthOf(8);
      expect(work.stopped.filter((key) => key.endsWith('/accounts'))).to.deep.equal([]);
    });

    it('runs them beside keys that end at once, also if more keys may run than start in one turn', async () => {
      const { work, queue } = opened(200, (key) => key.startsWith('quick'));
      queue.add('slow/1', now);
      mock.timers.tick(1000);
      for (let n = 0; n < 5000; n++) queue.add(`quick ${n}`, fanOut);
      queue.add('slow/2', now);
      await turn();
      expect(work.started.indexOf('slow/2')).to.be.within(0, 500);
    });

    it('runs a namespace with the others again once the key that was slow has had a quick run', async () => {
      const { work, queue } = opened(1);
      queue.add('shop/secret', now);
      await pass(1);
      await work.finish('shop/secret');
      queue.add('team/secret', now);
      queue.add('shop/secret', now);
      expect(work.running, 'apart, beside the only place').to.deep.equal(['team/secret', 'shop/secret']);
      await work.finish('shop/secret');
      queue.add('shop/accounts', now);
      queue.add('shop/secret', now);
      expect(work.running, 'like the others').to.deep.equal(['team/secret']);
      await work.finish('team/secret');
      expect(work.running).to.deep.equal(['shop/accounts']);
    });

    it('runs the waiting keys of a namespace apart as soon as one of its keys is slow', async () => {
      const { work, queue } = opened(1);
      for (const key of ['shop/secret', 'shop/accounts', 'team/secret']) queue.add(key, now);
      await pass(1);
      expect(work.started).to.include.members(['shop/accounts', 'team/secret']);
    });

    it('does not keep a namespace apart whose key had a quick run, however long ago', async () => {
      const { work, queue } = opened(1);
      queue.add('shop/secret', now);
      await work.finish('shop/secret');
      await pass(2);
      queue.add('team/secret', now);
      queue.add('shop/secret', now);
      expect(work.running).to.deep.equal(['team/secret']);
    });

    it('keeps no key without a group apart', async () => {
      const { work, queue } = opened(1);
      queue.add('alone', now);
      await pass(1);
      await work.finish('alone');
      queue.add('team/secret', now);
      queue.add('alone', now);
      expect(work.running).to.deep.equal(['team/secret']);
    });

    it('runs what is tried again after a wait last, unless it is added again or the wait was short', async () => {
      const { work, queue } = opened(1);
      for (const [key, afterMs] of [
        ['failed', 150],
        ['changed', 200],
        ['stale', 149],
      ] as const) {
        queue.add(key, now);
        await work.finish(key, { afterMs });
      }
      queue.add('first', now);
      queue.add('rotated', fanOut);
      queue.add('changed', now);
      mock.timers.tick(200);
      await work.finishAll();
      expect(work.started.slice(3)).to.deep.equal(['first', 'changed', 'stale', 'rotated', 'failed']);
    });
  });

  it('runs every key after its last addition, never twice at the same time, and at most as often as it was added', async () => {
    const keys = ['a', 'b', 'c', 'd'] as const;
    const step = fc.oneof(
      fc.record({ add: fc.constantFrom(...keys), priority: fc.constantFrom<Priority>(PRIORITY.references, now, fanOut) }),
      fc.record({ finish: fc.nat(3) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), async (steps, width) => {
        const { work, queue } = opened(width);
        const added = new Map<string, { times: number; startsBefore: number }>();
        for (const step of steps) {
          if ('add' in step) {
            const times = (added.get(step.add)?.times ?? 0) + 1;
            added.set(step.add, { times, startsBefore: work.started.length });
            queue.add(step.add, step.priority);
          } else {
            // Work throws if a key runs twice at the same time.
            const key = work.running[step.finish % Math.max(1, work.running.length)];
            if (key !== undefined) await work.finish(key);
          }
          expect(work.running.length).to.be.at.most(width);
        }
        await work.finishAll();
        for (const [key, { times, startsBefore }] of added) {
          expect(work.started.slice(startsBefore), `after the last add of ${key}`).to.include(key);
          expect(work.started.filter((started) => started === key).length).to.be.at.most(times);
        }
      }),
    );
  });
});
