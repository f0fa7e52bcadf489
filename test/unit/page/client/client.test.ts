/** The parts of the page in the browser that need no browser. */
import { expect } from 'chai';
import { type Address, formatAddress, parseAddress } from '../../../../src/page/client/address.ts';
import { shownOf } from '../../../../src/page/client/filter.ts';
import { fromSnapshot, withChange } from '../../../../src/page/client/model.ts';
import { formatDistance, formatExpiry, formatFirstExpiry, formatRegistryExpiry } from '../../../../src/page/client/time.ts';
import { scrollToShow, visibleRange } from '../../../../src/page/client/window.ts';
import type { CredentialView, Row, Snapshot } from '../../../../src/page/messages.ts';

describe('The address of the page', () => {
  const addresses: Record<string, Address> = {
    '#': { open: undefined, query: '', states: [] },
    '#namespace/team-a': { open: { kind: 'namespace', name: 'team-a' }, query: '', states: [] },
    '#credential/team-a/acme': { open: { kind: 'credential', name: 'team-a/acme' }, query: '', states: [] },
    '#namespace/team-a?q=prod&state=failed,conflict': {
      open: { kind: 'namespace', name: 'team-a' },
      query: 'prod',
      states: ['failed', 'conflict'],
    },
    '#?q=a%26b%3F%23': { open: undefined, query: 'a&b?#', states: [] },
  };
  for (const [text, address] of Object.entries(addresses)) {
    it(`${text} is written and read`, () => {
      expect(formatAddress(address)).to.equal(text);
      expect(parseAddress(text)).to.deep.equal(address);
    });
  }

  for (const text of ['#namespace/', '#other/x', '#namespace/%zz', '#?state=constructor', '']) {
    it(`${text || 'none'} opens nothing`, () => expect(parseAddress(text)).to.deep.equal({ open: undefined, query: '', states: [] }));
  }
});

const view = (title: string, server: string): CredentialView =>
  ({ title, secretName: title, registries: [{ server, result: 'Proven' }] }) as unknown as CredentialView;
const credentials = [view('acme', 'ghcr.io'), view('acr', 'acme.azurecr.io'), view('hub', 'docker.io')];
const row = (name: string, cells: string): Row => ({ name, cells, waiting: 0 });
const rows = [row('team-a', 's.c'), row('team-b', 'sp.'), row('shop', 'sss')];

describe('The filter', () => {
  const shown = (query: string, states: Parameters<typeof shownOf>[2] = []) => {
    const { credentials: some, rows: lines, columns } = shownOf({ credentials, rows }, query, states);
    return `${some.map(({ title }) => title)} | ${lines.map(({ name }) => name)} | ${columns}`;
  };

  it('shows everything without a text', () => expect(shown('')).to.equal('acme,acr,hub | team-a,team-b,shop | 0,1,2'));
  it('finds namespaces by a part of their name, and then keeps all credentials', () =>
    expect(shown('TEAM')).to.equal('acme,acr,hub | team-a,team-b | 0,1,2'));
  it('finds credentials by their registries, and then shows their columns in all namespaces', () =>
    expect(shown('azurecr')).to.equal('acr | team-a,team-b,shop | 1'));
  it('finds both', () => expect(shown('a')).to.equal('acme,acr | team-a,team-b | 0,1,2'));
  it('finds nothing', () => expect(shown('nothing')).to.equal(' |  | 0,1,2'));
  it('shows the namespaces that have a cell with one of the states', () =>
    expect(shown('', ['conflict', 'pending'])).to.equal('acme,acr,hub | team-a,team-b | 0,1,2'));
  it('looks for the states in the shown columns only', () => expect(shown('docker', ['conflict'])).to.equal('hub | team-a | 2'));
  it('counts the cells of each state before the states are applied', () =>
    expect(Object.fromEntries(shownOf({ credentials, rows }, '', ['pending']).counts)).to.deep.equal({
      synced: 5,
      pending: 1,
      conflict: 1,
      'not-selected': 2,
    }));
});

