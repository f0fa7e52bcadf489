/** The exchange with one registry: ask, read its challenge, answer it, ask again. This file decides where a password may be sent. */

import type { RawReply, Request, Transport } from '../net/transport.ts';
import type { Attempt, Failure, Reply } from '../plan/checks/observation.ts';
import { answerOf, parseJson } from './answer.ts';
import { type Challenge, parseChallenges } from './challenge.ts';

/** `base64(username:password)`, as a docker config has it. */
export interface Login {
  readonly auth: string;
}

export interface Image {
  readonly repository: string;
  /** A tag or a digest. */
  readonly reference: string;
}

/** What the registry answered to a request without a login. */
export interface FirstReply {
  readonly reply: Reply;
  readonly challenges: readonly Challenge[];
  /** Sends the same request with an Authorization header. */
  readonly again: (authorization: string) => Promise<Reply>;
}

export interface Exchange {
  /** `GET /v2/`. */
  ping(): Promise<FirstReply>;
  /** `HEAD` of a manifest. */
  manifest(image: Image): Promise<FirstReply>;
  /** Answers a challenge, with the login or without one. If the registry wants a token, requests it with this scope. */
  answer(first: FirstReply, login: Login | undefined, scope: string | undefined): Promise<Attempt>;
}

export interface ExchangeSettings {
  /** `host[:port]`. */
  readonly host: string;
  /** Whether a URL is of a server in `--insecure-registries`. */
  readonly isInsecure: (url: URL) => boolean;
  readonly transport: Transport;
  readonly now: () => number;
  /** Its password is not shown, also where a registry that knows it writes it into the name of a host. */
  readonly hidden: Login | undefined;
}

const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Error codes of OpenSSL when the other side does not speak TLS at all. A certificate that is not trusted has others. */
const NOT_TLS =
  /^(?:ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL|RECORD_LAYER_FAILURE)|EPROTO|ECONNRESET)$/;
const MOST_REDIRECTS = 3;
const LONGEST_TOKEN = 65_536;

/** Starts an exchange with a registry. Sends nothing yet. */
export function startExchange(settings: ExchangeSettings): Exchange {
  const { transport, isInsecure } = settings;
  const session = { ...settings, origin: { base: `https://${settings.host}` } };
  return {
    ping: () =>
      firstOf(session, (base, authorization) => transport.send({ method: 'GET', url: new URL('/v2/', base), ...given(authorization) })),
    manifest: ({ repository, reference }) =>
      firstOf(session, (base, authorization) => {
        const url = new URL(`/v2/${repository}/manifests/${reference}`, base);
        return followRedirects({ method: 'HEAD', url, accept: MANIFESTS, ...given(authorization) }, transport, isInsecure);
      }),
    answer: (first, login, scope) => answerChallenge(session, first, login, scope),
  };
}

/** Where the registry is asked. It changes once, if the registry does not speak TLS. */
interface Origin {
  base: string;
}

interface Session extends ExchangeSettings {
  readonly origin: Origin;
}

/** Asks a server that may speak plain HTTP by TLS first, and by plain HTTP only if it does not speak TLS. */
async function firstOf(
  { host, isInsecure, now, origin }: Session,
  request: (base: string, authorization?: string) => Promise<RawReply | Failure>,
): Promise<FirstReply> {
  const ask = (base: string) => firstReply((authorization) => request(base, authorization), now);
  if (!URL.canParse(origin.base)) return firstReply(async () => failure('dns', 'ERR_INVALID_URL'), now);
  const first = await ask(origin.base);
  const plain = new URL(`http://${host}`);
  if (!origin.base.startsWith('https:') || !isInsecure(new URL(origin.base)) || !speaksNoTls(first.reply, plain)) return first;
  origin.base = plain.origin;
  return ask(origin.base);
}

async function firstReply(send: (authorization?: string) => Promise<RawReply | Failure>, now: () => number): Promise<FirstReply> {
  const raw = await send();
  const challenges = raw.kind === 'reply' && raw.status === 401 ? parseChallenges(raw.headers['www-authenticate']) : [];
  return { reply: toReply(raw, now), challenges, again: async (authorization) => toReply(await send(authorization), now) };
}

async function answerChallenge(session: Session, first: FirstReply, login: Login | undefined, scope: string | undefined): Promise<Attempt> {
  const bearer = first.challenges.find(({ scheme }) => scheme === 'bearer');
  if (bearer !== undefined) {
    const realm = realmOf(bearer, new URL(session.origin.base), session.isInsecure);
    if (realm instanceof URL) return withToken(session, first, tokenRequest(realm, bearer, login, scope), login);
    return { at: 'token service', sent: 'nothing', reply: realm };
  }
  const takesPassword = first.challenges.some(({ scheme }) => scheme === 'basic');
  if (!takesPassword || login === undefined) return { at: 'registry', sent: 'nothing', reply: first.reply };
  return { at: 'registry', sent: 'login', reply: await first.again(`Basic ${login.auth}`) };
}

