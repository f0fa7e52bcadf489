import { expect } from 'chai';
import { mergeKubeconfigs } from '../../../src/kube/kubeconfig-files.ts';

const named = (kind: string, entries: Record<string, object>) => Object.entries(entries).map(([name, entry]) => ({ name, [kind]: entry }));
const file = (clusters: Record<string, object>, users: Record<string, object>, contexts: Record<string, object>, current = 'test') => ({
  directory: '/home/me/.kube',
  content: {
    clusters: named('cluster', clusters),
    users: named('user', users),
    contexts: named('context', contexts),
    'current-context': current,
  },
});
const HTTPS = { server: 'https://a.example.com/', 'certificate-authority': 'ca.pem' };
const context = { test: { cluster: 'test', user: 'admin', namespace: 'shop' } };

/** test/cluster/kubeconfig.test.ts compares all of this with kubectl. */
describe('Kubeconfigs', () => {
  it('are read with paths that are relative to their file', () => {
    const exec = { apiVersion: 'v1', command: './login' };
    const { clusters, users } = mergeKubeconfigs([file({ test: HTTPS }, { admin: { tokenFile: '../token', exec } }, context)]);
    expect(clusters).to.deep.equal([
      { name: 'test', server: 'https://a.example.com', skipTLSVerify: false, caFile: '/home/me/.kube/ca.pem' },
    ]);
    expect(users[0]).to.have.nested.property('authProvider.config.tokenFile', '/home/me/token');
    expect(users[0]).to.have.nested.property('exec.command', '/home/me/.kube/login');
    expect(users[0]).to.have.nested.property('exec.env[0].name', 'KUBERNETES_EXEC_INFO');
  });

  it('of several files take each entry as a whole from the first file that has it', () => {
    const first = file({ test: HTTPS }, { admin: { token: 'sample' } }, context, '');
    const second = file(
      { test: { server: 'https://b.example.com' }, more: HTTPS },
      { admin: { username: 'x', password: 'y' } },
      {},
      'more',
    );
    const merged = mergeKubeconfigs([first, second]);
    expect(merged.clusters.map(({ name, server }) => `${name} ${server}`)).to.deep.equal([
      'test https://a.example.com',
      'more https://a.example.com',
    ]);
    expect(merged.users[0]).to.deep.equal({ name: 'admin', token: 'sample' });
    expect(merged.currentContext).to.equal('more');
  });

  const users: Record<string, readonly [server: string, user: string, want: string]> = {
    'that it names': ['https://a.example.com', 'admin', 'admin'],
    'without credentials if it does not exist': ['https://a.example.com', 'nobody', '(anonymous)'],
    'without credentials if it names none': ['https://a.example.com', '', '(anonymous)'],
    'without credentials over plain HTTP, as kubectl does': ['http://localhost:8001', 'admin', '(anonymous)'],
    'without credentials without a scheme, which is plain HTTP': ['localhost:8001', 'admin', '(anonymous)'],
  };
  it('of a context have the user that it names over plain HTTP, if the cluster has insecure-skip-tls-verify', () => {
    const cluster = { server: 'http://localhost:8001', 'insecure-skip-tls-verify': true };
    const { contexts } = mergeKubeconfigs([file({ test: cluster }, { admin: { token: 'sample' } }, context)]);
    expect(contexts[0]?.user).to.equal('admin');
  });

  for (const [what, [server, user, want]] of Object.entries(users)) {
    it(`of a context have the user ${what}`, () => {
      const { contexts } = mergeKubeconfigs([
        file({ test: { server } }, { admin: { token: 'sample' } }, { test: { cluster: 'test', user } }),
      ]);
      expect(contexts[0]?.user).to.equal(want);
    });
  }

  it('have the headers of everything that is impersonated', () => {
    const admin = { as: 'me', 'as-groups': ['a', 'b'], 'as-uid': '7', 'as-user-extra': { 'example.com/scope': ['x', 'y'] } };
    expect(mergeKubeconfigs([file({ test: HTTPS }, { admin }, context)]).users[0]).to.deep.equal({
      name: 'admin',
      impersonateUser: 'me',
      impersonation: {
        'Impersonate-Group': ['a', 'b'],
        'Impersonate-Uid': '7',
        'Impersonate-Extra-example.com%2Fscope': ['x', 'y'],
      },
    });
  });

  const odd = [
    undefined,
    null,
    '',
    7,
    [],
    'text',
    { clusters: 'x', users: { a: 1 }, contexts: [null, 3, { name: 5 }], 'current-context': {} },
  ];
  for (const content of odd)
    it(`such as ${JSON.stringify(content)} have no entries`, () => {
      const { clusters, contexts, currentContext } = mergeKubeconfigs([{ directory: '/', content }]);
      expect({ clusters, contexts, currentContext }).to.deep.equal({ clusters: [], contexts: [], currentContext: '' });
    });
});
