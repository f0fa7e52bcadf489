/** A small registry that a test configures while it runs. It counts what it is asked. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type BadServer, startBad } from './bad-registry.ts';

export interface SampleRegistry extends Pick<BadServer, 'host' | 'close'> {
  /** The passwords that it accepts. */
  readonly passwords: Set<string>;
  /** By `repository:tag`: the passwords that may pull it. */
  readonly images: Map<string, readonly string[]>;
  /** It takes requests and does not answer. */
  isHanging: boolean;
  /** How many logins were sent to `/v2/`: one for each check of the operator. */
  readonly logins: () => number;
  readonly requests: () => number;
}

export async function startSampleRegistry(): Promise<SampleRegistry> {
  const passwords = new Set<string>();
  const images = new Map<string, readonly string[]>();
  const state = { isHanging: false };
  const server = await startBad((request, response) => {
    if (!state.isHanging) answer(request, response, passwords, images);
  });
  return {
    host: server.host,
    close: server.close,
    passwords,
    images,
    get isHanging() {
      return state.isHanging;
    },
    set isHanging(value) {
      state.isHanging = value;
    },
    logins: () => server.sent.filter(({ url, authorization }) => url === '/v2/' && authorization !== undefined).length,
    requests: () => server.sent.length,
  };
}

function answer(
  { url = '', headers: { authorization } }: IncomingMessage,
  response: ServerResponse,
  passwords: ReadonlySet<string>,
  images: ReadonlyMap<string, readonly string[]>,
): void {
  const no = (status: number, code: string) =>
    response
      .writeHead(status, { 'content-type': 'application/json', 'www-authenticate': 'Basic realm="sample"' })
      .end(JSON.stringify({ errors: [{ code, message: 'sample-text-of-a-registry' }] }));
  const password = Buffer.from((authorization ?? '').split(' ')[1] ?? '', 'base64')
    .toString()
    .replace(/^[^:]*:/, '');
  if (authorization === undefined || !passwords.has(password)) return void no(401, 'UNAUTHORIZED');
  const [, repository = '', tag = ''] = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(url) ?? [];
  if (repository === '') return void response.writeHead(200).end();
  const readers = images.get(`${repository}:${tag}`);
  if (readers === undefined) return void no(404, 'MANIFEST_UNKNOWN');
  if (!readers.includes(password)) return void no(403, 'DENIED');
  return void response.writeHead(200).end();
}
