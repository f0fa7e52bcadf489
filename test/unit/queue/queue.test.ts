import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Again, PRIORITY, type Priority, WorkQueue } from '../../../src/queue/queue.ts';

const { now, fanOut } = PRIORITY;

/** Runs that last until the test ends them. */
class Work {
  readonly started: string[] = [];
  readonly #running = new Map<string, (again: Again | undefined) => void>();

  readonly run = (key: string): Promise<Again | undefined> => {
    if (this.#running.has(key)) throw new Error(`${key} runs already`);
    this.started.push(key);
    return new Promise((resolve) => this.#running.set(key, resolve));
  };

  get running(): string[] {
    return [...this.#running.keys()];
  }

  async finish(key: string, again?: Again): Promise<void> {
    const resolve = this.#running.get(key);
    if (!resolve) throw new Error(`${key} does not run`);
    this.#running.delete(key);
    resolve(again);
    await turn();
  }

  async finishAll(): Promise<void> {
    for (let [key] = this.running; key !== undefined; [key] = this.running) await this.finish(key);
  }
}

function opened(width: number) {
  const work = new Work();
  const queue = new WorkQueue<string>(
    (key) => key,
    work.run,
    () => width,
  );
  queue.open();
  return { work, queue };
}

describe('The work queue', () => {
  it('runs a key once that was added several times while it waited', async () => {
    const { work, queue } = opened(1);
    queue.add('a', now);
    for (let times = 0; times < 3; times++) queue.add('b', now);
    expect(queue.depth).to.equal(1);
    await work.finishAll();
    expect(work.started).to.deep.equal(['a', 'b']);
    expect(queue.depth).to.equal(0);
  });

  it('takes keys for one that have the same id, and holds them back until it is opened', async () => {
    const started: { id: string; note: number }[] = [];
    const queue = new WorkQueue<{ id: string; note: number }>(
      ({ id }) => id,
      async (key) => void started.push(key),
      () => 1,
    );
    queue.add({ id: 'a', note: 1 }, now);
    queue.add({ id: 'a', note: 2 }, now);
    await turn();
    expect(started).to.deep.equal([]);
    queue.open();
    await turn();
    expect(started).to.have.length(1);
  });

  it('goes by its width as it is at the moment', async () => {
    const work = new Work();
    let width = 1;
    const queue = new WorkQueue<string>(
      (key) => key,
      work.run,
      () => width,
    );
    queue.open();
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key, now);
    expect(work.running).to.deep.equal(['a']);
    width = 3;
    await work.finish('a');
    expect(work.running).to.deep.equal(['b', 'c', 'd']);
  });

  it('starts nothing in a pause, and goes on by itself', async () => {
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

  it('keeps to the longer of two pauses, and to none once it is closed', async () => {
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

  it('knows since when the key waits that waits longest', async () => {
    const { work, queue } = opened(1);
    queue.add('a', now);
    expect(queue.oldestSince).to.equal(undefined);
    const before = performance.now();
    queue.add('b', fanOut);
    const first = queue.oldestSince ?? 0;
    expect(first).to.be.within(before, performance.now());
    await turn();
    // One that comes later, and is taken earlier; and one that moves ahead waits as long as it has.
    queue.add('c', now);
    queue.add('b', now);
    expect(queue.oldestSince).to.equal(first);
    await work.finish('a');
    expect(work.running).to.deep.equal(['c']);
    expect(queue.oldestSince).to.equal(first);
    await work.finish('c');
    expect(queue.oldestSince).to.equal(undefined);
  });

  it('runs a key that was added while it ran once more afterwards, and not at the same time', async () => {
    const { work, queue } = opened(3);
    queue.add('a', now);
    queue.add('a', now);
    queue.add('a', fanOut);
    expect(work.started).to.deep.equal(['a']);
    await work.finishAll();
    expect(work.started).to.deep.equal(['a', 'a']);
  });

  it('works on no more keys at once than it is wide', async () => {
    const { work, queue } = opened(3);
    for (const key of 'abcde') queue.add(key, now);
    expect(work.running).to.deep.equal(['a', 'b', 'c']);
    await work.finish('b');
    expect(work.running).to.deep.equal(['a', 'c', 'd']);
  });

  describe('with thousands of keys of a fan-out in it', () => {
    const [first, ...rest] = Array.from({ length: 5000 }, (_, at) => `namespace-${at}`) as [string, ...string[]];
    const cases: Record<string, { adds: readonly [key: string, priority: Priority][]; want: readonly string[] }> = {
      'runs all of them once, in the order of their arrival': { adds: [], want: [first, ...rest] },
      'runs a key before them that is wanted now': { adds: [['drift', now]], want: [first, 'drift', ...rest] },
      'does not move it back when the fan-out comes to it again': {
        adds: [
          ['drift', now],
          ['drift', fanOut],
        ],
        want: [first, 'drift', ...rest],
      },
      'moves one of them up that is wanted now, and runs it once': {
        adds: [['namespace-4000', now]],
        want: [first, 'namespace-4000', ...rest.filter((key) => key !== 'namespace-4000')],
      },
      'runs the one under way again before them, where it was added as wanted now': {
        adds: [
          [first, now],
          [first, fanOut],
        ],
        want: [first, first, ...rest],
      },
      'runs the one under way again after them, where the fan-out came to it again': {
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

  describe('asked for another run after a while', () => {
    beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
    afterEach(() => mock.timers.reset());

    it('makes it then, and not before', async () => {
      const { work, queue } = opened(1);
      queue.add('a', now);
      await work.finish('a', { afterMs: 500 });
      expect(queue.depth).to.equal(0);
      mock.timers.tick(499);
      expect(work.started).to.deep.equal(['a']);
      mock.timers.tick(1);
      expect(work.started).to.deep.equal(['a', 'a']);
    });

    it('keeps the key in the lane that it was in', async () => {
      const { work, queue } = opened(1);
      queue.add('a', now);
      await work.finish('a', { afterMs: 500 });
      for (const key of 'bcd') queue.add(key, fanOut);
      mock.timers.tick(500);
      await work.finish('b');
      expect(work.running).to.deep.equal(['a']);
    });

    it('makes it at once when the key is added earlier, and not once more when the time comes', async () => {
      const { work, queue } = opened(1);
      queue.add('a', now);
      await work.finish('a', { afterMs: 500 });
      queue.add('a', now);
      expect(work.started).to.deep.equal(['a', 'a']);
      await work.finish('a');
      mock.timers.tick(1000);
      expect(work.started).to.deep.equal(['a', 'a']);
    });

    it('does not wait where the key was added while it ran', async () => {
      const { work, queue } = opened(1);
      queue.add('a', now);
      queue.add('a', now);
      await work.finish('a', { afterMs: 500 });
      expect(work.started).to.deep.equal(['a', 'a']);
      await work.finish('a');
      mock.timers.tick(1000);
      expect(work.started).to.deep.equal(['a', 'a']);
    });

    it('makes none once it is closed', async () => {
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
    it('waits for what runs, and forgets what waits', async () => {
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

    it('is so at once where nothing runs, and runs nothing that is added afterwards', async () => {
      const { work, queue } = opened(1);
      await queue.close();
      queue.add('a', now);
      expect(work.started).to.deep.equal([]);
      expect(queue.depth).to.equal(0);
    });
  });

  it('runs every key after it was last added, never beside itself, and no more often than it was added', async () => {
    const keys = ['a', 'b', 'c', 'd'] as const;
    const step = fc.oneof(
      fc.record({ add: fc.constantFrom(...keys), priority: fc.constantFrom<Priority>(now, fanOut) }),
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
            // Work throws when a key is run beside itself.
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
