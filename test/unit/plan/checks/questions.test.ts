import { expect } from 'chai';
import { messageFor, questionsFor, SHARED_SECRET, textOf } from '../../../../src/plan/checks/questions.ts';
import type { Candidate } from '../../../../src/plan/content/candidates.ts';
import { base64 } from '../../../support/builders.ts';

const PEM = `-----BEGIN CERTIFICATE-----\n${base64('a certificate')}\n-----END CERTIFICATE-----`;
const auth = { username: 'robot', password: 'sample-password', auth: base64('robot:sample-password') };
const candidate = (mods: Partial<Candidate> = {}): Candidate => ({ auth, source: 'regcred-system/robot', ...mods });

/** What to ask about these servers. */
function ask(
  servers: Readonly<Record<string, Candidate>>,
  { isEnabled = true, malformed }: { isEnabled?: boolean; malformed?: number } = {},
) {
  return questionsFor(new Map(Object.entries(servers)), { isEnabled, allowPrivate: true }, () => malformed);
}

describe('The questions for a credential', () => {
  it('are one for each server, in the order of the names', () => {
    const askedAt = (server: string, host: string) => ({
      server,
      question: {
        server,
        host,
        auth: auth.auth,
        allowPrivate: true,
        caBundle: [],
        secret: 'Secret regcred-system/robot',
        isFetched: false,
      },
      warnings: [],
    });
    expect(ask({ 'quay.io': candidate(), 'ghcr.io/acme': candidate() })).to.deep.equal([
      askedAt('ghcr.io/acme', 'ghcr.io'),
      askedAt('quay.io', 'quay.io'),
    ]);
  });

  it('are none about a pattern', () => {
    expect(ask({ '*.example.com': candidate() })).to.deep.equal([{ server: '*.example.com', unanswered: 'pattern', warnings: [] }]);
  });

  it('are none if checks are off', () => {
    expect(ask({ 'ghcr.io': candidate() }, { isEnabled: false })).to.deep.equal([
      { server: 'ghcr.io', unanswered: 'disabled', warnings: [] },
    ]);
  });

  it('are about 64 servers at most, and patterns do not count', () => {
    const many = Object.fromEntries(Array.from({ length: 66 }, (_, n) => [`r${String(n).padStart(2, '0')}.example.com`, candidate()]));
    const checks = ask({ '*.example.com': candidate(), ...many });
    expect(checks.filter(({ question }) => question)).to.have.lengthOf(64);
    expect(checks.filter(({ unanswered }) => unanswered === 'too-many').map(({ server }) => server)).to.deep.equal([
      'r64.example.com',
      'r65.example.com',
    ]);
  });

  it('have the probe image and the certificates', () => {
    const [check] = ask({ 'ghcr.io': candidate({ probeImage: 'acme/web:1', caBundle: base64(PEM) }) });
    expect(check?.question).to.deep.include({
      image: { repository: 'acme/web', reference: '1' },
      probeImage: 'acme/web:1',
      caBundle: [PEM],
    });
  });

  const unusable: Record<string, { mods: Partial<Candidate>; malformed?: number; warning: RegExp }> = {
    'a probe image that cannot be parsed': {
      mods: { probeImage: 'ACME/web' },
      warning: /^probeImage of server ghcr\.io: .*It is ignored\.$/,
    },
    'a caBundle that is not base64': { mods: { caBundle: '§' }, warning: /^caBundle of server ghcr\.io: .*It is ignored\.$/ },
    'a certificate that is no X.509': {
      mods: { caBundle: base64(PEM) },
      malformed: 1,
      warning: /^caBundle of server ghcr\.io: certificate 1 is not an X\.509 certificate\. The caBundle is ignored\.$/,
    },
  };
  for (const [what, { mods, malformed, warning }] of Object.entries(unusable)) {
    it(`leave out ${what}, and say so`, () => {
      const [check] = ask({ 'ghcr.io': candidate(mods) }, malformed === undefined ? {} : { malformed });
      expect(check?.warnings).to.have.lengthOf(1);
      expect(check?.warnings[0]).to.match(warning);
      expect(check?.question).to.deep.include({ caBundle: [] }).and.not.have.property('image');
    });
  }
});

describe('Two questions', () => {
  const textFor = (server: string, mods: Partial<Candidate> = {}) => {
    const [check] = ask({ [server]: candidate(mods) });
    return check?.question && textOf(check.question);
  };
  const other = { username: 'robot', password: 'other', auth: base64('robot:other') };
  const cases: Record<string, { a: [string, Partial<Candidate>?]; b: [string, Partial<Candidate>?]; equal: boolean }> = {
    'about the same content from two Secrets are one': { a: ['ghcr.io'], b: ['ghcr.io', { source: 'other/robot' }], equal: true },
    'about one probe image that is written in two ways are one': {
      a: ['https://index.docker.io/v1/', { probeImage: 'nginx' }],
      b: ['https://index.docker.io/v1/', { probeImage: 'library/nginx:latest' }],
      equal: true,
    },
    'about two servers are two': { a: ['ghcr.io'], b: ['quay.io'], equal: false },
    'about two paths of one host are two': { a: ['ghcr.io/a'], b: ['ghcr.io/b'], equal: false },
    'about two passwords are two': { a: ['ghcr.io'], b: ['ghcr.io', { auth: other }], equal: false },
    'with another probe image are two': { a: ['ghcr.io'], b: ['ghcr.io', { probeImage: 'acme/web' }], equal: false },
    'with another caBundle are two': { a: ['ghcr.io'], b: ['ghcr.io', { caBundle: base64(PEM) }], equal: false },
  };
  for (const [what, { a, b, equal }] of Object.entries(cases)) {
    it(what, () => {
      expect(textFor(...a)).to.be.a('string');
      expect(textFor(...a) === textFor(...b)).to.equal(equal);
    });
  }

  it('of which one may reach private addresses and the other may not are two', () => {
    const texts = [true, false].map((allowPrivate) => {
      const [check] = questionsFor(new Map([['ghcr.io', candidate()]]), { isEnabled: true, allowPrivate }, () => undefined);
      return JSON.parse(check?.question ? textOf(check.question) : '') as string[];
    });
    expect(texts.map((text) => text.includes('public addresses'))).to.deep.equal([false, true]);
  });

  it("that are one have an answer that names each one's own Secret", () => {
    expect(messageFor(`ghcr.io refuses the login of ${SHARED_SECRET}. Change ${SHARED_SECRET}.`, { secret: 'Secret a/b' })).to.equal(
      'ghcr.io refuses the login of Secret a/b. Change Secret a/b.',
    );
  });
});
