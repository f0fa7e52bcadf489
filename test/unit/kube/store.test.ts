import { expect } from 'chai';
import type { ObjectRecord } from '../../../src/api/records.ts';
import { newer } from '../../../src/kube/resource-version.ts';
import { Store } from '../../../src/kube/store.ts';

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
    for (const one of records) store.accept({ type: 'listed', records: [one] });
    store.accept({ type: 'initDone', resourceVersion: String(version) });
  }
  /** A list at version 10 with the object x; later notifications are ignored. */
  function listedX(): void {
    list(10, record('x', 10));
    changes.length = 0;
  }
  const all = () => [...store.all()].map(said);

  it('has the listed objects, and knows that the list is complete', () => {
    store.accept({ type: 'init' });
    store.accept({ type: 'listed', records: [record('x', 3)] });
    expect(store.synced).to.equal(false);
    store.accept({ type: 'listed', records: [record('x', 4, 'b')] });
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

  it('notifies about deleted, changed and created objects between two lists, and about nothing else', () => {
    list(10, record('deleted', 1), record('changed', 2), record('same', 3));
    changes.length = 0;
    list(20, record('changed', 12), record('made', 13), record('same', 3));
    expect(changes).to.deep.equal(['a/changed@2 → a/changed@12', 'nothing → a/made@13', 'a/deleted@1 → nothing']);
    expect(store.size).to.equal(3);
  });

  it('does not have an object that was deleted while the list arrived, and drops nothing before the list is complete', () => {
    list(10, record('x', 1), record('y', 2));
    changes.length = 0;
    store.accept({ type: 'init' });
    store.accept({ type: 'listed', records: [record('z', 3)] });
    store.accept({ type: 'unlisted', record: record('z', 12) });
    expect(all()).to.deep.equal(['a/x@1', 'a/y@2']);
    // The list broke off here, and begins again.
    store.accept({ type: 'init' });
    store.accept({ type: 'listed', records: [record('x', 1)] });
    store.accept({ type: 'initDone', resourceVersion: '20' });
    expect(changes).to.deep.equal(['nothing → a/z@3', 'a/z@3 → nothing', 'a/y@2 → nothing']);
  });

  it('takes from a list what differs under the same version: etcd may have been restored from a backup', () => {
    list(20, record('x', 15));
    changes.length = 0;
    list(18, { ...record('x', 15), uid: 'another' });
    expect(store.get('a', 'x')?.uid).to.equal('another');
    expect(changes).to.have.length(1);
    // And the versions count from there.
    store.accept({ type: 'applied', record: record('x', 19) });
    expect(all()).to.deep.equal(['a/x@19']);
  });

  it('drops nothing before a list is complete, even if an earlier list was incomplete', () => {
    listedX();
    store.accept({ type: 'init' });
    store.accept({ type: 'listed', records: [record('x', 10)] });
    store.accept({ type: 'failed', error: new Error('broken off') });
    store.accept({ type: 'init' });
    store.accept({ type: 'listed', records: [record('y', 12)] });
    expect(all()).to.deep.equal(['a/x@10', 'a/y@12']);
    store.accept({ type: 'initDone', resourceVersion: '12' });
    expect(all()).to.deep.equal(['a/y@12']);
  });

  it('does not have an object that only the beginning of its first list has shown', () => {
    store.accept({ type: 'init' });
    store.accept({ type: 'listed', records: [record('x', 10)] });
    store.accept({ type: 'failed', error: new Error('broken off') });
    list(12, record('y', 12));
    expect(all()).to.deep.equal(['a/y@12']);
  });

  it('keeps an object that we wrote during its first list', () => {
    store.accept({ type: 'init' });
    store.applyOwnWrite(record('x', 12));
    store.accept({ type: 'initDone', resourceVersion: '11' });
    expect(all()).to.deep.equal(['a/x@12']);
  });

  it('finds an object by each value of its index, and no longer by a value that it had', () => {
    const indexed = new Store<ObjectRecord>(
      () => {},
      ({ name, resourceVersion }) => [`named ${name}`, resourceVersion],
    );
    const found = (value: string) => Array.from(indexed.indexed(value), said);
    indexed.accept({ type: 'applied', record: record('x', 1) });
    indexed.accept({ type: 'applied', record: record('y', 1) });
    expect([found('named x'), found('1')]).to.deep.equal([['a/x@1'], ['a/x@1', 'a/y@1']]);
    indexed.accept({ type: 'applied', record: record('x', 2) });
    expect([found('named x'), found('1'), found('2')]).to.deep.equal([['a/x@2'], ['a/y@1'], ['a/x@2']]);
    indexed.accept({ type: 'deleted', record: record('x', 3) });
    expect([found('named x'), found('1'), found('2')]).to.deep.equal([[], ['a/y@1'], []]);
  });

  it('keeps an object that we wrote during a list that had started before', () => {
    listedX();
    store.accept({ type: 'init' });
    store.accept({ type: 'listed', records: [record('x', 10)] });
    store.applyOwnWrite(record('y', 12));
    store.accept({ type: 'initDone', resourceVersion: '11' });
    expect(all()).to.deep.equal(['a/x@10', 'a/y@12']);
    expect(changes).to.deep.equal(['nothing → a/y@12']);
  });

  it('accepts a list that is older than its records: the cluster may have been restored from a backup', () => {
    listedX();
    list(5, record('x', 4));
    expect(all()).to.deep.equal(['a/x@4']);
    store.accept({ type: 'applied', record: record('x', 6) });
    store.applyOwnWrite(record('x', 7));
    expect(all()).to.deep.equal(['a/x@7']);
  });

  it('applies the events of the watch', () => {
    listedX();
    store.accept({ type: 'applied', record: record('x', 11) });
    store.accept({ type: 'applied', record: record('y', 12) });
    store.accept({ type: 'deleted', record: record('x', 13) });
    store.accept({ type: 'deleted', record: record('unknown', 14) });
    expect(changes).to.deep.equal(['a/x@10 → a/x@11', 'nothing → a/y@12', 'a/x@11 → nothing']);
    expect(store.size).to.equal(1);
  });

  it('applies our own write before the watch delivers it', () => {
    listedX();
    store.applyOwnWrite(record('x', 12));
    store.applyOwnWrite(record('y', 13));
    expect(changes).to.deep.equal(['a/x@10 → a/x@12', 'nothing → a/y@13']);
  });

  it('ignores older watch events after our write, and does not notify about the write twice', () => {
    listedX();
    store.applyOwnWrite(record('x', 12));
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
    it(`ignores the answer to a write that the watch has passed, ${how}: the object may be deleted by now`, () => {
      listedX();
      bring();
      const before = all();
      store.applyOwnWrite(record('x', 12));
      expect(all()).to.deep.equal(before);
    });
  }

  it('keeps a re-created object when the deletion of the former one arrives', () => {
    listedX();
    store.applyOwnWrite(record('x', 14));
    store.accept({ type: 'deleted', record: record('x', 13) });
    expect(all()).to.deep.equal(['a/x@14']);
    store.accept({ type: 'deleted', record: record('x', 15) });
    expect(all()).to.deep.equal([]);
  });

  it('has the error of an interrupted watch until the watch recovers', () => {
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
