import type { Problem } from '../../api/reasons.ts';
import type { RegistryCredentialSpec } from '../../api/types.ts';
import { readCandidates } from './candidates.ts';
import { type Content, contentOf } from './content.ts';
import type { SecretRef, SourceState } from './source.ts';

/**
 * What the sources of a credential give:
 * - loading: at least one source is not known yet
 * - invalid: at least one source cannot be used
 * - ready: one docker config, without the entries of whole configs in `skipped`
 */
export type Resolution =
  | { readonly state: 'loading' }
  | { readonly state: 'invalid'; readonly problems: readonly Problem[] }
  | { readonly state: 'ready'; readonly content: Content; readonly skipped: readonly Problem[] };

/**
 * Makes one docker config of all sources, or none: one unusable source makes the whole result invalid. This is the rule for a first
 * placement; src/plan/checks/release.ts decides what happens later.
 */
export function resolve(spec: RegistryCredentialSpec, credentialUid: string, stateOf: (ref: SecretRef) => SourceState): Resolution {
  const candidates = readCandidates(spec, credentialUid, stateOf);
  if (candidates.state === 'loading') return candidates;
  const problems = [...candidates.invalid, ...candidates.broken.map(({ problem }) => problem)];
  if (problems.length > 0) return { state: 'invalid', problems };
  const content = contentOf(new Map(Array.from(candidates.entries, ([server, { auth }]) => [server, auth])));
  return 'problem' in content
    ? { state: 'invalid', problems: [content.problem] }
    : { state: 'ready', content: content.ok, skipped: candidates.skipped };
}