describe('The model of the page', () => {
  const snapshot: Snapshot = { cluster: { context: '', server: '' }, at: 1, credentials: [], rows, needs: [], marks: [], notices: [] };
  const names = (model: { rows: readonly Row[] }) => model.rows.map(({ name, cells }) => `${name} ${cells}`);

  it('sorts the namespaces, and takes new, changed and gone ones from a change', () => {
    const before = fromSnapshot(snapshot);
    expect(names(before)).to.deep.equal(['shop sss', 'team-a s.c', 'team-b sp.']);
    const after = withChange(before, { at: 2, rows: [row('team-a', 'sss'), row('alpha', '...')], gone: ['team-b'] });
    expect(names(after)).to.deep.equal(['alpha ...', 'shop sss', 'team-a sss']);
  });

  it('knows which namespaces something changed in, also over a new snapshot', () => {
    const changed = withChange(fromSnapshot(snapshot), { at: 2, rows: [row('team-a', 'sss')] });
    expect([...changed.versions]).to.deep.equal([['team-a', 1]]);
    expect(fromSnapshot(snapshot, changed).versions.get('team-a')).to.equal(2);
  });

  it('takes a new snapshot as a change of every namespace: one that is open is read again', () =>
    expect(Object.fromEntries(fromSnapshot(snapshot, fromSnapshot(snapshot)).versions)).to.deep.equal({
      shop: 1,
      'team-a': 1,
      'team-b': 1,
    }));

  it('keeps the rows as they are if a change has none', () => {
    const before = fromSnapshot(snapshot);
    expect(withChange(before, { at: 2, needs: [] }).rows).to.equal(before.rows);
  });
});

describe('The window of a long list', () => {
  it('has what can be seen and a little more', () => expect(visibleRange(3200, 320, 32, 5000, 6)).to.deep.equal({ from: 94, to: 116 }));
  it('begins and ends with the list', () => {
    expect(visibleRange(0, 320, 32, 5000, 6)).to.deep.equal({ from: 0, to: 16 });
    expect(visibleRange(159_680, 320, 32, 5000, 6)).to.deep.equal({ from: 4984, to: 5000 });
    expect(visibleRange(159_680, 320, 32, 3, 6)).to.deep.equal({ from: 3, to: 3 });
  });
  it('scrolls only as far as needed to show an item', () => {
    expect([scrollToShow(5, 0, 320, 32), scrollToShow(12, 0, 320, 32), scrollToShow(2, 640, 320, 32)]).to.deep.equal([0, 96, 64]);
  });
});

describe('A time on the page', () => {
  const now = Date.parse('2026-11-01T12:00:00Z');
  const DAY_MS = 86_400_000;
  it('is a distance', () =>
    expect([3.5 * DAY_MS, 5.5 * 3_600_000, 90_000, -2 * DAY_MS].map((ms) => formatDistance(now + ms, now))).to.deep.equal([
      'in 3 days',
      'in 5 hours',
      'in 1 min',
      '2 days ago',
    ]));
  it('of an expiry is a distance within 30 days, and a day after that', () =>
    expect(
      [-DAY_MS * 3, DAY_MS * 12, DAY_MS * 40, DAY_MS * 200].map((ms) => formatExpiry(new Date(now + ms).toISOString(), now)),
    ).to.deep.equal(['expired 3 days ago', 'in 12 days', '11 Dec', '20 May 2027']));
  const inHours = (hours: number) => new Date(now + hours * 3_600_000).toISOString();
  const token = (expires: number, next: number) => ({ expiresAt: inHours(expires), expirySource: 'Token', refreshAt: inHours(next) });
  it('of a token has the next fetch, also if it is late', () =>
    expect(
      [
        token(9, 3),
        token(3, -3),
        token(-2, -5),
        { expiresAt: inHours(0.05), expirySource: 'Token' },
        { expiresAt: inHours(240), expirySource: 'JWT' },
        {},
      ].map((one) => formatRegistryExpiry(one, now)),
    ).to.deep.equal([
      'Token of the operator: expires in 9 hours, the next one is fetched in 3 hours',
      'Token of the operator: expires in 3 hours, the next one was due 3 hours ago',
      'Token of the operator: expired 2 hours ago, the next one was due 5 hours ago',
      'Token of the operator: expires in 3 min',
      'Expires: in 10 days (JWT)',
      '',
    ]));
  it('of the first expiry is that of a password, and of a token only when its fetch is overdue', () => {
    const first = (row: ReturnType<typeof token>, isWarning: boolean) => formatFirstExpiry(row.expiresAt, [row], isWarning, now);
    expect(first(token(9, 3), false)).to.equal('token, next in 3 hours');
    expect(first(token(3, -3), true)).to.equal('token in 3 hours, refresh overdue');
    expect(formatFirstExpiry(inHours(72), [token(9, 3)], false, now)).to.equal('in 3 days');
  });
  it('that is not known is nothing', () => expect(formatExpiry(undefined, now)).to.equal(''));
});
