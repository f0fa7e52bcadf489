import { mock } from 'node:test';
import { expect } from 'chai';
import { collectGarbage, IdleCollection } from '../../../src/operator/idle-collection.ts';

describe('The collection of garbage after much work', () => {
  let collections: number;
  let idle: IdleCollection;
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    collections = 0;
    idle = new IdleCollection(() => collections++);
  });
  afterEach(() => mock.timers.reset());

  it('happens once, ten seconds after it', () => {
    for (let n = 0; n < 1000; n++) idle.worked();
    mock.timers.tick(9_999);
    expect(collections).to.equal(0);
    mock.timers.tick(1);
    mock.timers.tick(3_600_000);
    expect(collections).to.equal(1);
  });

  it('waits until little work is left', () => {
    idle.worked(1000);
    for (let n = 0; n < 3; n++) {
      idle.worked(101);
      mock.timers.tick(10_000);
      expect(collections).to.equal(0);
    }
    idle.worked(100);
    mock.timers.tick(10_000);
    expect(collections).to.equal(1);
  });

  it('does not happen after little work', () => {
    idle.worked(999);
    mock.timers.tick(3_600_000);
    expect(collections).to.equal(0);
  });

  const endings: Record<string, () => void> = {
    'after the end': () => {
      idle.worked(1000);
      idle.end();
    },
    'for work that is reported after the end': () => {
      idle.end();
      idle.worked(1000);
    },
  };
  for (const [what, work] of Object.entries(endings)) {
    it(`does not happen ${what}`, () => {
      work();
      mock.timers.tick(3_600_000);
      expect(collections).to.equal(0);
    });
  }
});

describe('Garbage', () => {
  it('is collected', async () => {
    const dropped = new WeakRef({});
    // An object stays until the end of the turn in which it was referenced.
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    expect(dropped.deref()).to.equal(undefined);
  });
});
