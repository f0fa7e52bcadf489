import { type Problem, REASON } from '../../api/reasons.ts';
import type { SourceRecord } from '../../api/records.ts';
import type { RegistryCredentialSpec } from '../../api/types.ts';
import type { Auth } from './auth.ts';
import { formatServer } from './format-server.ts';
import type { Parsed } from './parsed.ts';
import { readRegistry, readWholeConfig } from './read-source.ts';
import { canonicalServer } from './server.ts';
import { problemWithSource, type SecretRef, type SourceState } from './source.ts';

/** Where an entry comes from: `namespace/name` of the source, and the annotation that says when its password expires. */
export interface Origin {
  readonly source: string;
  readonly expiresAt?: string;
  /** Set for a token that the operator fetched itself. */
  readonly fetched?: FetchedToken;
}

export interface FetchedToken {
  /** In milliseconds since 1970. */
  readonly expiresAt: number;
  /** When the operator fetches the next one, in milliseconds since 1970. */
  readonly refreshAt: number;
  /** Why the token was not refreshed in time. */
  readonly overdue?: Problem;
}

/**
 * What is known of the token of one registry:
 * - loading: it is being fetched for the first time, or what it depends on is being read
 * - unusable: there is no token that works
 * - present: a token that works. `source` is the Secret that keeps it
 */
export type TokenState =
  | { readonly state: 'loading' }
  | { readonly state: 'unusable'; readonly source: string; readonly problem: Problem }
  | { readonly state: 'present'; readonly source: string; readonly auth: Auth; readonly fetched: FetchedToken };

type RegistryEntry = NonNullable<RegistryCredentialSpec['registries']>[number];

/** The present entry of one server, as its source has it. It may be released, or held back. */
export interface Candidate extends Origin {
  readonly auth: Auth;
  readonly probeImage?: string;
  readonly caBundle?: string;
}

/** A source that cannot be used. */
export interface BrokenSource {
  readonly source: string;
  /** The canonical server; undefined for a whole docker config, whose servers are not known. */
  readonly server?: string;
  readonly problem: Problem;
}

/**
 * What the sources of a credential hold:
 * - loading: at least one source has not been read yet
 * - read: the entries by canonical server, the sources that cannot be used, and problems of the spec itself
 */
export type Candidates =
  | { readonly state: 'loading' }
  | {
      readonly state: 'read';
      readonly entries: ReadonlyMap<string, Candidate>;
      readonly broken: readonly BrokenSource[];
      /** Entries of docker configs that are not used, although their sources are. */
      readonly skipped: readonly Problem[];
      readonly invalid: readonly Problem[];
    };

/** Every Secret that a spec refers to, once. */
export function sourcesOf(spec: RegistryCredentialSpec): SecretRef[] {
  const refs = [...(spec.dockerConfigs ?? []).map(({ secretRef }) => secretRef), ...(spec.registries ?? []).flatMap(refsOf)];
  return [...new Map(refs.map((ref) => [sourceName(ref), ref])).values()];
}

/** The Secret of a registry, or the one with the keys that a token is fetched with. */
const refsOf = ({ secretRef, token }: RegistryEntry): SecretRef[] => [secretRef ?? keysOf(token)].flatMap((ref) => ref ?? []);

const keysOf = (token: RegistryEntry['token']): SecretRef | undefined => (token?.aws ?? token?.gcp ?? token?.azure)?.secretRef;

/** Whether this Secret is among the sources. Without an allocation, because it is asked for each namespace and credential. */
export const hasSource = ({ dockerConfigs, registries }: RegistryCredentialSpec, namespace: string, name: string): boolean => {
  const isIt = (ref: SecretRef | undefined) => ref?.name === name && ref.namespace === namespace;
  return (
    (dockerConfigs?.some(({ secretRef }) => isIt(secretRef)) ||
      registries?.some(({ secretRef, token }) => isIt(secretRef ?? keysOf(token)))) ??
    false
  );
};

/**
 * Reads all sources. A later entry of spec.dockerConfigs overrides an earlier one, and spec.registries overrides both.
 *
 * @param credentialUid a Secret that the operator made for this credential cannot be its source.
 * @param tokenOf what is known of the token of a registry, for those that have one.
 */
