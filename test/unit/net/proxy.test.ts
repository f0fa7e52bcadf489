import { expect } from 'chai';
import { parseProxy, proxyFor, proxySettings } from '../../../src/net/proxy.ts';

const PROXY = 'http://proxy.example.com:3128';

describe('NO_PROXY', () => {
  const table: Record<string, readonly [noProxy: string, host: string, isDirect: boolean]> = {
    'that is empty covers nothing': ['', 'ghcr.io', false],
    'covers a name': ['ghcr.io', 'ghcr.io', true],
    'covers a name in capitals': ['GHCR.IO', 'ghcr.io', true],
    'covers subdomains of a name': ['example.com', 'registry.example.com', true],
    'does not cover what ends like a name': ['example.com', 'notexample.com', false],
    'with a leading dot covers subdomains': ['.example.com', 'registry.example.com', true],
    'with a leading dot does not cover the name': ['.example.com', 'example.com', false],
    'with a star and a dot covers subdomains': ['*.example.com', 'registry.example.com', true],
    'that is a star covers all': ['*', 'ghcr.io', true],
    'with a port covers that port': ['ghcr.io:443', 'ghcr.io', true],
    'with a port does not cover another': ['ghcr.io:5000', 'ghcr.io', false],
    'covers an address': ['10.0.0.1', '10.0.0.1:5000', true],
    'covers an address with its port': ['10.0.0.1:5000', '10.0.0.1:5000', true],
    'covers a range': ['10.0.0.0/8', '10.1.2.3', true],
    'covers a range of IPv6': ['fd00::/8', '[fd00::1]:5000', true],
    'does not cover what is outside of a range': ['10.0.0.0/8', '11.0.0.1', false],
    'with a malformed range covers nothing': ['10.0.0.0/99,x/8', '10.0.0.1', false],
    'does not cover the names of a range': ['10.0.0.0/8', 'ghcr.io', false],
    'is a list with spaces': ['a.example, ghcr.io ,', 'ghcr.io', true],
  };
  for (const [what, [noProxy, host, isDirect]] of Object.entries(table)) {
    it(what, () => expect(proxyFor(new URL(`https://${host}`), { httpsProxy: PROXY, noProxy }) === undefined).to.equal(isDirect));
  }
});

describe('A proxy', () => {
  const both = { httpsProxy: PROXY, httpProxy: 'other.example.com:8080' };
  it('is read from the environment, in capitals first', () => {
    expect(proxySettings({})).to.deep.equal({});
    expect(proxySettings({ HTTPS_PROXY: 'a', https_proxy: 'b', http_proxy: 'c', NO_PROXY: '', no_proxy: 'd' })).to.deep.equal({
      httpsProxy: 'a',
      httpProxy: 'c',
      noProxy: 'd',
    });
  });
  it('is that of the scheme', () => {
    expect(proxyFor(new URL('https://ghcr.io'), both)).to.have.property('href', `${PROXY}/`);
    expect(proxyFor(new URL('http://ghcr.io'), both)).to.have.property('href', 'http://other.example.com:8080/');
    expect(proxyFor(new URL('http://ghcr.io'), { httpsProxy: PROXY })).to.equal(undefined);
  });
  it('is never used for this machine', () => {
    for (const host of ['localhost:5000', 'localhost.', 'a.localhost', '127.0.0.1', '127.1', '[::1]:5000'])
      expect(proxyFor(new URL(`https://${host}`), both), host).to.equal(undefined);
  });
  it('that is malformed is not the same as none', () =>
    expect(proxyFor(new URL('https://ghcr.io'), { httpsProxy: 'socks5://a' })).to.equal('malformed'));
  it('is spoken to over HTTP or HTTPS only', () => {
    expect(parseProxy('https://user:word@proxy.example.com')).to.be.instanceOf(URL);
    expect([parseProxy('ftp://proxy.example.com'), parseProxy('http://')]).to.deep.equal([undefined, undefined]);
  });
});
