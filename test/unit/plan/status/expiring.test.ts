import { expect } from 'chai';
import type { Expiry } from '../../../../src/plan/checks/expiry.ts';
import { type Expiring, expiring, type ServerExpiry } from '../../../../src/plan/status/expiring.ts';

const NOW = Date.parse('2027-01-15T00:00:00Z');
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const WARNING = 14 * DAY;

const known = (inMs: number, expiry: Partial<Expiry> = {}, more: Partial<ServerExpiry> = {}): ServerExpiry => ({
  server: 'ghcr.io',
  secret: 'regcred-system/robot',
  isAnnotationMalformed: false,
  expiry: { source: 'Annotation', at: NOW + inMs, ...expiry },
  ...more,
});
const unknown = (more: Partial<ServerExpiry> = {}): ServerExpiry => ({
  server: 'ghcr.io',
  secret: 'regcred-system/robot',
  isAnnotationMalformed: false,
  ...more,
});
const jwtOf = (life: number, left: number) => known(left, { source: 'JWT', issuedAt: NOW + left - life });
const token = (inMs: number, refreshProblem?: string) =>
  known(inMs, { source: 'Token' }, { server: 'ecr.example.com', ...(refreshProblem !== undefined && { refreshProblem }) });

describe('The condition Expiring', () => {
  const table: Record<string, { of: ServerExpiry[]; want: Partial<Expiring>; says?: string }> = {
    'of nothing is NoExpiryKnown': {
      of: [],
      want: { status: 'False', reason: 'NoExpiryKnown' },
      says: 'annotate the source Secret with regcred.dev/expires-at',
    },
    'without any expiry is NoExpiryKnown': { of: [unknown()], want: { status: 'False', reason: 'NoExpiryKnown' } },
    'of what is far off is NotSoon, until the warning begins': {
      of: [known(30 * DAY)],
      want: { status: 'False', reason: 'NotSoon', earliest: NOW + 30 * DAY, changesAt: NOW + 16 * DAY },
      says: 'the password of Secret regcred-system/robot for ghcr.io, on 2027-02-14T00:00:00Z',
    },
    'begins to warn exactly at the warning': {
      of: [known(WARNING)],
      want: { status: 'True', reason: 'ExpiresSoon', changesAt: NOW + WARNING },
      says: 'ghcr.io: the password of Secret regcred-system/robot expires on 2027-01-29T00:00:00Z. Replace the password, and set the annotation',
    },
    'does not warn a millisecond before': { of: [known(WARNING + 1)], want: { status: 'False', reason: 'NotSoon' } },
    'is Expired at the very moment': {
      of: [known(0)],
      want: { status: 'True', reason: 'Expired', earliest: NOW },
      says: 'expired on 2027-01-15T00:00:00Z',
    },
    'is Expired if one of two is': {
      of: [known(DAY), known(-DAY)],
      want: { status: 'True', reason: 'Expired', earliest: NOW - DAY, changesAt: NOW + DAY },
    },
    'warns of a JWT in the last third of its life': {
      of: [jwtOf(3 * HOUR, HOUR)],
      want: { status: 'True', reason: 'ExpiresSoon' },
      says: 'with a new one',
    },
    'does not warn of a JWT in the first two thirds': {
      of: [jwtOf(3 * HOUR, 2 * HOUR)],
      want: { status: 'False', reason: 'NotSoon', changesAt: NOW + HOUR },
    },
    'warns of a JWT that lives for a year two weeks before': {
      of: [jwtOf(365 * DAY, 15 * DAY)],
      want: { status: 'False', reason: 'NotSoon', changesAt: NOW + DAY },
    },
    'warns of a JWT without an age like of any other': { of: [known(13 * DAY, { source: 'JWT' })], want: { reason: 'ExpiresSoon' } },
    'does not count a token that the operator refreshes': {
      of: [token(HOUR)],
      want: { status: 'False', reason: 'NotSoon', earliest: NOW + HOUR },
      says: 'The operator refreshes its tokens',
    },
    'does not count such a token even if it has expired': {
      of: [token(-HOUR), known(30 * DAY)],
      want: { status: 'False', reason: 'NotSoon', earliest: NOW + 30 * DAY },
    },
    'counts a token whose refresh is overdue': {
      of: [token(HOUR, 'AWS gives no token: AccessDenied.')],
      want: { status: 'True', reason: 'TokenRefreshOverdue' },
      says: 'ecr.example.com: the operator cannot refresh the token',
    },
    'reports a malformed annotation and ignores it': {
      of: [unknown({ isAnnotationMalformed: true })],
      want: { status: 'False', reason: 'NoExpiryKnown' },
      says: 'Secret regcred-system/robot, annotation regcred.dev/expires-at: the value is not an RFC 3339 time and is ignored.',
    },
    'names the most urgent first, and five at most': {
      of: [6, 5, 4, 3, 2, 1, 0].map((day) => known(day * DAY + 1, {}, { server: `r${day}.example.com` })),
      want: { reason: 'ExpiresSoon' },
      says: 'And 2 more.',
    },
  };
  for (const [what, { of, want, says = '' }] of Object.entries(table)) {
    it(what, () => {
      const condition = expiring(of, NOW, WARNING);
      expect(condition).to.include(want);
      expect(condition.message).to.contain(says);
    });
  }

  it('counts no others if it names all of five', () => {
    const five = Array.from({ length: 5 }, (_, day) => known(day * DAY + 1, {}, { server: `r${day}.example.com` }));
    expect(expiring(five, NOW, WARNING).message)
      .to.contain('r4.example.com')
      .and.not.contain('more');
  });

  it('names the server that expires first before the others', () => {
    const { message } = expiring([known(2 * DAY, {}, { server: 'later.example.com' }), known(DAY)], NOW, WARNING);
    expect(message).to.match(/^ghcr\.io: .* later\.example\.com: /);
  });
});
