import { mock } from 'node:test';
import { expect } from 'chai';
import { StartHold } from '../../../src/operator/start-hold.ts';
import { refTo } from '../../support/reconcilers.ts';

describe('The hold of fan-outs at a start', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  const held = (...names: string[]) => {
    let released = 0;
    const hold = new StartHold(names.map(refTo), () => released++);
    return { hold, released: () => released };
  };

  it('ends when the last credential is decided', () => {
    const { hold, released } = held('a', 'b');
    hold.decided(refTo('a'));
    hold.decided(refTo('a'));
    hold.decided(refTo('created-meanwhile'));
    expect(released()).to.equal(0);
    hold.decided(refTo('b'));
    expect(released()).to.equal(1);
  });

  it('ends after two seconds, because a source may not be readable', () => {
    const { hold, released } = held('a', 'b');
    hold.decided(refTo('a'));
    mock.timers.tick(1999);
    expect(released()).to.equal(0);
    mock.timers.tick(1);
    expect(released()).to.equal(1);
    hold.decided(refTo('b'));
    expect(released()).to.equal(1);
  });

  it('ends at once without a credential', () => expect(held().released()).to.equal(1));
});
