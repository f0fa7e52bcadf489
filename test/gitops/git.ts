/** A Git server: bare repositories, which Git's own program serves over HTTP. Flux reads no other local repositories than these. */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
/** The settings of the current user must not change anything. */
const ENV = { PATH: process.env.PATH, HOME: tmpdir(), GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
const AUTHOR = ['-c', 'user.name=sample', '-c', 'user.email=sample@example.com'];

export interface Git {
  url(repository: string): string;
  /** Commits these files to `main`: text, an object that becomes YAML, or undefined to remove the file. Creates the repository if necessary. */
  commit(repository: string, files: Readonly<Record<string, string | object | undefined>>): string;
  /** Commits what `kubectl apply -k .` reads of this repository, and tags it. */
  commitOurs(repository: string, tag: string): void;
  close(): void;
}

export async function startGit(): Promise<Git> {
  const root = mkdtempSync(join(tmpdir(), 'regcred-git-'));
  const server = createServer((request, response) => void serve(root, request, response));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const tree = (repository: string) => join(root, `${repository}.tree`);
  const git = (repository: string, ...args: string[]) =>
    execFileSync('git', [`--git-dir=${join(root, `${repository}.git`)}`, `--work-tree=${tree(repository)}`, ...AUTHOR, ...args], {
      cwd: tree(repository),
      env: ENV,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const create = (repository: string) => {
    if (existsSync(tree(repository))) return;
    mkdirSync(tree(repository), { recursive: true });
    execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', join(root, `${repository}.git`)], { env: ENV });
  };
  const record = (repository: string) => {
    git(repository, 'add', '--all');
    git(repository, 'commit', '--quiet', '--allow-empty', '--message=sample');
    return git(repository, 'rev-parse', 'HEAD').trim();
  };
  return {
    url: (repository) => `http://127.0.0.1:${port}/${repository}.git`,
    commit: (repository, files) => {
      create(repository);
      for (const [name, content] of Object.entries(files)) {
        const file = join(tree(repository), name);
        mkdirSync(dirname(file), { recursive: true });
        if (content === undefined) rmSync(file);
        else writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
      }
      return record(repository);
    },
    commitOurs: (repository, tag) => {
      create(repository);
      for (const path of ['kustomization.yaml', 'crds', 'manifests'])
        cpSync(join(ROOT, path), join(tree(repository), path), { recursive: true });
      record(repository);
      git(repository, 'tag', tag);
    },
    close: () => {
      server.close();
      server.closeAllConnections();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** One request, as CGI. */
function serve(root: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? '/', 'http://git');
  const { headers } = request;
  const env = {
    ...ENV,
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    REQUEST_METHOD: request.method,
    PATH_INFO: pathname,
    QUERY_STRING: search.slice(1),
    CONTENT_TYPE: headers['content-type'] ?? '',
    HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
    GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
  };
  const child = spawn('git', ['http-backend'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stdin.on('error', () => {});
  child.once('close', () => {
    const answer = Buffer.concat(chunks);
    const end = answer.indexOf('\r\n\r\n');
    const lines = answer.subarray(0, Math.max(0, end)).toString().split('\r\n');
    const named = lines
      .map((line) => /^([^:]+): (.*)$/.exec(line)?.slice(1) as [string, string] | undefined)
      .filter((line) => line !== undefined);
    const status = named.find(([name]) => name === 'Status')?.[1] ?? (end < 0 ? '500' : '200');
    response.writeHead(Number.parseInt(status, 10), Object.fromEntries(named.filter(([name]) => name !== 'Status')));
    response.end(answer.subarray(end + 4));
  });
  request.pipe(child.stdin);
}
