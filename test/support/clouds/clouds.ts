/**
 * Fakes of AWS, Google and Azure for tests and the quickstart. They listen on this machine and verify what the clouds verify:
 * signatures, audiences, scopes, times.
 *
 *     const clouds = await startClouds();
 *     clouds.trust({ issuer, keys });          // the issuer of a cluster, and the keys of its /openid/v1/jwks
 *     clouds.aws.roles.set(ARN, { webIdentity: { issuer, subject: 'system:serviceaccount:team-a:puller' } });
 *     startOperator({ env: clouds.env });      // the operator then uses the clouds' real host names, through a proxy
 *     clouds.tokens('aws')                     // the registry tokens that were given out
 *     clouds.accepts({ host, username, password })
 *     clouds.count('sts.eu-central-1.amazonaws.com')
 *     clouds.outage('aws', 'unreachable');     // until clouds.outage('aws', undefined)
 *     clouds.clock.offsetMs = 3_600_000;       // the clouds' clock is an hour ahead of this machine's
 *     await clouds.close();
 *
 * `clouds.env` has no identity. `clouds.podEnv` has the variables of each identity of a pod.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeAuthority } from '../certificates.ts';
import type { CloudAnswer, CloudClock, CloudRequest, IssuedToken, Service } from './answers.ts';
import { endpointOf, type FakeAws, fakeAws } from './aws.ts';
import { type FakeAzure, fakeAzure } from './azure.ts';
import { startFront } from './front.ts';
import { type FakeGoogle, fakeGoogle } from './google.ts';
import type { Issuer } from './jwt.ts';
import { fakeRegistries, isRegistry } from './registries.ts';

export type CloudName = IssuedToken['cloud'];

/** `unreachable`: no connection. A number: the HTTP status of every answer. */
export type Outage = 'unreachable' | number;

export interface Clouds {
  /** What makes an operator use these clouds: HTTPS_PROXY, NODE_EXTRA_CA_CERTS and the addresses of the metadata services. */
  readonly env: Readonly<Record<string, string>>;
  /** The variables of each identity that a cloud gives to a pod. Add them to `env`. */
  readonly podEnv: {
    /** IAM roles for service accounts: `token` is that of the ServiceAccount, with the audience sts.amazonaws.com. */
    irsa(roleArn: string, token: string): Record<string, string>;
    eksPodIdentity(authorization: string): Record<string, string>;
    azureWorkloadIdentity(tenantId: string, clientId: string, token: string): Record<string, string>;
    googleCredentials(file: object): Record<string, string>;
  };
  /** The certificate of the authority, in PEM; `env` has it as a file. */
  readonly ca: string;
  readonly clock: CloudClock;
  readonly aws: FakeAws;
  readonly google: FakeGoogle;
  readonly azure: FakeAzure;
  /** Every request, in order. Its headers and body hold secrets. */
  readonly requests: readonly CloudRequest[];
  /** The hosts for which a tunnel was asked and that no cloud has. */
  readonly strangers: readonly string[];
  /** Makes the clouds accept the tokens of an issuer. */
  trust(issuer: Issuer): void;
  /** The number of requests to a host, or all of them. */
  count(host?: string): number;
  /** The registry tokens of a cloud, oldest first. Some of Google's are used for impersonation only. */
  tokens(cloud: CloudName): readonly IssuedToken[];
  /** Whether a registry of a cloud accepts this login now. */
  accepts(login: { readonly host: string; readonly username: string; readonly password: string }): boolean;
  /** Begins or ends an outage of a cloud. Its registries are not affected. */
  outage(cloud: CloudName, kind: Outage | undefined): void;
  /** Answers a request in place of the fakes; undefined leaves it to them. */
  tamper: (request: CloudRequest) => CloudAnswer | undefined;
  /** Writes a file that `env` or an identity can name, and returns its path. */
  file(name: string, text: string): string;
  close(): Promise<void>;
}

const GOOGLE = ['oauth2.googleapis.com', 'sts.googleapis.com', 'iamcredentials.googleapis.com'];
const ENTRA = ['login.microsoftonline.com', 'login.chinacloudapi.cn', 'login.microsoftonline.us', 'login.microsoftonline.de'];

