import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { type Cluster, theCluster } from '../support/cluster.ts';
import { ended } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import { kubectlWithPlugin } from '../support/plugin.ts';

/** Entries of a kubeconfig, by name. */
interface Config {
  readonly clusters?: Readonly<Record<string, object>>;
  readonly users?: Readonly<Record<string, object>>;
  readonly contexts?: Readonly<Record<string, object>>;
  readonly current?: string;
}

type Content = Config | string | Buffer;

interface Case {
  /** The files, by path. */
  readonly files: Readonly<Record<string, Content>>;
  /** KUBECONFIG; default: all files in their order. */
  readonly list?: readonly string[];
  readonly works: boolean;
  /** As kubectl does it, unless a reason is given. */
  readonly otherwise?: string;
}

describe('A kubeconfig that kubectl', () => {
  let cluster: Cluster;
  let kubectl: ReturnType<typeof kubectlWithPlugin>;
  let admin: { cluster: Readonly<Record<string, string>>; user: Readonly<Record<string, string>> };
  let proxy: ChildProcess;
  let proxyUrl: string;

  before('needs the parts of the administrator’s kubeconfig, and a kubectl proxy', async () => {
    cluster = await theCluster();
    kubectl = kubectlWithPlugin(cluster.controlPlane);
    const view = JSON.parse((await kubectl(['config', 'view', '--raw', '-o', 'json'])).stdout);
    admin = { cluster: view.clusters[0].cluster, user: view.users[0].user };
    proxy = spawn(join(cluster.controlPlane.assets, 'kubectl'), ['proxy', '--port=0'], {
      env: kubectl.env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    proxy.stdout?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    proxyUrl = await eventually('kubectl proxy serves', () => {
      const [, address] = /serve on (\S+)/.exec(output) ?? [];
      if (address === undefined) throw new Error(output);
      return `http://${address}`;
    });
  });
  after(() => ended(proxy));

  const yaml = ({ clusters = {}, users = {}, contexts = {}, current }: Config) =>
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: Object.entries(clusters).map(([name, one]) => ({ name, cluster: one })),
      users: Object.entries(users).map(([name, user]) => ({ name, user })),
      contexts: Object.entries(contexts).map(([name, context]) => ({ name, context })),
      ...(current !== undefined && { 'current-context': current }),
    });

  /** A complete config of the administrator, with changes. */
  const whole = (mods: Config = {}): Config => ({
    clusters: { test: admin.cluster },
    users: { admin: admin.user },
    contexts: { test: { cluster: 'test', user: 'admin' } },
    current: 'test',
    ...mods,
  });
  const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le');
  const wrong = { cluster: { server: 'https://127.0.0.1:1' }, user: { token: 'sample-token' } };
  const script = (answer: string) =>
    `#!/bin/sh\n[ -n "$KUBERNETES_EXEC_INFO" ] || exit 1\nprintf %s '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":${answer}}'\n`;
  const pem = (key: string) => Buffer.from(admin.user[key] ?? '', 'base64').toString();
  const exec = (command: string) => ({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command, interactiveMode: 'Never' } });

  const cases: Record<string, () => Case> = {
    'reads whole': () => ({ files: { a: whole() }, works: true }),
    'reads as JSON': () => ({ files: { a: JSON.stringify(parsed(whole())) }, works: true }),
    'merges of two files': () => ({
      files: { a: { clusters: { test: admin.cluster }, current: 'test' }, b: whole({ clusters: {}, current: 'nowhere' }) },
      works: true,
    }),
    'merges of files with equal names, of which the first counts': () => ({
      files: { a: whole(), b: whole({ clusters: { test: wrong.cluster }, users: { admin: wrong.user } }) },
      works: true,
    }),
    'merges of files with equal names, the first of which is wrong': () => ({
      files: { a: whole({ clusters: { test: wrong.cluster } }), b: whole() },
      works: false,
    }),
    'merges by whole entries, not by their fields': () => ({
      files: { a: whole({ users: { admin: { username: '' } } }), b: whole() },
      works: false,
    }),
    'reads with the first current-context': () => ({
      files: { a: whole(), b: { contexts: { nowhere: { cluster: 'nowhere', user: 'nobody' } }, current: 'nowhere' } },
      works: true,
    }),
    'reads although a file of the list is missing': () => ({ files: { b: whole() }, list: ['missing', 'b'], works: true }),
    'reads although a file of the list is empty': () => ({ files: { a: '', b: whole() }, works: true }),
    'reads although a file is listed twice': () => ({ files: { a: whole() }, list: ['a', 'a'], works: true }),
    'reads although the list has empty parts': () => ({ files: { a: whole() }, list: ['', 'a', ''], works: true }),
    'refuses if all files are missing': () => ({ files: {}, list: ['missing', 'gone'], works: false }),
    'refuses if a file of the list is not YAML': () => ({ files: { a: '{', b: whole() }, works: false }),
    'refuses if a file of the list is a directory': () => ({ files: { 'd/e': '', b: whole() }, list: ['d', 'b'], works: false }),
    'reads for kubectl proxy, without a user': () => ({
      files: { a: { clusters: { test: { server: proxyUrl } }, contexts: { test: { cluster: 'test' } }, current: 'test' } },
      works: true,
    }),
    'reads for kubectl proxy, with a user that does not exist': () => ({
      files: { a: { clusters: { test: { server: proxyUrl } }, contexts: { test: { cluster: 'test', user: 'nobody' } }, current: 'test' } },
      works: true,
    }),
    'reads for kubectl proxy, with a slash at the end': () => ({
      files: { a: whole({ clusters: { test: { server: `${proxyUrl}/` } }, users: { admin: {} } }) },
      works: true,
    }),
    'reads with a server without a scheme, which is HTTP': () => ({
      files: { a: whole({ clusters: { test: { server: proxyUrl.replace('http://', '') } }, users: { admin: {} } }) },
      works: true,
    }),
    'refuses with a server of HTTPS without a scheme, although there is a CA': () => ({
      files: { a: whole({ clusters: { test: { ...admin.cluster, server: String(admin.cluster.server).replace('https://', '') } } }) },
      works: false,
    }),
    'reads in UTF-16': () => ({ files: { a: utf16(yaml(whole())) }, works: true }),
    'reads in big-endian UTF-16': () => ({ files: { a: utf16(yaml(whole())).swap16() }, works: true }),
    'reads with a byte order mark': () => ({ files: { a: `\ufeff${yaml(whole())}` }, works: true }),
    'reads with line ends of Windows': () => ({ files: { a: yaml(whole()).replaceAll('\n', '\r\n') }, works: true }),
    'reads although other entries are incomplete': () => ({
      files: {
        a: whole({
          clusters: { other: {}, test: admin.cluster },
          users: { other: {}, admin: admin.user },
          contexts: { other: {}, test: { cluster: 'test', user: 'admin' } },
        }),
      },
      works: true,
    }),
    'refuses without a current-context': () => ({ files: { a: whole({ current: '' }) }, works: false }),
    'refuses with a current-context that does not exist': () => ({ files: { a: whole({ current: 'nowhere' }) }, works: false }),
    'refuses with a cluster that does not exist': () => ({
      files: { a: whole({ contexts: { test: { cluster: 'nowhere', user: 'admin' } } }) },
      works: false,
    }),
    'refuses with a cluster without a server': () => ({ files: { a: whole({ clusters: { test: {} } }) }, works: false }),
    'reads with files beside it': () => ({
      files: {
        'd/a': whole({
          clusters: { test: { server: admin.cluster.server, 'certificate-authority': 'ca.pem' } },
          users: { admin: { 'client-certificate': 'cert.pem', 'client-key': 'key.pem' } },
        }),
        'd/ca.pem': Buffer.from(admin.cluster['certificate-authority-data'] ?? '', 'base64'),
        'd/cert.pem': pem('client-certificate-data'),
        'd/key.pem': pem('client-key-data'),
      },
      list: ['d/a'],
      works: true,
    }),
    'reads with a login program beside it, which reads KUBERNETES_EXEC_INFO': () => ({
      files: {
        'd/a': whole({ users: { admin: exec('./login') } }),
        'd/login': script(JSON.stringify({ clientCertificateData: pem('client-certificate-data'), clientKeyData: pem('client-key-data') })),
      },
      list: ['d/a'],
      works: true,
    }),
    'reads with groups to impersonate': () => ({
      files: { a: whole({ users: { admin: { ...admin.user, as: 'somebody', 'as-groups': ['system:masters'] } } }) },
      works: true,
    }),
    'refuses with a user to impersonate that has no rights': () => ({
      files: { a: whole({ users: { admin: { ...admin.user, as: 'somebody' } } }) },
      works: false,
    }),
    'reads with a name twice in one list': () => ({
      files: { a: yaml(whole()).replace('users:\n', `users:\n  - name: other\n    user:\n      token: sample\n`) },
      works: true,
    }),
  };

  for (const [what, make] of Object.entries(cases)) {
    it(`${what}, regcred does, too`, async () => {
      const { files, list, works } = make();
      const directory = mkdtempSync(join(cluster.controlPlane.scratch, 'kubeconfig-'));
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(join(directory, path, '..'), { recursive: true });
        const text = typeof content === 'string' || Buffer.isBuffer(content) ? content : yaml(content);
        writeFileSync(join(directory, path), text, { mode: path.endsWith('login') ? 0o700 : 0o600 });
      }
      const KUBECONFIG = (list ?? Object.keys(files)).map((file) => file && join(directory, file)).join(delimiter);
      const get = await kubectl(['get', 'regcred', '-o', 'name'], '', { KUBECONFIG });
      expect(get.code === 0, `kubectl: ${get.stderr}`).to.equal(works);
      const status = await kubectl(['regcred', 'status'], '', { KUBECONFIG });
      expect(status.code !== 2, `regcred: ${status.stderr}`).to.equal(works);
      expect(status.stderr).to.match(works ? /^$/ : /^[^\n]+\n$/);
    });
  }

  it('reads with a token file, whose newline is not part of the token, regcred does, too', async () => {
    const directory = mkdtempSync(join(cluster.controlPlane.scratch, 'kubeconfig-'));
    await kubectl(['create', 'serviceaccount', 'token-file', '-n', 'default']);
    await kubectl(['create', 'clusterrolebinding', 'token-file', '--clusterrole=cluster-admin', '--serviceaccount=default:token-file']);
    const { stdout: token } = await kubectl(['create', 'token', 'token-file', '-n', 'default']);
    writeFileSync(join(directory, 'token'), `${token.trim()}\n`);
    writeFileSync(join(directory, 'a'), yaml(whole({ users: { admin: { tokenFile: 'token', token: 'sample-token' } } })));
    const env = { KUBECONFIG: join(directory, 'a') };
    await eventually('the role is in force', async () => {
      const get = await kubectl(['get', 'regcred'], '', env);
      expect(get.code, get.stderr).to.equal(0);
    });
    const status = await kubectl(['regcred', 'status'], '', env);
    await kubectl(['delete', 'clusterrolebinding', 'token-file']);
    await kubectl(['delete', 'serviceaccount', 'token-file', '-n', 'default']);
    expect(status.code, status.stderr).to.not.equal(2);
  });

  function parsed(config: Config): unknown {
    return {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: Object.entries(config.clusters ?? {}).map(([name, one]) => ({ name, cluster: one })),
      users: Object.entries(config.users ?? {}).map(([name, user]) => ({ name, user })),
      contexts: Object.entries(config.contexts ?? {}).map(([name, context]) => ({ name, context })),
      'current-context': config.current,
    };
  }
});
