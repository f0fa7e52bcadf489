/**
 * Fetches a registry token from a cloud. Knows the network and none of the clouds: each cloud is a chunk of its own in the bundle,
 * which is loaded when a request asks for that cloud first (ADR 17).
 */
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { CloudError, type FetchToken, type RegistryToken, type TokenRequest } from '../api/cloud-token.ts';
import type { Resolve } from '../net/dial.ts';
import { proxySettings } from '../net/proxy.ts';
import { parseRetryAfter } from '../net/retry-after.ts';
import { openTransport, type RawReply } from '../net/transport.ts';
import { trustIn } from '../net/trust.ts';
import type { Failure } from '../plan/checks/observation.ts';
import type { Call, CloudContext, Reply } from './call.ts';

export interface CloudSurroundings {
  /** Identities, endpoints and proxies, by the variables that the clouds' SDKs read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The certificates of `--registry-ca-file`, each in PEM. Those of NODE_EXTRA_CA_CERTS are trusted as well. */
  readonly caFile: readonly string[];
  /** In milliseconds since 1970. */
  readonly now: () => number;
  /** The resolver of this machine, if it is not given. */
  readonly resolve?: Resolve;
  /** For all calls of one token together, in milliseconds; 30 seconds, if it is not given. */
  readonly timeoutMs?: number;
}

/** Metadata services answer within milliseconds, or not at all. GKE's needs some seconds on a new node. */
const LOCAL_TIMEOUT_MS = 10_000;
const LARGEST_FILE = 65_536;

/** Makes the function that fetches tokens. It loads nothing and sends nothing until it is called. */
export function createTokenFetcher({ env, caFile, now, resolve = resolveAll, timeoutMs = 30_000 }: CloudSurroundings): FetchToken {
  const trust = trustIn(caFile);
  const proxy = proxySettings(env);
  return async (request, signal) => {
    signal.throwIfAborted();
    const common = { resolve, trust: trust([]), rulesFor: () => undefined, signal };
    const remote = openTransport({ ...common, proxy, timeoutMs });
    const local = openTransport({ ...common, proxy: {}, timeoutMs: Math.min(timeoutMs, LOCAL_TIMEOUT_MS) });
    const send = async (call: Call) => replyOf(call, await (call.isLocal ? local : remote).send(call), now());
    try {
      return await fetchFrom(request, { env, send, readFile: readText, now });
    } catch (error) {
      signal.throwIfAborted();
      throw toCloudError(error);
    } finally {
      await Promise.all([remote.close(), local.close()]);
    }
  };
}

async function fetchFrom(request: TokenRequest, context: CloudContext): Promise<RegistryToken> {
  switch (request.cloud) {
    case 'aws':
      return (await import('./aws/aws.ts')).fetchAwsToken(request, context);
    case 'gcp':
      return (await import('./google/google.ts')).fetchGoogleToken(request, context);
    case 'azure':
      return (await import('./azure/azure.ts')).fetchAzureToken(request, context);
    default:
      return request satisfies never;
  }
}

const resolveAll: Resolve = (hostname) => lookup(hostname, { all: true });

const WHY: Partial<Record<Failure['why'], string>> = {
  dns: 'its name cannot be resolved',
  'connection-refused': 'it refuses the connection',
  timeout: 'it does not answer in time',
  tls: 'its certificate is not trusted, or TLS fails. Check NODE_EXTRA_CA_CERTS',
  proxy: 'the proxy does not let the request through, or is unreachable. Check HTTPS_PROXY',
  'proxy-login': 'the proxy wants a login. Check HTTPS_PROXY',
  protocol: 'its answer is not HTTP',
  'too-large': 'its answer is too large',
};

function replyOf({ url }: Call, reply: RawReply | Failure, now: number): Reply {
  if (reply.kind === 'failure') {
    const code = reply.code ?? inCapitals(reply.why);
    throw new CloudError(`cannot ask ${url.hostname}: ${WHY[reply.why] ?? 'the connection failed'} (${code})`, code);
  }
  const headers = Object.fromEntries(
    Object.entries(reply.headers).map(([name, value]) => [name, typeof value === 'string' ? value : value?.[0]]),
  );
  const seconds = parseRetryAfter(headers['retry-after'], now);
  const retryAfterMs = seconds === undefined ? undefined : seconds * 1000;
  return { status: reply.status, headers, text: reply.body.toString('utf8'), retryAfterMs };
}

/** `too-large` as a code: `TooLarge`. */
const inCapitals = (why: string) => why.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());

async function readText(variable: string, path: string): Promise<string> {
  let text: string;
  try {
    text = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    const { code = 'EIO' } = error as { code?: string };
    throw new CloudError(`the file ${path} of ${variable} cannot be read (${code})`, code);
  }
  if (text !== '' && text.length <= LARGEST_FILE) return text;
  throw new CloudError(`the file ${path} of ${variable} is ${text === '' ? 'empty' : 'too large'}`, 'InvalidValue');
}

/** Each chunk has a copy of the class CloudError. Of any other error, the message may hold a secret, so only its name is used. */
function toCloudError(error: unknown): CloudError {
  if (error instanceof CloudError) return error;
  if (error instanceof Error && error.name === 'CloudError') {
    const { message, code, httpStatus, retryAfterMs } = error as CloudError;
    return new CloudError(message, code, { ...(httpStatus && { httpStatus }), ...(retryAfterMs !== undefined && { retryAfterMs }) });
  }
  const { name, code } = error as { name?: unknown; code?: unknown };
  if (code === 'ERR_MODULE_NOT_FOUND') return new CloudError('a file cloud-*.js is missing. Install all files of dist together', 'Fault');
  return new CloudError(`the program has a fault: ${typeof name === 'string' ? name : 'unknown'}`, 'Fault');
}
