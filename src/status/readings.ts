import type { CredentialRecord } from '../api/records.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import type { Key } from '../queue/keys.ts';
import type { WorkQueue } from '../queue/queue.ts';
import type { CredentialStates } from './credential-state.ts';
import type { PlacementCounts } from './placement-counts.ts';

/** The values of a leader term that the metrics report, computed at each scrape. */
export interface Readings {
  readonly queueDepth: number;
  readonly queueAgeSeconds: number;
  /** How many keys may run at once; 0 in a pause. */
  readonly queueWidth: number;
  placements(): Iterable<{ namespace?: string; credential: string; kind: 'Secret' | 'ServiceAccount'; states: Record<string, number> }>;
  /** As the status reports them. */
  conditions(): Iterable<{ namespace?: string; credential: string; type: string; status: string; reason: string }>;
  /** As the status reports them. `expiresAt` is in seconds since 1970. */
  registries(): Iterable<{ namespace?: string; credential: string; server: string; result: string; expiresAt: number | undefined }>;
  sources(): Iterable<{ source: string; changedAt: number }>;
  /** The tokens that credentials use. Times are in seconds since 1970. */
  tokens(): Iterable<TokenReading>;
}

export interface TokenReading {
  readonly cloud: string;
  /** The name of the Secret that keeps it. */
  readonly token: string;
  readonly obtainedAt: number;
  readonly expiresAt: number;
}

/** What the readings are computed from. */
export interface ReadingSources {
  readonly states: CredentialStates;
  readonly observed: Pick<ObservedCluster, 'credentials' | 'sources'>;
  readonly queue: Pick<WorkQueue<Key>, 'depth' | 'oldestSince' | 'width'>;
  readonly tokens: { readings(): Iterable<TokenReading> };
  /** Milliseconds of a clock that does not jump. */
  readonly now: () => number;
}

/** The readings of a leader term. Each access computes them again. */
export function readingsOf({ states, observed, queue, tokens, now }: ReadingSources): Readings {
  return {
    get queueDepth() {
      return queue.depth;
    },
    get queueAgeSeconds() {
      return (now() - (queue.oldestSince ?? now())) / 1000;
    },
    get queueWidth() {
      return queue.width;
    },
    *placements() {
      for (const credential of observed.credentials.all()) {
        const state = states.stateOf(credential);
        if (!state) continue;
        yield { ...labelsOf(credential), kind: 'Secret', states: countsByState(state.secrets) };
        yield { ...labelsOf(credential), kind: 'ServiceAccount', states: countsByState(state.accounts) };
      }
    },
    *conditions() {
      for (const credential of observed.credentials.all()) {
        const conditions = credential.status?.conditions ?? [];
        for (const { type, status, reason } of conditions) yield { ...labelsOf(credential), type, status, reason };
      }
    },
    *registries() {
      for (const credential of observed.credentials.all()) yield* registryReadings(credential);
    },
    tokens: () => tokens.readings(),
    *sources() {
      for (const { namespace, name, changedAt } of observed.sources.records()) yield { source: `${namespace}/${name}`, changedAt };
    },
  };
}

function* registryReadings(credential: CredentialRecord): ReturnType<Readings['registries']> {
  for (const { server, result, expiresAt } of credential.status?.registries ?? []) {
    const seconds = expiresAt === undefined ? undefined : Date.parse(expiresAt) / 1000;
    yield { ...labelsOf(credential), server, result, expiresAt: seconds };
  }
}

/** The sum over all states is the desired number. */
function countsByState(counts: PlacementCounts): Record<string, number> {
  const { desired, synced, failed, conflicted } = counts.counters();
  return { synced, failed, conflicted, pending: Math.max(0, desired - synced - failed - conflicted) };
}

/** Only a namespaced credential has the label `namespace`. */
const labelsOf = ({ namespace, name }: CredentialRecord) => ({ ...(namespace !== '' && { namespace }), credential: name });
