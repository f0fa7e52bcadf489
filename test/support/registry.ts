/** A real registry (distribution), in memory, that lets in those who know the password: by htpasswd, or by the tokens of a server of ours. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toolsDirectory } from './assets.ts';
import { ended } from './controlplane.ts';

/** What the registry was told; a test may say whatever else it likes, and be refused. */
export const ROBOT = { username: 'robot', password: 'sample-password-of-registry' } as const;
/** It is in no fixture by chance: bcrypt of the above, which Node.js cannot make. */
const BCRYPT = '$2b$05$abcdefghijklmnopqrstuuDeqfUiRie6y5Ej5sz0J5AMYwBIFE21S';

export interface Registry {
  /** `127.0.0.1:PORT`, as an image's name begins with. */
  readonly host: string;
  /** Puts an image of nothing there. */
  push(repository: string, tag: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one. Under `token` everybody gets a token, which lets the robot pull and push what begins with `acme/`, and others pull `public/`. */
export async function startRegistry(auth: 'htpasswd' | 'token', say: (line: string) => void): Promise<Registry> {
  const scratch = mkdtempSync(join(tmpdir(), 'regcred-registry-'));
  const tokens = auth === 'token' ? await startTokenServer(scratch) : undefined;
  const users = join(scratch, 'htpasswd');
  writeFileSync(users, `${ROBOT.username}:${BCRYPT}\n`);
  const config = {
    version: '0.1',
    log: { level: 'info' },
    storage: { inmemory: {} },
    http: { addr: '127.0.0.1:0' },
    auth: tokens ? { token: tokens.settings } : { htpasswd: { realm: 'sample', path: users } },
  };
  const file = join(scratch, 'config.yaml');
  writeFileSync(file, JSON.stringify(config));
  const child = spawn(join(await toolsDirectory(say), 'registry'), ['serve', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { OTEL_TRACES_EXPORTER: 'none' },
  });
  const host = await listening(child);
  const authorization = async (repository: string) =>
    tokens
      ? `Bearer ${tokens.tokenFor(ROBOT.username, repository)}`
      : `Basic ${Buffer.from(`${ROBOT.username}:${ROBOT.password}`).toString('base64')}`;
  return {
    host,
    push: async (repository, tag) => push(host, repository, tag, await authorization(repository)),
    stop: async () => {
      await ended(child);
      tokens?.server.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

function listening(child: ChildProcess): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    child.once('close', (code) => reject(new Error(`The registry ended with code ${code}: ${said}`)));
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
      const [, host] = /listening on (127\.0\.0\.1:\d+)/.exec(said) ?? [];
      if (host !== undefined) resolve(host);
    });
  });
}

async function push(host: string, repository: string, tag: string, authorization: string): Promise<void> {
  const config = Buffer.from('{}');
  const digest = `sha256:${createHash('sha256').update(config).digest('hex')}`;
  const send = async (method: string, url: string, body?: Buffer | string, type?: string) => {
    const headers = { authorization, ...(type !== undefined && { 'content-type': type }) };
    const response = await fetch(url, { method, headers, ...(body !== undefined && { body: new Uint8Array(Buffer.from(body)) }) });
    if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
    return response;
  };
  const upload = await send('POST', `http://${host}/v2/${repository}/blobs/uploads/`);
  const at = new URL(upload.headers.get('location') ?? '', `http://${host}`);
  at.searchParams.set('digest', digest);
  await send('PUT', at.href, config, 'application/octet-stream');
  const type = 'application/vnd.oci.image.manifest.v1+json';
  const blob = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: config.length };
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType: type, config: blob, layers: [] });
  await send('PUT', `http://${host}/v2/${repository}/manifests/${tag}`, manifest, type);
}

/** The other half of token authentication, which registries have servers of their own for. */
async function startTokenServer(scratch: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwks = join(scratch, 'jwks.json');
  writeFileSync(jwks, JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'sample', use: 'sig', alg: 'ES256' }] }));

  const tokenFor = (username: string, repository: string) => {
    const isRobot = username === ROBOT.username;
    const actions =
      repository.startsWith('acme/') && isRobot
        ? ['pull', 'push']
        : repository.startsWith('public/')
          ? ['pull', ...(isRobot ? ['push'] : [])]
          : [];
    const seconds = Math.floor(Date.now() / 1000);
    const claims = {
      iss: 'sample',
      sub: username,
      aud: 'registry',
      exp: seconds + 300,
      nbf: seconds,
      iat: seconds,
      access: [{ type: 'repository', name: repository, actions }],
    };
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const head = `${part({ typ: 'JWT', alg: 'ES256', kid: 'sample' })}.${part(claims)}`;
    return `${head}.${sign('sha256', Buffer.from(head), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };

  const server: Server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://sample');
    const [, repository = ''] = (searchParams.get('scope') ?? '').split(':');
    const [, given = ''] = (request.headers.authorization ?? '').split(' ');
    const [username = '', password = ''] = Buffer.from(given, 'base64').toString().split(':');
    const isKnown = given === '' || (username === ROBOT.username && password === ROBOT.password);
    response.statusCode = isKnown && searchParams.get('service') === 'registry' ? 200 : 401;
    response.end(response.statusCode === 200 ? JSON.stringify({ token: tokenFor(username, repository) }) : '{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  return { server, tokenFor, settings: { realm, service: 'registry', issuer: 'sample', jwks } };
}
