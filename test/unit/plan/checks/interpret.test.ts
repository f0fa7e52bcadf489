import { expect } from 'chai';
import fc from 'fast-check';
import { interpret, type Result } from '../../../../src/plan/checks/interpret.ts';
import type { Answer, Attempt, Failure, FailureClass, Observation, Reply } from '../../../../src/plan/checks/observation.ts';

const QUESTION = { server: 'ghcr.io', secret: 'Secret regcred-system/robot', probeImage: 'acme/web:1', wasProven: false };

const answer = (status: number, ...codes: string[]): Answer => ({
  kind: 'answer',
  status,
  codes,
  hasUnknownCode: false,
  isHtml: false,
  deniesAddress: false,
  isEcrRefusal: false,
});
const failure = (why: FailureClass, code?: string): Failure => ({ kind: 'failure', why, ...(code !== undefined && { code }) });
const anonymous = (reply: Reply): Attempt => ({ at: 'registry', sent: 'nothing', reply });
const basic = (reply: Reply): Attempt => ({ at: 'registry', sent: 'login', reply });
const tokenRequest = (reply: Reply): Attempt => ({ at: 'token service', tokenHost: 'auth.example.com', sent: 'login', reply });
const bearer = (reply: Reply): Attempt => ({ at: 'registry', sent: 'token', reply });
const anonymousToken = (reply: Reply): Attempt => ({ at: 'token service', sent: 'nothing', reply });
const asked = (login: Attempt, image?: readonly [anonymous: Attempt, login?: Attempt]): Observation => ({
  state: 'asked',
  login,
  ...(image && { image: { anonymous: image[0], ...(image[1] && { login: image[1] }) } }),
});

type Row = { observed: Observation; want: Result; says?: string; proven?: boolean; retryAfter?: number };

