/** The content of kubeconfigs as kubectl reads it, in the form that client-node's KubeConfig takes. */
import { isAbsolute, join } from 'node:path';
import type { Cluster, Context, User } from '@kubernetes/client-node';

/** A file, parsed. */
export interface KubeconfigFile {
  /** Paths in the file are relative to it. */
  readonly directory: string;
  readonly content: unknown;
}

/** client-node's user, with what it cannot say. */
export interface KubeconfigUser extends User {
  /** Impersonate-Group, Impersonate-Uid and Impersonate-Extra-… */
  readonly impersonation?: Readonly<Record<string, string | readonly string[]>>;
}

export interface MergedKubeconfig {
  readonly clusters: Cluster[];
  readonly users: KubeconfigUser[];
  readonly contexts: Context[];
  readonly currentContext: string;
}

/** The user of contexts that name none, or one that does not exist: without credentials. client-node ignores the CA of a cluster without a user. */
const ANONYMOUS: KubeconfigUser = { name: '(anonymous)' };

type Fields = Readonly<Record<string, unknown>>;

/**
 * Merges kubeconfigs as kubectl does: the first file that sets current-context counts, and of several entries with one name the first
 * one counts, as a whole. Incomplete entries do no harm unless they are used.
 */
export function mergeKubeconfigs(files: readonly KubeconfigFile[]): MergedKubeconfig {
  const clusterEntries = entriesOf(files, 'clusters', 'cluster');
  const users = entriesOf(files, 'users', 'user').map(({ name, fields, directory }) => userOf(name, fields, directory));
  const usable = new Set(users.map(({ name }) => name));
  // Like kubectl: credentials do not go over plain HTTP. The field for an insecure connection allows it.
  const plain = new Set(
    clusterEntries.filter(({ fields }) => !isInsecure(fields) && isPlainHttp(serverOf(fields))).map(({ name }) => name),
  );
  const contexts = entriesOf(files, 'contexts', 'context').map(({ name, fields }): Context => {
    const [cluster = '', user = '', namespace] = ['cluster', 'user', 'namespace'].map((key) => textIn(fields, key));
    return { name, cluster, user: usable.has(user) && !plain.has(cluster) ? user : ANONYMOUS.name, ...(namespace && { namespace }) };
  });
  const currentContext = files.map(({ content }) => textIn(asFields(content), 'current-context')).find((name) => name) ?? '';
  const clusters = clusterEntries.map(({ name, fields, directory }) => clusterOf(name, fields, directory));
  return { clusters, users: [...users, ANONYMOUS], contexts, currentContext };
}

/** The named entries of a list in all files, each with the directory of its file. */
function entriesOf(files: readonly KubeconfigFile[], list: string, kind: string) {
  const entries = new Map<string, { name: string; fields: Fields; directory: string }>();
  for (const { directory, content } of files) {
    const items = asFields(content)[list];
    for (const item of Array.isArray(items) ? items : []) {
      const name = textIn(asFields(item), 'name');
      if (name && !entries.has(name)) entries.set(name, { name, fields: asFields(asFields(item)[kind]), directory });
    }
  }
  return [...entries.values()];
}

function clusterOf(name: string, fields: Fields, directory: string): Cluster {
  const server = serverOf(fields);
  const [caData, tlsServerName, proxyUrl] = ['certificate-authority-data', 'tls-server-name', 'proxy-url'].map((key) =>
    textIn(fields, key),
  );
  const caFile = caData ? undefined : pathIn(fields, 'certificate-authority', directory);
  return {
    name,
    server,
    // client-node takes plain HTTP, as of kubectl proxy, only so. There is no TLS to verify.
    skipTLSVerify: isInsecure(fields) || isPlainHttp(server),
    ...(caData && { caData }),
    ...(caFile && { caFile }),
    ...(tlsServerName && { tlsServerName }),
    ...(proxyUrl && { proxyUrl }),
  };
}

/** Without a scheme it is HTTP, also if there is a CA: kubectl decides before it reads that (DirectClientConfig.ClientConfig in client-go). */
function serverOf(fields: Fields): string {
  const server = (textIn(fields, 'server') ?? '').replace(/\/$/, '');
  return server === '' || /^[a-z][a-z0-9+.-]*:\/\//i.test(server) ? server : `http://${server}`;
}

function userOf(name: string, fields: Fields, directory: string): KubeconfigUser {
  const [token, username, password, certData, keyData, impersonateUser] = [
    'token',
    'username',
    'password',
    'client-certificate-data',
    'client-key-data',
    'as',
  ].map((key) => textIn(fields, key));
  const tokenFile = pathIn(fields, 'tokenFile', directory);
  const certFile = certData ? undefined : pathIn(fields, 'client-certificate', directory);
  const keyFile = keyData ? undefined : pathIn(fields, 'client-key', directory);
  const impersonation = impersonationOf(fields);
  return {
    name,
    // A file takes precedence over a token, and is read again after a while.
    ...(tokenFile ? { authProvider: { name: 'tokenFile', config: { tokenFile } } } : token && { token }),
    ...(fields['auth-provider'] ? { authProvider: fields['auth-provider'] } : {}),
    ...(fields.exec ? { exec: execOf(asFields(fields.exec), directory) } : {}),
    ...(username && { username }),
    ...(password && { password }),
    ...(certData && { certData }),
    ...(certFile && { certFile }),
    ...(keyData && { keyData }),
    ...(keyFile && { keyFile }),
    ...(impersonateUser && { impersonateUser }),
    ...(impersonation && { impersonation }),
  } as KubeconfigUser;
}

/** A command with a slash is relative to the file, and each plugin may read KUBERNETES_EXEC_INFO (client-go/plugin/pkg/client/auth/exec). */
function execOf(exec: Fields, directory: string): Fields {
  const command = textIn(exec, 'command') ?? '';
  const apiVersion = textIn(exec, 'apiVersion');
  const info = {
    name: 'KUBERNETES_EXEC_INFO',
    value: JSON.stringify({ kind: 'ExecCredential', apiVersion, spec: { interactive: false } }),
  };
  const env = Array.isArray(exec.env) ? exec.env : [];
  return { ...exec, command: command.includes('/') ? absolute(command, directory) : command, env: [info, ...env] };
}

function impersonationOf(fields: Fields): KubeconfigUser['impersonation'] {
  const groups = textsIn(fields['as-groups']);
  const uid = textIn(fields, 'as-uid');
  const extra = Object.entries(asFields(fields['as-user-extra'])).map(
    ([key, values]) => [`Impersonate-Extra-${encodeURIComponent(key)}`, textsIn(values)] as const,
  );
  const headers = {
    ...(groups.length > 0 && { 'Impersonate-Group': groups }),
    ...(uid && { 'Impersonate-Uid': uid }),
    ...Object.fromEntries(extra),
  };
  return Object.keys(headers).length > 0 ? headers : undefined;
}

const isInsecure = (fields: Fields) => fields['insecure-skip-tls-verify'] === true;
const isPlainHttp = (server: string) => server.startsWith('http:');

const asFields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

function textIn(fields: Fields, key: string): string | undefined {
  const value = fields[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

const textsIn = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []);

function pathIn(fields: Fields, key: string, directory: string): string | undefined {
  const file = textIn(fields, key);
  return file && absolute(file, directory);
}

const absolute = (file: string, directory: string) => (isAbsolute(file) ? file : join(directory, file));
