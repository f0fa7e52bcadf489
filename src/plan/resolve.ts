import { contentHash } from '../api/hash.ts';
import { MAX_SECRET_BYTES } from '../api/names.ts';
import { type Problem, REASON } from '../api/reasons.ts';
import type { RegistryCredentialSpec } from '../api/types.ts';
import { type Auth, sayServer, writeDockerConfig } from './docker-config.ts';
import { canonicalServer, namesOf } from './server.ts';
import { readRegistry, readWholeConfig, type SecretRef, type SourceState, unusable } from './source.ts';

/** What is written into every namespace, as the API carries it: base64 of the docker config. */
export interface Content {
  readonly data: string;
  /** SHA-256 of `data`, which the record of a placed Secret is compared with. */
  readonly hash: string;
  readonly servers: number;
  /** Under which names they stand in the docker config: what the kubelet looks an image up by. */
  readonly names: readonly string[];
}

export type Resolution =
  | { readonly state: 'loading' }
  | { readonly state: 'invalid'; readonly problems: readonly Problem[] }
  | { readonly state: 'ready'; readonly content: Content };

/** Every Secret that a spec names, once. */
export function sourcesOf(spec: RegistryCredentialSpec): SecretRef[] {
  const refs = [...(spec.dockerConfigs ?? []), ...(spec.registries ?? [])].map(({ secretRef }) => secretRef);
  return [...new Map(refs.map((ref) => [`${ref.namespace}/${ref.name}`, ref])).values()];
}

/**
 * Makes one docker config of all sources: later `dockerConfigs` over earlier ones, `registries` over all. All or
 * nothing, because one malformed config makes the kubelet's lookup fail for the whole pod.
 */
export function resolve(spec: RegistryCredentialSpec, credentialUid: string, stateOf: (ref: SecretRef) => SourceState): Resolution {
  const problems: Problem[] = duplicateServers(spec);
  const auths = new Map<string, Auth>();

  for (const { secretRef } of spec.dockerConfigs ?? []) {
    const source = stateOf(secretRef);
    if (source.state === 'loading') return { state: 'loading' };
    const problem = unusable(secretRef, source, credentialUid);
    const read = problem ? { problem } : readWholeConfig(secretRef, source as Present);
    if ('problem' in read) problems.push(read.problem);
    else for (const [server, auth] of read.ok) auths.set(server, auth);
  }
  for (const { server, secretRef } of spec.registries ?? []) {
    const source = stateOf(secretRef);
    if (source.state === 'loading') return { state: 'loading' };
    const problem = unusable(secretRef, source, credentialUid, server);
    const read = problem ? { problem } : readRegistry(secretRef, server, source as Present);
    if ('problem' in read) problems.push(read.problem);
    else auths.set(canonicalServer(server), read.ok);
  }

  if (problems.length > 0) return { state: 'invalid', problems };
  const config = Buffer.from(writeDockerConfig(auths));
  if (config.length > MAX_SECRET_BYTES) {
    const message = `The docker config made of all sources has ${config.length} bytes, and a Secret holds at most ${MAX_SECRET_BYTES} (1 MiB). Split the registries over two RegistryCredentials.`;
    return { state: 'invalid', problems: [{ reason: REASON.tooLarge, message }] };
  }
  const data = config.toString('base64');
  const names = [...auths.keys()].flatMap((server) => namesOf(server, auths.keys()));
  return { state: 'ready', content: { data, hash: contentHash(data), servers: auths.size, names } };
}

type Present = Extract<SourceState, { state: 'present' }>;

function duplicateServers(spec: RegistryCredentialSpec): Problem[] {
  const seen = new Map<string, string>();
  return (spec.registries ?? []).flatMap(({ server }) => {
    const canonical = canonicalServer(server);
    const first = seen.get(canonical);
    if (first === undefined) {
      seen.set(canonical, server);
      return [];
    }
    const message = `spec.registries has two entries for the same server: ${sayServer(first)} and ${sayServer(server)} both mean ${sayServer(canonical)}. Remove one of them.`;
    return [{ reason: REASON.duplicateServer, message }];
  });
}