const rows: Record<string, Record<string, Row>> = {
  'that was not asked': {
    'is Pending': { observed: { state: 'pending' }, want: 'Pending', says: 'not asked yet' },
    'because it is a pattern': { observed: { state: 'not-asked', why: 'pattern' }, want: 'NotAsked', says: 'not the name of one host' },
    'because there are too many': { observed: { state: 'not-asked', why: 'too-many' }, want: 'NotAsked', says: '64' },
    'because checks are off': { observed: { state: 'not-asked', why: 'disabled' }, want: 'NotAsked', says: '--verification=off' },
    'because of its address': { observed: asked(anonymous(failure('address', 'loopback'))), want: 'NotAsked', says: '(loopback)' },
    'because of the address of its token service': {
      observed: asked({ at: 'token service', tokenHost: 'auth.example.com', sent: 'login', reply: failure('address', 'metadata') }),
      want: 'NotAsked',
      says: 'The token service auth.example.com of ghcr.io is not asked',
    },
  },
  'asked without a probe image': {
    'that wants no login is Public': { observed: asked(anonymous(answer(200))), want: 'Public', says: 'asks for no login' },
    'that accepts a password is NotRefused': { observed: asked(basic(answer(200))), want: 'NotRefused', says: 'set probeImage' },
    'that accepts a token is NotRefused': { observed: asked(bearer(answer(200))), want: 'NotRefused' },
    'that issues a token which has no scope is NotRefused': {
      observed: asked(bearer(answer(401, 'UNAUTHORIZED', 'insufficient_scope'))),
      want: 'NotRefused',
    },
    'that answers 401 to the password is Refused': {
      observed: asked(basic(answer(401, 'UNAUTHORIZED'))),
      want: 'Refused',
      says: 'ghcr.io refuses the login of Secret regcred-system/robot (HTTP 401, UNAUTHORIZED). Put a password',
    },
    'whose token service answers 401 without a code (Docker Hub) is Refused': {
      observed: asked(tokenRequest(answer(401))),
      want: 'Refused',
    },
    'whose token service answers 403 DENIED (GHCR) is Refused': {
      observed: asked(tokenRequest(answer(403, 'DENIED'))),
      want: 'Refused',
      says: '(HTTP 403, DENIED, from its token service auth.example.com)',
    },
    'whose token service answers 401 with an OAuth error is Refused': {
      observed: asked(tokenRequest(answer(401, 'invalid_client'))),
      want: 'Refused',
    },
    'that answers 403 with a code of its own is Refused': {
      observed: asked(basic({ ...answer(403), hasUnknownCode: true })),
      want: 'Refused',
      says: 'an error code that is not in the standards',
    },
    'that answers 401 to the token is Refused': { observed: asked(bearer(answer(401, 'invalid_token'))), want: 'Refused' },
    'ECR answers 403 in plain text to an expired token': {
      observed: asked(basic({ ...answer(403), isEcrRefusal: true })),
      want: 'Refused',
      says: 'A token lives for 12 hours',
    },
    'public ECR answers 400 to an expired token': {
      observed: asked(bearer({ ...answer(400, 'DENIED'), isEcrRefusal: true })),
      want: 'Refused',
      says: 'HTTP 400, DENIED',
    },
    'that answers 403 without a code is Unreachable': { observed: asked(basic(answer(403))), want: 'Unreachable', says: 'HTTP 403' },
    'that answers 403 before a login is Unreachable': { observed: asked(anonymous(answer(403, 'DENIED'))), want: 'Unreachable' },
    'that wants a login in a strange way is Unreachable': {
      observed: asked(anonymous(answer(401))),
      want: 'Unreachable',
      says: 'neither Basic nor Bearer',
    },
    'that denies the address (ACR) before a login is Unreachable': {
      observed: asked(anonymous({ ...answer(403, 'DENIED'), deniesAddress: true })),
      want: 'Unreachable',
      says: 'does not allow the address that the operator calls from (HTTP 403, DENIED)',
    },
    'that denies the address after a login is Unreachable': {
      observed: asked(tokenRequest({ ...answer(403, 'DENIED'), deniesAddress: true })),
      want: 'Unreachable',
    },
    'that answers 400 to a login is Unreachable': { observed: asked(basic(answer(400))), want: 'Unreachable' },
    'that answers 404 is Unreachable': { observed: asked(anonymous(answer(404))), want: 'Unreachable', says: 'not the protocol' },
    'a web page with 200 is Unreachable': {
      observed: asked(anonymous({ ...answer(200), isHtml: true })),
      want: 'Unreachable',
      says: 'web page',
    },
    'a web page with 401 is Unreachable': { observed: asked(basic({ ...answer(401), isHtml: true })), want: 'Unreachable' },
    '429 is Unreachable, and its Retry-After is passed on': {
      observed: asked(tokenRequest({ ...answer(429, 'TOOMANYREQUESTS'), retryAfterSeconds: 120 })),
      want: 'Unreachable',
      says: 'too many requests (HTTP 429, TOOMANYREQUESTS)',
      retryAfter: 120,
    },
    '401 with TOOMANYREQUESTS is Unreachable': { observed: asked(basic(answer(401, 'TOOMANYREQUESTS'))), want: 'Unreachable' },
    '403 with temporarily_unavailable is Unreachable': {
      observed: asked(tokenRequest(answer(403, 'temporarily_unavailable'))),
      want: 'Unreachable',
    },
    '407 from a proxy is Unreachable': { observed: asked(anonymous(answer(407))), want: 'Unreachable', says: 'proxy' },
    '408 is Unreachable': { observed: asked(anonymous(answer(408))), want: 'Unreachable', says: 'out of order' },
    '500 is Unreachable': { observed: asked(anonymous(answer(500))), want: 'Unreachable', says: 'out of order (HTTP 500)' },
    '503 of the token service is Unreachable': {
      observed: asked(tokenRequest(answer(503))),
      want: 'Unreachable',
      says: 'token service auth.example.com',
    },
  },
  'that does not answer': Object.fromEntries(
    (
      [
        ['dns', 'cannot resolve the name (ENOTFOUND)', 'ENOTFOUND'],
        ['connection-refused', 'refuses the connection (ECONNREFUSED)', 'ECONNREFUSED'],
        ['network', 'the connection fails (ECONNRESET)', 'ECONNRESET'],
        ['timeout', 'does not answer in time', undefined],
        ['tls', 'no trusted TLS connection (SELF_SIGNED_CERT_IN_CHAIN). Set caBundle', 'SELF_SIGNED_CERT_IN_CHAIN'],
        ['tls', '(CERT_HAS_EXPIRED). The certificate has expired.', 'CERT_HAS_EXPIRED'],
        ['tls', 'The certificate is for another name', 'ERR_TLS_CERT_ALTNAME_INVALID'],
        ['tls', 'add ghcr.io to --insecure-registries', 'ERR_SSL_WRONG_VERSION_NUMBER'],
        ['proxy', 'through the proxy', undefined],
        ['proxy-login', 'HTTP 407', undefined],
        ['protocol', 'does not speak the protocol', undefined],
        ['redirect', 'redirects to another place', undefined],
        ['too-large', 'too large', undefined],
        ['insecure-realm', 'a password is sent over TLS only', undefined],
        ['no-token', 'without a token', undefined],
      ] as const
    ).map(([why, says, code]) => [
      `${why}${code === undefined ? '' : ` (${code})`} is Unreachable`,
      { observed: asked(anonymous(failure(why, code))), want: 'Unreachable' as const, says },
    ]),
  ),
  'asked with a probe image': {
    'that only the login can pull is Proven': {
      observed: asked(bearer(answer(200)), [anonymous(answer(401)), bearer(answer(200))]),
      want: 'Proven',
    },
    'that only the password can pull is Proven, also if /v2/ is open': {
      observed: asked(anonymous(answer(200)), [anonymous(answer(401)), basic(answer(200))]),
      want: 'Proven',
      says: 'Secret regcred-system/robot can pull acme/web:1',
    },
    'that anybody can pull is Public': {
      observed: asked(bearer(answer(200)), [anonymous(answer(200))]),
      want: 'Public',
      says: 'anybody can pull acme/web:1',
    },
    'that anybody can pull is Refused if the login is refused': { observed: asked(tokenRequest(answer(403, 'DENIED'))), want: 'Refused' },
    'that is missing is NotRefused': {
      observed: asked(bearer(answer(200)), [anonymous(answer(401)), bearer(answer(404))]),
      want: 'NotRefused',
      says: '(HTTP 404). Check probeImage',
    },
    'that is missing and was Proven is NotRefused': {
      observed: asked(bearer(answer(200)), [anonymous(answer(401)), bearer(answer(404))]),
      want: 'NotRefused',
      proven: true,
    },
    'that is denied is NotRefused': {
      observed: asked(bearer(answer(200)), [anonymous(answer(401)), bearer(answer(403))]),
      want: 'NotRefused',
      says: 'The login itself is not refused',
    },
    'that is denied and was Proven is Refused': {
      observed: asked(bearer(answer(200)), [anonymous(answer(401)), bearer(answer(401, 'insufficient_scope'))]),
      want: 'Refused',
      proven: true,
      says: 'could pull it before',
    },
    'that the token service denies to an accepted login is NotRefused': {
      observed: asked(bearer(answer(200)), [anonymousToken(answer(403, 'DENIED')), tokenRequest(answer(403, 'DENIED'))]),
      want: 'NotRefused',
    },
    '401 for the token, but 200 for /v2/, is Refused': {
      observed: asked(anonymous(answer(200)), [anonymousToken(answer(401)), tokenRequest(answer(401))]),
      want: 'Refused',
    },
    '401 for the image, but 200 for /v2/, is Refused': {
      observed: asked(anonymous(answer(200)), [anonymous(answer(401)), basic(answer(401))]),
      want: 'Refused',
    },
    '403 for the image, and 200 for /v2/, is a denied image': {
      observed: asked(anonymous(answer(200)), [anonymous(answer(401)), basic(answer(403))]),
      want: 'NotRefused',
    },
    'that nobody may see without a login, and that is not asked for, is Public': {
      observed: asked(anonymous(answer(200)), [anonymous(answer(404)), anonymous(answer(404))]),
      want: 'Public',
      says: 'has no image acme/web:1 (HTTP 404)',
    },
    'whose token service gives nothing to strangers is asked on': {
      observed: asked(bearer(answer(200)), [anonymousToken(answer(400, 'invalid_request')), bearer(answer(200))]),
      want: 'Proven',
    },
    'whose registry is too busy is Unreachable': {
      observed: asked(bearer(answer(200)), [anonymous({ ...answer(429), retryAfterSeconds: 5 })]),
      want: 'Unreachable',
      retryAfter: 5,
    },
    'whose registry is out of order is Unreachable': {
      observed: asked(bearer(answer(200)), [anonymous(answer(401)), bearer(answer(502))]),
      want: 'Unreachable',
    },
    'that is redirected is Unreachable': {
      observed: asked(bearer(answer(200)), [anonymous(answer(401)), bearer(failure('redirect'))]),
      want: 'Unreachable',
    },
  },
};

