import { expect } from 'chai';
import { messageFor } from '../../../src/plan/checks/questions.ts';
import type { CheckState } from '../../../src/reconcile/registry-checks.ts';
import { type ANSWERS, askedRegistries, HOUR, question, recordOf, resultsOf } from '../../support/asked-registries.ts';
import { refTo } from '../../support/reconcilers.ts';

const MINUTE = 60_000;
const GHCR = question('ghcr.io');

describe('The checks of registries', () => {
  let registries: ReturnType<typeof askedRegistries>;
  afterEach(() => registries.end());

  const start = (says: Record<string, keyof typeof ANSWERS> = {}) => {
    registries = askedRegistries(says);
    return registries;
  };
  const names = (count: number) => Array.from({ length: count }, (_, n) => `credential-${n}`);

  describe('are shared', () => {
    it('between ten credentials with the same question, each of which learns the answer', async () => {
      const { want, pass, asked, answered } = start();
      for (const name of names(10)) expect(resultsOf(want(name, [GHCR]))).to.deep.equal([undefined]);
      await pass(1000);
      expect(asked).to.have.lengthOf(1);
      expect(answered).to.have.members(names(10));
      for (const name of names(10)) expect(resultsOf(want(name, [GHCR]))).to.deep.equal(['NotRefused']);
    });

    it("and the message of each credential names that credential's Secret", async () => {
      const { want, pass, asked } = start({ 'ghcr.io': 'refused' });
      const ofTwo = [question('ghcr.io', { secret: 'Secret one/robot' }), question('ghcr.io', { secret: 'Secret two/robot' })];
      for (const [n, one] of ofTwo.entries()) want(`credential-${n}`, [one]);
      await pass(1000);
      expect(asked).to.have.lengthOf(1);
      for (const [n, one] of ofTwo.entries()) {
        const message = messageFor(recordOf(want(`credential-${n}`, [one])).message, one);
        expect(message)
          .to.contain(one.secret)
          .and.not.contain((ofTwo[1 - n] as typeof one).secret);
      }
    });

    const others = {
      password: question('ghcr.io', { password: 'other' }),
      caBundle: question('ghcr.io', { caBundle: ['pem'] }),
      'probe image': question('ghcr.io', { image: { repository: 'acme/web', reference: '1' }, probeImage: 'acme/web:1' }),
      server: question('ghcr.io/acme'),
    };
    for (const [what, other] of Object.entries(others)) {
      it(`but not with another ${what}`, async () => {
        const { want, pass, asked } = start();
        want('acme', [GHCR]);
        want('other', [other]);
        await pass(1000);
        expect(asked).to.have.lengthOf(2);
      });
    }
  });

  describe('are careful', () => {
    it('one request at a time for each host, and four hosts at a time', async () => {
      const { want, pass, most, asked } = start();
      for (const [n, name] of names(16).entries()) {
        want(
          name,
          Array.from({ length: 8 }, (_, host) => question(`r${host}.example.com`, { password: `sample-password-${n}` })),
        );
      }
      await pass(5 * MINUTE);
      expect(asked).to.have.lengthOf(128);
      expect(most).to.deep.equal({ perHost: 1, hosts: 4 });
    });

    it('an accepted login is asked about again after the interval, more or less', async () => {
      const { want, pass, asked } = start();
      want('acme', [GHCR]);
      await pass(5.6 * HOUR);
      expect(asked).to.have.lengthOf(1);
      await pass(0.8 * HOUR);
      expect(asked).to.have.lengthOf(2);
    });

    it('a refused login is asked about after 1, 2 and 4 hours, and at once if it changes', async () => {
      const { want, pass, asked } = start({ 'ghcr.io': 'refused' });
      want('acme', [GHCR]);
      await pass(8 * HOUR);
      expect(asked.map(({ at }) => Math.floor(at / HOUR))).to.deep.equal([0, 1, 3, 7]);
      want('acme', [question('ghcr.io', { password: 'new' })]);
      await pass(1000);
      expect(asked).to.have.lengthOf(5);
    });

    it('a refused login is not asked about before its time, over any number of restarts', async () => {
      const { want, pass, restart, asked } = start({ 'ghcr.io': 'refused' });
      want('acme', [GHCR]);
      await pass(1000);
      for (let n = 0; n < 10; n++) {
        const known = recordOf(want('acme', [GHCR]));
        await restart();
        expect(resultsOf(want('acme', [GHCR], { known }))).to.deep.equal(['Refused']);
        await pass(5 * MINUTE);
      }
      expect(asked).to.have.lengthOf(1);
      await pass(0.5 * HOUR);
      expect(asked).to.have.lengthOf(2);
      expect(recordOf(want('acme', [GHCR])).times).to.equal(2);
    });

    it('a registry that fails is asked after 1, 2 and 4 minutes, and up to the interval', async () => {
      const { want, pass, asked } = start({ 'ghcr.io': 'failing' });
      want('acme', [GHCR], { intervalMs: 10 * MINUTE });
      await pass(40 * MINUTE);
      expect(asked.map(({ at }) => Math.floor(at / MINUTE))).to.deep.equal([0, 1, 3, 7, 15, 26, 36]);
    });

    it('after a fault of the program they are repeated with the same back-off, and the result says so', async () => {
      const { want, pass, asked, faulty } = start();
      faulty.add('ghcr.io');
      want('acme', [GHCR], { intervalMs: 10 * MINUTE });
      await pass(8 * MINUTE);
      expect(asked.map(({ at }) => Math.floor(at / MINUTE))).to.deep.equal([0, 1, 3, 7]);
      const { result, message } = recordOf(want('acme', [GHCR]));
      expect(result).to.equal('Unreachable');
      expect(message).to.contain('a fault of the operator');
    });

    it('a registry that asks for a pause gets it, with regard to all first questions', async () => {
      const { want, pass, count } = start({ 'ghcr.io': 'busy' });
      for (const name of names(20)) want(name, [question('ghcr.io', { password: name })]);
      await pass(4.9 * MINUTE);
      expect(count('ghcr.io')).to.equal(1);
      expect(resultsOf(want('credential-7', [question('ghcr.io', { password: 'credential-7' })]))).to.deep.equal(['Unreachable']);
    });

    it('on request they are repeated, once a minute at most', async () => {
      const { want, pass, asked, checks } = start();
      want('acme', [GHCR, question('quay.io')]);
      await pass(1000);
      for (let n = 0; n < 12; n++) {
        checks.request(refTo('acme'));
        await pass(10_000);
      }
      expect(asked.map(({ host, at }) => `${host} ${Math.floor(at / MINUTE)}`)).to.have.members([
        'ghcr.io 0',
        'quay.io 0',
        'ghcr.io 1',
        'quay.io 1',
        'ghcr.io 2',
        'quay.io 2',
      ]);
      await pass(HOUR);
      expect(asked.length).to.be.at.most(8);
    });
  });

  describe('are not delayed', () => {
    it('by another host that hangs', async () => {
      const { want, pass, count } = start({ 'slow.example.com': 'timeout' });
      for (const name of names(10)) want(name, [question('slow.example.com', { password: name }), question('ghcr.io', { password: name })]);
      await pass(15_000);
      expect(count('ghcr.io')).to.equal(10);
      expect(count('slow.example.com')).to.equal(1);
    });

    for (const says of ['timeout', 'tokenTimeout'] as const) {
      it(`by registries that hang: no question of 64 credentials is pending for two minutes (${says})`, async () => {
        const hosts = Array.from({ length: 8 }, (_, n) => `r${n}.example.com`);
        const { want, pass, asked, counted } = start(Object.fromEntries(hosts.slice(0, 7).map((host) => [host, says])));
        const questionsOf = (name: string) => hosts.map((host) => question(host, { password: name }));
        for (const name of names(64)) want(name, questionsOf(name));
        await pass(2 * MINUTE - 1000);
        const results = names(64).flatMap((name) => resultsOf(want(name, questionsOf(name))));
        expect(results.filter((result) => result === undefined)).to.have.lengthOf(0);
        expect(results.filter((result) => result === 'NotRefused')).to.have.lengthOf(64);
        // 64 to the host that answers. The others are asked again and again, one question after the other.
        expect(asked.length).to.be.below(64 + 7 * 8);
        expect(counted.filter((result) => result === 'NotRefused')).to.have.lengthOf(64);
      });
    }
  });

  it('of a host that does not answer are repeated one at a time, however many there are', async () => {
    const { want, pass, count } = start({ 'slow.example.com': 'timeout' });
    const name = (n: number) => `credential-${n}`;
    for (let n = 0; n < 64; n++) want(name(n), [question('slow.example.com', { password: name(n) })]);
    await pass(16 * MINUTE);
    // At first, and after 1, 2 and 4 minutes.
    expect(count('slow.example.com')).to.be.within(4, 5);
  });

  it('use what another credential remembers of the same question', async () => {
    const { want, pass, asked, clock } = start();
    const known = { result: 'Refused', message: 'It refuses.', at: clock.now - MINUTE, times: 1 } as const;
    want('new', [GHCR]);
    expect(resultsOf(want('acme', [GHCR], { known }))).to.deep.equal(['Refused']);
    expect(resultsOf(want('new', [GHCR]))).to.deep.equal(['Refused']);
    await pass(30 * MINUTE);
    expect(asked.length).to.be.at.most(1);
  });

  describe('drop an answer', () => {
    it('for a credential that changed while its registry was asked', async () => {
      const { want, pass, answered, counted } = start({ 'slow.example.com': 'timeout' });
      want('acme', [question('slow.example.com')]);
      await pass(1000);
      want('acme', [question('slow.example.com', { password: 'new' })]);
      await pass(20_000);
      expect(answered).to.deep.equal([]);
      expect(counted).to.deep.equal([]);
      await pass(21_000);
      expect(answered).to.deep.equal(['acme']);
    });

    it('for a credential that is gone', async () => {
      const { want, pass, checks, answered, asked } = start({ 'slow.example.com': 'timeout' });
      want('acme', [question('slow.example.com')]);
      await pass(1000);
      checks.forget(refTo('acme'));
      await pass(HOUR);
      expect(answered).to.deep.equal([]);
      expect(asked).to.have.lengthOf(1);
    });

    it('at the end of the term, and abort the request', async () => {
      const { want, pass, checks, answered, log } = start({ 'slow.example.com': 'timeout' });
      want('acme', [question('slow.example.com')]);
      await pass(1000);
      await checks.end();
      await pass(HOUR);
      expect(answered).to.deep.equal([]);
      expect(log.lines).to.deep.equal([]);
    });
  });

  describe('remember', () => {
    const probe = question('ghcr.io', { image: { repository: 'acme/web', reference: '1' }, probeImage: 'acme/web:1' });

    it('that a probe image could be pulled: its denial is a refusal then', async () => {
      const { want, pass, answers } = start({ 'ghcr.io': 'proven' });
      want('acme', [probe]);
      await pass(1000);
      expect(resultsOf(want('acme', [probe]))).to.deep.equal(['Proven']);
      answers['ghcr.io'] = 'imageDenied';
      await pass(7 * HOUR);
      expect(resultsOf(want('acme', [probe]))).to.deep.equal(['Refused']);
    });

    it('nothing of the kind about an image that never could be pulled', async () => {
      const { want, pass } = start({ 'ghcr.io': 'imageDenied' });
      want('acme', [probe]);
      await pass(1000);
      expect(resultsOf(want('acme', [probe]))).to.deep.equal(['NotRefused']);
    });

    it("GitHub's word about an expiry as long as GitHub answers nothing else", async () => {
      const { want, pass, answers } = start({ 'ghcr.io': 'expiring' });
      const expiryAfter = async (said: keyof typeof ANSWERS) => {
        answers['ghcr.io'] = said;
        want('acme', [GHCR]);
        await pass(7 * HOUR);
        return recordOf(want('acme', [GHCR])).githubExpiry;
      };
      expect(await expiryAfter('expiring')).to.equal('2027-01-31 00:00:00 UTC');
      expect(await expiryAfter('unknownExpiry')).to.equal('2027-01-31 00:00:00 UTC');
      expect(await expiryAfter('noExpiry')).to.equal(undefined);
    });
  });

  it('tell how long a question waits for its first answer', async () => {
    const { want, pass } = start({ 'slow.example.com': 'timeout' });
    const pendingMs = () => want('acme', [question('slow.example.com')]).map((state: CheckState) => state.pendingMs);
    expect(pendingMs()).to.deep.equal([0]);
    await pass(5000);
    expect(pendingMs()).to.deep.equal([5000]);
  });
});