export function readCandidates(
  spec: RegistryCredentialSpec,
  credentialUid: string,
  stateOf: (ref: SecretRef) => SourceState,
  tokenOf: (server: string) => TokenState = () => ({ state: 'loading' }),
): Candidates {
  if (sourcesOf(spec).some((ref) => stateOf(ref).state === 'loading')) return { state: 'loading' };
  const tokens = new Map((spec.registries ?? []).flatMap(({ server, token }) => (token ? [[server, tokenOf(server)] as const] : [])));
  if ([...tokens.values()].some(({ state }) => state === 'loading')) return { state: 'loading' };
  const entries = new Map<string, Candidate>();
  const broken: BrokenSource[] = [];
  const skipped: Problem[] = [];
  const read = <T>(ref: SecretRef, server: string | undefined, readContent: (secret: SourceRecord) => Parsed<T>) =>
    readSource({ ref, server, source: stateOf(ref) as KnownSource, credentialUid }, readContent);

  for (const { secretRef } of spec.dockerConfigs ?? []) {
    const config = read(secretRef, undefined, (secret) => readWholeConfig(secretRef, secret));
    if ('broken' in config) {
      broken.push(config.broken);
      continue;
    }
    for (const [server, auth] of config.content.auths) entries.set(server, { ...config.origin, auth });
    skipped.push(...config.content.skipped);
  }
  for (const { server, secretRef, probeImage, caBundle } of spec.registries ?? []) {
    const canonical = canonicalServer(server);
    const registry = secretRef
      ? read(secretRef, server, (secret) => readRegistry(secretRef, server, secret))
      : readToken(canonical, tokens.get(server));
    if (registry && 'content' in registry) {
      const asked = { ...(probeImage !== undefined && { probeImage }), ...(caBundle !== undefined && { caBundle }) };
      entries.set(canonical, { ...registry.origin, auth: registry.content, ...asked });
      continue;
    }
    if (registry) broken.push(registry.broken);
    // A docker config must not stand in for the entry that the spec names.
    entries.delete(canonical);
  }
  return { state: 'read', entries, broken, skipped, invalid: duplicateServers(spec) };
}

type KnownSource = Exclude<SourceState, { state: 'loading' }>;

/** What one source holds, or why it cannot be used. */
type SourceContent<T> = { readonly content: T; readonly origin: Origin } | { readonly broken: BrokenSource };

interface SourceToRead {
  readonly ref: SecretRef;
  /** The server as the spec writes it; undefined for a whole docker config. */
  readonly server: string | undefined;
  readonly source: KnownSource;
  readonly credentialUid: string;
}

function readSource<T>(
  { ref, server, source, credentialUid }: SourceToRead,
  readContent: (secret: SourceRecord) => Parsed<T>,
): SourceContent<T> {
  const problem = problemWithSource(ref, source, credentialUid, server);
  const { secret } = source as Extract<SourceState, { state: 'present' }>;
  const content = problem ? { problem } : readContent(secret);
  if ('problem' in content) {
    const canonical = server === undefined ? {} : { server: canonicalServer(server) };
    return { broken: { source: sourceName(ref), ...canonical, problem: content.problem } };
  }
  const expiry = secret.expiresAt === undefined ? {} : { expiresAt: secret.expiresAt };
  return { content: content.ok, origin: { source: sourceName(ref), ...expiry } };
}

/** Undefined for a registry that has neither a source nor a token. */
function readToken(server: string, token: TokenState | undefined): SourceContent<Auth> | undefined {
  if (token?.state === 'present') return { content: token.auth, origin: { source: token.source, fetched: token.fetched } };
  return token?.state === 'unusable' ? { broken: { source: token.source, server, problem: token.problem } } : undefined;
}

const sourceName = ({ namespace, name }: SecretRef) => `${namespace}/${name}`;

function duplicateServers(spec: RegistryCredentialSpec): Problem[] {
  const seen = new Map<string, string>();
  return (spec.registries ?? []).flatMap(({ server }) => {
    const canonical = canonicalServer(server);
    const first = seen.get(canonical);
    if (first === undefined) {
      seen.set(canonical, server);
      return [];
    }
    const message = `spec.registries has two entries for the same server: ${formatServer(first)} and ${formatServer(server)} both mean ${formatServer(canonical)}. Remove one of them.`;
    return [{ reason: REASON.duplicateServer, message }];
  });
}
