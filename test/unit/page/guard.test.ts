import { expect } from 'chai';
import { judge, type PageRequest } from '../../../src/page/guard.ts';

const EXPECTED = { port: 4711, token: 'sample-token-of-this-run' };
const HOST = '127.0.0.1:4711';

/** A request that is answered, with what a test changes. */
const asked = (mods: Partial<PageRequest> = {}): PageRequest => ({
  method: 'GET',
  url: `/${EXPECTED.token}/`,
  host: HOST,
  origin: undefined,
  ...mods,
});

describe('A request to the page', () => {
  const routes: Record<string, string> = { '': 'page', stream: 'stream', 'namespace?name=shop': 'namespace' };
  for (const [path, route] of Object.entries(routes)) {
    it(`for /TOKEN/${path} gets the ${route}`, () =>
      expect(judge(asked({ url: `/${EXPECTED.token}/${path}` }), EXPECTED)).to.include({ route }));
  }

  it('may name localhost, and comes from the page itself', () =>
    expect(judge(asked({ host: 'localhost:4711', origin: 'http://localhost:4711' }), EXPECTED)).to.include({ route: 'page' }));

  const refused: Record<string, readonly [Partial<PageRequest>, status: number]> = {
    'without a token': [{ url: '/' }, 403],
    'with another token': [{ url: '/sample-token-of-that-run/' }, 403],
    'with the beginning of the token': [{ url: `/${EXPECTED.token.slice(0, -1)}/` }, 403],
    'with the token elsewhere': [{ url: `/?token=${EXPECTED.token}` }, 403],
    'of a page with a DNS name that leads here': [{ host: 'evil.example.com:4711' }, 403],
    'with the address of another port': [{ host: '127.0.0.1:4712' }, 403],
    'without a Host': [{ host: undefined }, 403],
    'of a script of another page': [{ origin: 'http://evil.example.com' }, 403],
    'of a script in a sandbox': [{ origin: 'null' }, 403],
    'of a script of another program on this machine': [{ origin: 'http://127.0.0.1:8080' }, 403],
    'that would write': [{ method: 'POST' }, 405],
    'for anything else': [{ url: `/${EXPECTED.token}/secrets` }, 404],
    'for a member of every object': [{ url: `/${EXPECTED.token}/constructor` }, 404],
    'for something below': [{ url: `/${EXPECTED.token}/stream/x` }, 404],
    'for the token without a slash': [{ url: `/${EXPECTED.token}` }, 404],
  };
  for (const [what, [mods, status]] of Object.entries(refused)) {
    it(`${what} is refused with ${status}`, () => expect(judge(asked(mods), EXPECTED)).to.include({ refused: status }));
  }
});
