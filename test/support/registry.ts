/** A real registry (distribution), in memory, that checks passwords: with htpasswd, or with tokens from a token service of ours. */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toolsDirectory } from './assets.ts';
import type { Issued } from './certificates.ts';
import { ended } from './controlplane.ts';
import { digestOf, type ImageContent, MANIFEST, manifestOf } from './image.ts';

/** The only login that the registry accepts at first. */
export const ROBOT = { username: 'robot', password: 'sample-password-of-registry' } as const;
/** The login that it accepts instead after a rotation. */
export const ROTATED = { username: 'robot', password: 'sample-password-of-registry-after-a-rotation' } as const;
/** The bcrypt hashes of both passwords, because Node.js cannot compute bcrypt. */
const BCRYPT = '$2b$05$abcdefghijklmnopqrstuuDeqfUiRie6y5Ej5sz0J5AMYwBIFE21S';
const BCRYPT_ROTATED = '$2a$05$mJi4KaUD3AtNy5AgEhoq0u3MBc.JAcXKzR16515rY0fOyiY12AC3u';

export interface Registry {
  /** `ADDRESS:PORT`, the first part of an image name. */
  readonly host: string;
  /** Pushes an image with the robot's first password; by default an empty image. */
  push(repository: string, tag: string, image?: ImageContent): Promise<void>;
  /** With htpasswd: from now on it accepts only the login after the rotation. */
  rotate(): void;
  stop(): Promise<void>;
}

export interface RegistryAddress {
  /** An address of this machine. The default is 127.0.0.1. */
  readonly address: string;
  /** It speaks TLS with this certificate, and the caller's process trusts it. */
  readonly tls: Issued;
}

/**
 * Starts a registry. With `token`, anybody gets a token: the robot may pull and push below `acme/`, and anybody may pull below `public/`.
 * `realmOf` moves the token service to another address: it gets the local port of the service, and returns the URL that the registry announces.
 */
export async function startRegistry(
  auth: 'htpasswd' | 'token',
  say: (line: string) => void,
  realmOf = async (port: number) => `http://127.0.0.1:${port}/token`,
  at?: RegistryAddress,
): Promise<Registry> {
  const scratch = mkdtempSync(join(tmpdir(), 'regcred-registry-'));
  const tokens = auth === 'token' ? await startTokenServer(scratch, realmOf) : undefined;
  const users = join(scratch, 'htpasswd');
  writeFileSync(users, `${ROBOT.username}:${BCRYPT}\n`);
  const [certificate, key] = [join(scratch, 'tls.crt'), join(scratch, 'tls.key')];
  if (at) writeFileSync(certificate, at.tls.cert);
  if (at) writeFileSync(key, at.tls.key);
  const config = {
    version: '0.1',
    log: { level: 'info' },
    storage: { inmemory: {} },
    http: { addr: `${at?.address ?? '127.0.0.1'}:0`, ...(at && { tls: { certificate, key } }) },
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
  const origin = `${at ? 'https' : 'http'}://${host}`;
  return {
    host,
    push: async (repository, tag, image = { config: Buffer.from('{}'), layers: [] }) =>
      push(origin, { repository, tag, image, authorization: await authorization(repository) }),
    // It reads the file again when the file has changed.
    rotate: () => writeFileSync(users, `${ROTATED.username}:${BCRYPT_ROTATED}\n`),
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
      const [, host] = /listening on (\d+\.\d+\.\d+\.\d+:\d+)/.exec(said) ?? [];
      if (host !== undefined) resolve(host);
    });
  });
}

interface Push {
  readonly repository: string;
  readonly tag: string;
  readonly image: ImageContent;
  readonly authorization: string;
}

async function push(origin: string, { repository, tag, image, authorization }: Push): Promise<void> {
  const send = async (method: string, url: string, body?: Buffer | string, type?: string) => {
    const headers = { authorization, ...(type !== undefined && { 'content-type': type }) };
    const response = await fetch(url, { method, headers, ...(body !== undefined && { body: new Uint8Array(Buffer.from(body)) }) });
    if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
    return response;
  };
  for (const blob of [image.config, ...image.layers]) {
    const upload = await send('POST', `${origin}/v2/${repository}/blobs/uploads/`);
    const at = new URL(upload.headers.get('location') ?? '', origin);
    at.searchParams.set('digest', digestOf(blob));
    await send('PUT', at.href, blob, 'application/octet-stream');
  }
  await send('PUT', `${origin}/v2/${repository}/manifests/${tag}`, manifestOf(image), MANIFEST);
}

/** The token service, which real registries run as a separate server. */
async function startTokenServer(scratch: string, realmOf: (port: number) => Promise<string>) {
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
  const realm = await realmOf((server.address() as AddressInfo).port);
  return { server, tokenFor, settings: { realm, service: 'registry', issuer: 'sample', jwks } };
}
