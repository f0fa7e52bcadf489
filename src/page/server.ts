/** The server of the page. It listens on the loopback address only, it is read-only, and every request needs the token. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type PageCode, pageHtml, policyOf } from './document.ts';
import { judge } from './guard.ts';
import type { Change, Details, Snapshot } from './messages.ts';
import { Stream } from './stream.ts';

export interface PageSource {
  readonly code: PageCode;
  readonly token: string;
  readonly snapshot: () => Snapshot;
  readonly details: (namespace: string) => Promise<Details | undefined>;
}

export interface PageServer {
  /** With the token. */
  readonly url: string;
  readonly send: (update: { readonly snapshot: Snapshot } | { readonly change: Change }) => void;
  readonly close: () => Promise<void>;
}

/** Starts the server. `port` 0: any free one. Rejects if the port cannot be used. */
export async function servePage(source: PageSource, port: number): Promise<PageServer> {
  const streams = new Set<Stream>();
  const html = pageHtml(source.code);
  const headers = headersFor(source.code);
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    void answer(request, response, { ...source, html, port: portOf(server), streams }).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${portOf(server)}/${source.token}/`,
    send: (update) => {
      for (const stream of streams) 'snapshot' in update ? stream.send('snapshot', update.snapshot) : stream.send('change', update.change);
    },
    close: async () => {
      for (const stream of streams) stream.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const portOf = (server: ReturnType<typeof createServer>) => (server.address() as AddressInfo).port;

interface Context extends PageSource {
  readonly html: string;
  readonly port: number;
  readonly streams: Set<Stream>;
}

async function answer(request: IncomingMessage, response: ServerResponse, context: Context): Promise<void> {
  const { method = '', url = '', headers } = request;
  const verdict = judge({ method, url, host: headers.host, origin: headers.origin }, context);
  if ('refused' in verdict) return text(response, verdict.refused, verdict.message);
  switch (verdict.route) {
    case 'page':
      return void response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(context.html);
    case 'stream':
      return openStream(request, response, context);
    case 'namespace': {
      const details = await context.details(verdict.query.get('name') ?? '');
      if (details === undefined) return text(response, 404, 'There is no such namespace.');
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(details));
    }
    default:
      return verdict.route satisfies never;
  }
}

function openStream(request: IncomingMessage, response: ServerResponse, { snapshot, streams }: Context): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  if (request.method === 'HEAD') return void response.end();
  const stream = new Stream(response, snapshot);
  streams.add(stream);
  response.on('close', () => {
    streams.delete(stream);
    stream.close();
  });
}

function text(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${message}\n`);
}

/** On every answer, also on a refusal. */
const headersFor = (code: PageCode): Readonly<Record<string, string>> => ({
  'content-security-policy': `${policyOf(code, "'self'")}; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
});