async function withToken(
  { transport, now, hidden }: ExchangeSettings,
  first: FirstReply,
  request: Request,
  login: Login | undefined,
): Promise<Attempt> {
  const raw = await transport.send(request);
  const tokenHost = shownHost(request.url, hidden);
  const reply = toReply(raw, now);
  const at: Attempt = { at: 'token service', ...(tokenHost && { tokenHost }), sent: login ? 'login' : 'nothing', reply };
  if (raw.kind === 'failure' || raw.status < 200 || raw.status > 299) return at;
  const token = tokenIn(raw);
  // Report a web page with status 200 as a web page.
  if (token === undefined) return reply.kind === 'answer' && reply.isHtml ? at : { ...at, reply: failure('no-token') };
  return { at: 'registry', sent: login ? 'token' : 'nothing', reply: await first.again(`Bearer ${token}`) };
}

function toReply(raw: RawReply | Failure, now: () => number): Reply {
  if (raw.kind === 'failure') return raw;
  return isRedirect(raw) ? failure('redirect') : answerOf(raw, now());
}

const failure = (why: Failure['why'], code?: string): Failure => ({ kind: 'failure', why, ...(code !== undefined && { code }) });
const given = (authorization: string | undefined) => (authorization === undefined ? {} : { authorization });
const isRedirect = ({ status }: RawReply) => [301, 302, 303, 307, 308].includes(status);

function speaksNoTls(reply: Reply, plain: URL): boolean {
  if (reply.kind !== 'failure') return false;
  if (reply.why === 'tls') return reply.code === undefined || NOT_TLS.test(reply.code);
  // Without a port, TLS and plain HTTP are at different ones.
  return reply.why === 'connection-refused' && plain.port === '';
}

/** Follows redirects of a manifest. The login is not sent along, because the spec does not name the host of a redirect. */
async function followRedirects(request: Request, transport: Transport, isInsecure: (url: URL) => boolean): Promise<RawReply | Failure> {
  const first = await transport.send(request);
  if (first.kind === 'failure' || !isRedirect(first)) return first;
  const { authorization: _, ...withoutLogin } = request;
  let [reply, from]: [RawReply | Failure, URL] = [first, request.url];
  for (let hops = 0; reply.kind === 'reply' && isRedirect(reply) && hops < MOST_REDIRECTS; hops += 1) {
    const { location } = reply.headers;
    if (typeof location !== 'string' || !URL.canParse(location, from.href)) return failure('redirect');
    const url = new URL(location, from);
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isInsecure(url))) return failure('redirect');
    [url.username, url.password, url.hash] = ['', '', ''];
    from = url;
    reply = await transport.send({ ...withoutLogin, url });
  }
  // The request to another host has no credentials, so a refusal there says nothing about the login.
  return reply.kind === 'reply' && (reply.status < 200 || reply.status > 299) ? failure('redirect') : reply;
}

/**
 * The token service that a challenge names, if a password may be sent there: over TLS, or to the host of a server that may be asked
 * over plain HTTP. Anyone who can change the answer of such a server can already read the password that goes to it.
 */
function realmOf({ parameters }: Challenge, server: URL, isInsecure: (url: URL) => boolean): URL | Failure {
  const written = parameters.get('realm') ?? '';
  if (!URL.canParse(written)) return failure('protocol', 'MALFORMED_REALM');
  const realm = new URL(written);
  if (!['http:', 'https:'].includes(realm.protocol)) return failure('protocol', 'MALFORMED_REALM');
  const mayBePlain = isInsecure(server) && realm.hostname === server.hostname;
  if (realm.protocol === 'http:' && !mayBePlain) return failure('insecure-realm');
  [realm.username, realm.password, realm.hash] = ['', '', ''];
  return realm;
}

function tokenRequest(realm: URL, { parameters }: Challenge, login: Login | undefined, scope: string | undefined): Request {
  const url = new URL(realm);
  const service = parameters.get('service');
  if (service !== undefined) url.searchParams.set('service', service);
  if (scope !== undefined) url.searchParams.set('scope', scope);
  return { method: 'GET', url, ...given(login && `Basic ${login.auth}`) };
}

/** The token in the answer of a token service, as far as it fits into a header. */
function tokenIn({ body }: RawReply): string | undefined {
  const answer = parseJson(body.toString('utf8'));
  const token = [answer?.token, answer?.access_token].find((value) => typeof value === 'string' && value !== '');
  return typeof token === 'string' && token.length <= LONGEST_TOKEN && /^[\x21-\x7e]+$/.test(token) ? token : undefined;
}

/** The host of a token service helps to find a firewall that lets only the registry through. A registry may write a password there. */
function shownHost({ host }: URL, hidden: Login | undefined): string | undefined {
  const [, password = ''] =
    /:(.*)$/s.exec(
      Buffer.from(hidden?.auth ?? '', 'base64')
        .toString('utf8')
        .toLowerCase(),
    ) ?? [];
  const isPlain = /^[a-z0-9.-]{1,253}(?::\d+)?$/.test(host);
  return isPlain && (password === '' || !host.includes(password)) ? host : undefined;
}
