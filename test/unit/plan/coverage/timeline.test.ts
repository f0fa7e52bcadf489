import { expect } from 'chai';
import type { RegistryCredentialStatus } from '../../../../src/api/types.ts';
import { expiryMarks } from '../../../../src/plan/coverage/timeline.ts';
import { credential } from '../../../support/builders.ts';

const NOW = Date.parse('2026-11-01T00:00:00Z');
const DAY_MS = 86_400_000;
const inDays = (days: number) => new Date(NOW + days * DAY_MS).toISOString();

type Row = NonNullable<RegistryCredentialStatus['registries']>[number];

const withRows = (name: string, rows: readonly (readonly [server: string, days: number, source?: string])[], reason = 'NotSoon') =>
  credential({
    name,
    status: {
      expiresAt: inDays(Math.min(...rows.map(([, days]) => days))),
      registries: rows.map(
        ([server, days, expirySource = 'JWT']): Row => ({ server, result: 'NotRefused', expiresAt: inDays(days), expirySource }),
      ),
      conditions: [
        {
          type: 'Expiring',
          status: reason === 'NotSoon' ? 'False' : 'True',
          reason,
          message: '',
          lastTransitionTime: inDays(0),
          observedGeneration: 1,
        },
      ],
    },
  });

const marks = (...credentials: Parameters<typeof expiryMarks>[0] extends Iterable<infer C> ? C[] : never) =>
  expiryMarks(credentials, NOW, 90 * DAY_MS).map(
    ({ server, credentials, at, kind }) => `${server} ${Math.round((at - NOW) / DAY_MS)} ${kind} ${credentials.join()}`,
  );

describe('The timeline', () => {
  it('has one mark for each server, the earliest first', () =>
    expect(
      marks(
        withRows('acme', [
          ['ghcr.io', 40],
          ['https://index.docker.io/v1/', 20],
        ]),
      ),
    ).to.deep.equal(['docker.io 20 later acme', 'ghcr.io 40 later acme']));

  it('ends after its 90 days', () => {
    expect(marks(withRows('acme', [['ghcr.io', 91]]))).to.deep.equal([]);
    expect(marks(withRows('acme', [['ghcr.io', 90]]))).to.deep.equal(['ghcr.io 90 later acme']);
  });

  it('marks as expired what expires now', () =>
    expect(marks(withRows('acme', [['ghcr.io', 0]], 'ExpiresSoon'))).to.deep.equal(['ghcr.io 0 expired acme']));

  it('warns of each expiry within 14 days of a credential that warns', () => {
    const rows = [
      ['a.io', 1],
      ['b.io', 14],
      ['c.io', 15],
    ] as const;
    expect(marks(withRows('acme', rows, 'ExpiresSoon'))).to.deep.equal(['a.io 1 soon acme', 'b.io 14 soon acme', 'c.io 15 later acme']);
    expect(marks(withRows('acme', rows))).to.deep.equal(['a.io 1 later acme', 'b.io 14 later acme', 'c.io 15 later acme']);
  });

  it('has the more urgent mark for a server that two credentials share, and orders marks of one time by the server', () => {
    const warns = withRows('acme', [['ghcr.io', 40]], 'ExpiresSoon');
    const calm = withRows('beta', [
      ['ghcr.io', 40],
      ['a.io', 40],
    ]);
    expect(marks(warns, calm)).to.deep.equal(['a.io 40 later beta', 'ghcr.io 40 soon acme,beta']);
    expect(marks(calm, warns)).to.deep.equal(['a.io 40 later beta', 'ghcr.io 40 soon beta,acme']);
  });

  it('has one mark for a server that two credentials share', () =>
    expect(marks(withRows('acme', [['ghcr.io', 40]]), withRows('beta', [['ghcr.io', 40]]))).to.deep.equal(['ghcr.io 40 later acme,beta']));

  it('marks what the operator warns about, and what has expired', () =>
    expect(
      marks(
        withRows(
          'acme',
          [
            ['ghcr.io', -1],
            ['quay.io', 3],
            ['gcr.io', 60],
          ],
          'Expired',
        ),
      ),
    ).to.deep.equal(['ghcr.io -1 expired acme', 'quay.io 3 soon acme', 'gcr.io 60 later acme']));

  it('warns of the first expiry of a credential that warns, whatever time before an expiry the operator is set to warn', () =>
    expect(marks(withRows('acme', [['ghcr.io', 40]], 'ExpiresSoon'))).to.deep.equal(['ghcr.io 40 soon acme']));

  it('has no token that the operator refreshes, unless that is overdue', () => {
    const rows = [['ecr.example.com', 0.4, 'Token']] as const;
    expect(marks(withRows('acme', rows))).to.deep.equal([]);
    expect(marks(withRows('acme', rows, 'TokenRefreshOverdue'))).to.deep.equal(['ecr.example.com 0 soon acme']);
  });
});
