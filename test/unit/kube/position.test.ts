import { expect } from 'chai';
import { Position } from '../../../src/kube/position.ts';
import { Timeline } from '../../../src/kube/timeline.ts';

const LIMITS = { maxSilenceMs: 70_000, maxStreamedListMs: 120_000 };

describe('The position of a watch', () => {
  let timeline: Timeline;
  let rewound: number;
  let position: Position;
  beforeEach(() => {
    rewound = 0;
    timeline = new Timeline(() => rewound++);
    position = new Position(timeline, LIMITS);
    list('10');
  });
  const list = (version: string, of = position) => {
    of.listing();
    of.listed(version);
  };

  it('has listed before, even after the timeline has ended', () => {
    timeline.rewound(timeline.current);
    position.listing();
    expect(position.hasListed).to.equal(true);
    expect(new Position(timeline, LIMITS).hasListed).to.equal(false);
  });

  it('lets one list come in pages after a stream that broke, and the next one be a stream again', () => {
    expect(position.mayStream()).to.equal(true);
    position.streaming();
    expect([position.mayStream(), position.mayStream()]).to.deep.equal([false, true]);
    position.streaming();
    position.listed('11');
    expect(position.mayStream()).to.equal(true);
  });

  it('is where the list or the last line was', () => {
    expect(position.resumeAt).to.equal('10');
    position.heard('12');
    position.ended(300_000);
    expect(position.resumeAt).to.equal('12');
  });

  it('is lost after too long a silence, also of several watches in a row that a proxy cut early', () => {
    position.ended(60_000);
    expect(position.resumeAt).to.equal('10');
    position.ended(60_000);
    expect(position.resumeAt).to.equal(undefined);
  });

  it('is not lost if a line came in between', () => {
    position.ended(60_000);
    position.heard('11');
    position.ended(75_000);
    position.ended(60_000);
    expect(position.resumeAt).to.equal('11');
  });

  it('is lost when the timeline ends, for every watch', () => {
    const other = new Position(timeline, LIMITS);
    list('900', other);
    other.heard('950');
    position.heard('940');
    list('500', position);
    expect(rewound).to.equal(1);
    expect(position.resumeAt).to.equal('500');
    expect(other.resumeAt).to.equal(undefined);
    // The other one lists again too, and nothing more follows from that.
    list('501', other);
    expect([rewound, position.resumeAt, other.resumeAt]).to.deep.equal([1, '500', '501']);
    // The new timeline can end as well.
    list('400', other);
    expect([rewound, position.resumeAt, other.resumeAt]).to.deep.equal([2, undefined, '400']);
  });

  it('is lost when the timeline ends while it lists', () => {
    position.listing();
    timeline.rewound(timeline.current);
    position.listed('950');
    expect(position.resumeAt).to.equal(undefined);
  });
});