describe('A registry', () => {
  for (const [group, table] of Object.entries(rows)) {
    describe(group, () => {
      for (const [what, { observed, want, says = '', proven = false, retryAfter }] of Object.entries(table)) {
        it(what, () => {
          const { result, message, retryAfterSeconds } = interpret(observed, { ...QUESTION, wasProven: proven });
          expect(result).to.equal(want);
          expect(message).to.contain('ghcr.io').and.contain(says);
          expect(message).to.match(/\.$/);
          if (observed.state === 'asked') expect(message).to.contain('Secret regcred-system/robot');
          expect(retryAfterSeconds).to.equal(retryAfter);
        });
      }
    });
  }

  const reply: fc.Arbitrary<Reply> = fc.oneof(
    fc.record({
      kind: fc.constant('answer' as const),
      status: fc.constantFrom(200, 202, 204, 301, 400, 401, 403, 404, 407, 408, 418, 429, 500, 503),
      codes: fc.subarray(['UNAUTHORIZED', 'DENIED', 'TOOMANYREQUESTS', 'insufficient_scope', 'invalid_client', 'NAME_UNKNOWN']),
      hasUnknownCode: fc.boolean(),
      isHtml: fc.boolean(),
      deniesAddress: fc.boolean(),
      isEcrRefusal: fc.boolean(),
    }),
    fc.constantFrom<FailureClass>('dns', 'tls', 'timeout', 'address', 'redirect', 'no-token').map((why) => failure(why)),
  );
  const attempt: fc.Arbitrary<Attempt> = fc.record({
    at: fc.constantFrom('registry', 'token service'),
    sent: fc.constantFrom('nothing', 'login', 'token'),
    reply,
  });
  const observation: fc.Arbitrary<Observation> = fc.record({
    state: fc.constant('asked' as const),
    login: attempt,
    image: fc.option(fc.record({ anonymous: attempt, login: attempt }), { nil: undefined }),
  }) as fc.Arbitrary<Observation>;

  it('is never Refused without an answer to the login itself, and never Proven by what anybody gets', () => {
    fc.assert(
      fc.property(observation, fc.boolean(), (observed, wasProven) => {
        const { result } = interpret(observed, { ...QUESTION, wasProven });
        if (observed.state !== 'asked') return;
        const { login, image } = observed;
        const isNo = ({ sent, reply }: Attempt) =>
          sent !== 'nothing' && reply.kind === 'answer' && !reply.isHtml && !reply.deniesAddress && [400, 401, 403].includes(reply.status);
        if (result === 'Refused') expect([login, image?.login].some((one) => one !== undefined && isNo(one))).to.equal(true);
        if (result === 'Proven') {
          expect(image?.login?.sent).to.not.equal('nothing');
          expect(image?.anonymous.reply).to.not.have.property('status', 200);
        }
      }),
      { numRuns: 10_000 },
    );
  });
});
