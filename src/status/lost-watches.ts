import { isNamespaced } from '../api/credential-ref.ts';
import { type Problem, REASON } from '../api/reasons.ts';
import type { CredentialRecord } from '../api/records.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import { sourceKey } from '../cluster/sources.ts';
import { classify } from '../kube/errors.ts';
import type { View } from '../kube/store.ts';
import { sourcesOf } from '../plan/content/candidates.ts';
import { redact } from '../plan/content/redact.ts';
import type { OutdatedFacts } from '../plan/status/facts.ts';

/** The name of the watched objects for a message, and their watch. */
type NamedView = readonly [what: string, view: Pick<View<unknown>, 'isOutdated' | 'error'> | undefined];

/** Which conditions of a credential may be outdated because a watch has been interrupted for a minute, and why. */
export function outdatedFacts(observed: ObservedCluster, credential: CredentialRecord, secretName: string): OutdatedFacts {
  const { spec, kind, namespace } = credential;
  const { clusterScoped, namespaced } = observed.credentials;
  const all: NamedView[] = [[`${kind}s`, isNamespaced(credential) ? namespaced : clusterScoped]];
  const targets: NamedView[] = [...all, ['Namespaces', observed.namespaces]];
  const sources = sourcesOf(spec).map((ref): NamedView => [`the Secret ${sourceKey(ref)}`, observed.sources.view(sourceKey(ref))]);
  const secrets = observed.secrets.watchesOf(secretName, namespace).map((view): NamedView => ['Secrets', view]);
  return {
    sources: problemWith([...sources, ...all]),
    secrets: problemWith([...secrets, ...targets]),
    accounts: problemWith([['ServiceAccounts', observed.accounts], ...targets]),
  };
}

function problemWith(watched: readonly NamedView[]): Problem | undefined {
  const [what, view] = watched.find(([, candidate]) => candidate?.isOutdated) ?? [];
  if (view === undefined) return undefined;
  const why = redact((view.error as Error | undefined)?.message ?? 'the watch is interrupted', undefined);
  const fix =
    classify(view.error) === 'refused'
      ? 'Grant the permissions in manifests/rbac.yaml, or find the policy that refuses.'
      : 'The operator keeps retrying. Check the API server and the network.';
  return { reason: REASON.watchLost, message: `The operator can no longer watch ${what}, so it does not see changes: ${why}. ${fix}` };
}