export async function startClouds(): Promise<Clouds> {
  const directory = mkdtempSync(join(tmpdir(), 'regcred-clouds-'));
  const authority = makeAuthority();
  const clock: CloudClock = { offsetMs: 0, now: () => Date.now() + clock.offsetMs };
  const issuers: Issuer[] = [];
  const issued: IssuedToken[] = [];
  const requests: CloudRequest[] = [];
  const strangers: string[] = [];
  const outages = new Map<CloudName, Outage>();
  const [aws, google, azure] = [fakeAws(clock, issuers, issued), fakeGoogle(clock, issuers, issued), fakeAzure(clock, issuers, issued)];
  const behindProxy: readonly Service[] = [...aws.services, ...google.services, ...azure.services, fakeRegistries(clock, issued)];
  const local: readonly Service[] = [aws.local, google.local, azure.local];

  /** The cloud whose API a host belongs to; `registry` for the host of a registry. */
  const cloudOf = (host: string): CloudName | 'registry' | undefined => {
    if (endpointOf(host)) return 'aws';
    if (GOOGLE.includes(host)) return 'gcp';
    if (ENTRA.includes(host) || azure.registries.has(host)) return 'azure';
    return isRegistry(host) ? 'registry' : undefined;
  };
  const LOCAL_CLOUDS: readonly (readonly [begin: string, cloud: CloudName])[] = [
    ['/v1/credentials', 'aws'],
    ['/latest/', 'aws'],
    ['/computeMetadata/', 'gcp'],
    ['/metadata/', 'azure'],
  ];

  function answer(request: CloudRequest, isLocal: boolean): CloudAnswer | undefined {
    requests.push(request);
    const tampered = clouds.tamper(request);
    if (tampered !== undefined) return tampered;
    const cloud = isLocal ? LOCAL_CLOUDS.find(([begin]) => request.path.startsWith(begin))?.[1] : cloudOf(request.host);
    const isLogin = request.path.startsWith('/v2/');
    const outage = cloud === undefined || cloud === 'registry' || isLogin ? undefined : outages.get(cloud);
    if (outage !== undefined) return { status: outage === 'unreachable' ? 503 : outage, body: 'Service Unavailable' };
    return (isLocal ? local : behindProxy).reduce<CloudAnswer | undefined>((found, service) => found ?? service(request), undefined);
  }

  const front = await startFront({
    authority,
    answer,
    isKnown: (host) => cloudOf(host) !== undefined,
    onTunnel(host) {
      const cloud = cloudOf(host);
      if (cloud === undefined) strangers.push(host);
      return cloud === undefined || cloud === 'registry' || azure.registries.has(host) || outages.get(cloud) !== 'unreachable';
    },
  });
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };

  const clouds: Clouds = {
    tamper: () => undefined,
    ...{ ca: authority.cert, clock, aws, google, azure, requests, strangers, file },
    env: {
      HTTPS_PROXY: front.proxyUrl,
      NODE_EXTRA_CA_CERTS: file('ca.pem', authority.cert),
      AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://${front.local}`,
      GCE_METADATA_HOST: front.local,
      AZURE_POD_IDENTITY_AUTHORITY_HOST: `http://${front.local}`,
    },
    podEnv: {
      irsa: (roleArn, token) => ({ AWS_ROLE_ARN: roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: file('aws-token', token) }),
      eksPodIdentity: (authorization) => ({
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://${front.local}/v1/credentials`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file('eks-pod-identity-token', authorization),
      }),
      azureWorkloadIdentity: (tenantId, clientId, token) => ({
        ...{ AZURE_TENANT_ID: tenantId, AZURE_CLIENT_ID: clientId, AZURE_FEDERATED_TOKEN_FILE: file('azure-token', token) },
        AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/',
      }),
      googleCredentials: (credentials) => ({ GOOGLE_APPLICATION_CREDENTIALS: file('google.json', JSON.stringify(credentials)) }),
    },
    trust: (issuer) => void issuers.push(issuer),
    count: (host) => requests.filter((request) => host === undefined || request.host === host).length,
    tokens: (cloud) => issued.filter((token) => token.cloud === cloud),
    accepts: ({ host, username, password }) =>
      issued.some((one) => one.hosts.test(host) && one.username === username && one.password === password && one.expiresAt > clock.now()),
    outage: (cloud, kind) => void (kind === undefined ? outages.delete(cloud) : outages.set(cloud, kind)),
    async close() {
      await front.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return clouds;
}
