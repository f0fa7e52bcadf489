import { expect } from 'chai';
import type { ObjectRecord } from '../../../src/api/records.ts';
import { newer, Store } from '../../../src/kube/store.ts';

const record = (name: string, version: number, namespace = 'a'): ObjectRecord => ({
  namespace,
  name,
  uid: `${name}-uid`,
  resourceVersion: String(version),
});
const said = (one: ObjectRecord | undefined) => one && `${one.namespace}/${one.name}@${one.resourceVersion}`;

describe('The store', () => {
  let store: Store<ObjectRecord>;
  let changes: string[];
  beforeEach(() => {
    changes = [];
    store = new Store((before, after) => changes.push(`${said(before) ?? 'nothing'} → ${said(after) ?? 'nothing'}`));
  });

  function list(version: number, ...records: ObjectRecord[]): void {
    store.accept({ type: 'init' });
    for (const one of records) store.accept({ type: 'listed', record: one });
    store.accept({ type: 'initDone', resourceVersion: String(version) });
  }
  /** A list of x at 10, of which nothing is told any more. */
  function listedX(): void {
    list(10, record('x', 10));
    changes.length = 0;
  }
  const all = () => [...store.all()].map(said);

  it('knows what was listed, and that it is all there is', () => {
    store.accept({ type: 'init' });
    store.accept({ type: 'listed', record: record('x', 3) });
    expect(store.synced).to.equal(false);
    store.accept({ type: 'listed', record: record('x', 4, 'b') });
    store.accept({ type: 'initDone', resourceVersion: '10' });
    expect(store.synced).to.equal(true);
    expect(all()).to.deep.equal(['a/x@3', 'b/x@4']);
    expect([...store.in('b')].map(said)).to.deep.equal(['b/x@4']);
    expect([...store.in('c')]).to.deep.equal([]);
    expect(said(store.get('a', 'x'))).to.equal('a/x@3');
    expect(store.get('a', 'y')).to.equal(undefined);
    expect(store.size).to.equal(2);
    expect(changes).to.deep.equal(['nothing → a/x@3', 'nothing → b/x@4']);
  });

  it('tells of what was deleted, changed and made between two lists, and of nothing else', () => {
    list(10, record('deleted', 1), record('changed', 2), record('same', 3));
    changes.length = 0;
    list(20, record('changed', 12), record('made', 13), record('same', 3));
    expect(changes).to.deep.equal(['a/changed@2 → a/changed@12', 'nothing → a/made@13', 'a/deleted@1 → nothing']);
    expect(store.size).to.equal(3);
  });

  it('drops nothing before a list is complete, also where one before it broke off', () => {
    listedX();
    store.accept({ type: 'init' });
    store.accept({ type: 'listed', record: record('x', 10) });
    store.accept({ type: 'failed', error: new Error('broken off') });
    store.accept({ type: 'init' });
    store.accept({ type: 'listed', record: record('y', 12) });
    expect(all()).to.deep.equal(['a/x@10', 'a/y@12']);
    store.accept({ type: 'initDone', resourceVersion: '12' });
    expect(all()).to.deep.equal(['a/y@12']);
  });

  it('does not take for deleted what we wrote while a list came in that had begun before', () => {
    listedX();
    store.accept({ type: 'init' });
    store.accept({ type: 'listed', record: record('x', 10) });
    store.wrote(record('y', 12));
    store.accept({ type: 'initDone', resourceVersion: '11' });
    expect(all()).to.deep.equal(['a/x@10', 'a/y@12']);
    expect(changes).to.deep.equal(['nothing → a/y@12']);
  });

  it('believes a list that is older than what it knows: the cluster may have been restored from a backup', () => {
    listedX();
    list(5, record('x', 4));
    expect(all()).to.deep.equal(['a/x@4']);
    store.accept({ type: 'applied', record: record('x', 6) });
    store.wrote(record('x', 7));
    expect(all()).to.deep.equal(['a/x@7']);
  });

  it('follows what the watch brings', () => {
    listedX();
    store.accept({ type: 'applied', record: record('x', 11) });
    store.accept({ type: 'applied', record: record('y', 12) });
    store.accept({ type: 'deleted', record: record('x', 13) });
    store.accept({ type: 'deleted', record: record('unknown', 14) });
    expect(changes).to.deep.equal(['a/x@10 → a/x@11', 'nothing → a/y@12', 'a/x@11 → nothing']);
    expect(store.size).to.equal(1);
  });

  it('takes in what we wrote, ahead of the watch', () => {
    listedX();
    store.wrote(record('x', 12));
    store.wrote(record('y', 13));
    expect(changes).to.deep.equal(['a/x@10 → a/x@12', 'nothing → a/y@13']);
  });

  it('does not go back to what was before our write when the watch comes to it, and is not told twice of the write', () => {
    listedX();
    store.wrote(record('x', 12));
    store.accept({ type: 'applied', record: record('x', 11) });
    store.accept({ type: 'applied', record: record('x', 12) });
    expect(changes).to.deep.equal(['a/x@10 → a/x@12']);
  });

  const past: Record<string, () => void> = {
    'by a change': () => store.accept({ type: 'applied', record: record('y', 13) }),
    'by a deletion of that very object': () => store.accept({ type: 'deleted', record: record('x', 13) }),
    'by a bookmark': () => store.accept({ type: 'seen', resourceVersion: '13' }),
    'by a list': () => list(13),
  };
  for (const [how, bring] of Object.entries(past)) {
    it(`ignores the answer to a write that the watch is past already, ${how}: the object may be deleted by now`, () => {
      listedX();
      bring();
      const before = all();
      store.wrote(record('x', 12));
      expect(all()).to.deep.equal(before);
    });
  }

  it('does not drop an object made again when the deletion of the one before comes in', () => {
    listedX();
    store.wrote(record('x', 14));
    store.accept({ type: 'deleted', record: record('x', 13) });
    expect(all()).to.deep.equal(['a/x@14']);
    store.accept({ type: 'deleted', record: record('x', 15) });
    expect(all()).to.deep.equal([]);
  });

  it('says why the watch is interrupted until it goes on', () => {
    const error = new Error('interrupted');
    const goesOn = [
      () => store.accept({ type: 'applied', record: record('x', 11) }),
      () => store.accept({ type: 'deleted', record: record('x', 12) }),
      () => store.accept({ type: 'seen', resourceVersion: '13' }),
      () => list(14),
    ];
    for (const bring of goesOn) {
      store.accept({ type: 'failed', error });
      expect(store.error).to.equal(error);
      bring();
      expect(store.error).to.equal(undefined);
    }
  });

  it('compares resourceVersions as numbers of any length', () => {
    const pairs: [string, string, boolean][] = [
      ['10', '9', true],
      ['9', '10', false],
      ['11', '10', true],
      ['10', '10', false],
      ['1', '', true],
      ['123456789012345678901234567891', '123456789012345678901234567890', true],
      ['99999999999999999999', '100000000000000000000', false],
    ];
    for (const [a, b, want] of pairs) expect(newer(a, b), `${a} newer than ${b}`).to.equal(want);
  });
});
