/** The steps about one image of a pod: the entries that match it, the pull policy, the kubelet's report and the registry's answers. */
import { formatImage, type Image, parseImage } from '../../plan/matching/image.ts';
import { entriesStep, type Fingerprint, formatPlaceToFix, formatUsername, type MatchingEntry, matchesFor } from './entries.ts';
import { kubeletSteps } from './kubelet.ts';
import type { Container, Pod, PullTest, Step, Surroundings } from './observed.ts';
import { explainPullError, type TriedCredentials } from './pull-errors.ts';
import { registryStatusSteps } from './registry-status.ts';
import { uncoveredStep } from './uncovered.ts';

/** Everything that the decisions about one pod depend on. */
export interface Diagnosis {
  readonly pod: Pod;
  readonly surroundings: Surroundings;
  /** By image as written: the answers of its registry. Empty if registries were not asked. */
  readonly pullTests: ReadonlyMap<string, readonly PullTest[]>;
  readonly fingerprint: Fingerprint;
}

/**
 * The steps about one image of a pod. None if the name of the image is not valid.
 *
 * @param written the image as the pod has it
 */
export function imageSteps(written: string, { pod, surroundings, pullTests, fingerprint }: Diagnosis): Step[] {
  const image = parseImage(written);
  if (image === undefined) return [];
  const containers = pod.containers.filter((container) => container.image === written);
  const matches = matchesFor(image, pod, surroundings);
  const checks = pullTests.get(written) ?? [];
  // Then the registry accepts the pull, perhaps without credentials.
  const isPulled = containers.some(({ imageState }) => imageState.status === 'pulled') || checks.some(({ answer }) => answer.ok);
  const isUncovered = matches.entries.length === 0 && !matches.isIncomplete && !matches.isRefused;
  return [
    ...entriesStep(written, matches, surroundings, fingerprint),
    ...registryStatusSteps(matches.entries, isPulled, surroundings),
    ...(isUncovered ? [uncoveredStep({ written, image, isPulled }, pod, surroundings)] : []),
    ...policySteps(written, image, containers),
    ...kubeletSteps(containers, image, credentialsTriedFrom(matches.entries, surroundings), surroundings),
    ...registrySteps(checks, image, matches.entries, surroundings),
  ];
}

/** What imagePullPolicy means for the credentials. */
function policySteps(written: string, image: Image, containers: readonly Container[]): Step[] {
  const isLatest = image.tag === 'latest';
  // SetDefaults_Container in k8s.io/kubernetes/pkg/apis/core/v1/defaults.go
  const policies = new Set(containers.map(({ pullPolicy }) => pullPolicy ?? (isLatest ? 'Always' : 'IfNotPresent')));
  // The second check: KubeletEnsureSecretPulledImages, on by default since 1.35.
  const meanings: Record<string, string> = {
    Always: `the kubelet asks the registry at every start of a container, so the credentials must stay valid${isLatest ? ' (the tag latest, or no tag, means Always)' : ''}`,
    IfNotPresent:
      'the kubelet pulls the image if the node does not have it. From Kubernetes 1.35 on, it also checks an image that the node has against the credentials of this pod: a pull by another pod is not enough',
    Never:
      'the image must be on the node already. From Kubernetes 1.35 on, this pod still needs credentials for it, unless the image was on the node before the kubelet',
  };
  return Array.from(policies, (policy) => ({
    check: 'PullPolicy',
    mark: 'note',
    reason: policy,
    message: `imagePullPolicy ${policy} for ${written}: ${meanings[policy] ?? 'unknown'}.`,
  }));
}

function registrySteps(checks: readonly PullTest[], image: Image, entries: readonly MatchingEntry[], surroundings: Surroundings): Step[] {
  // One accepted entry is enough: the kubelet tries the next one after a refusal.
  const mark = checks.some(({ answer }) => answer.ok) ? 'note' : 'wrong';
  return checks.map(({ as, answer }): Step => {
    const account = as && `${as.username} of Secret ${as.secret}`;
    if (answer.ok) {
      const message = `${image.host} allows the pull of ${formatImage(image)} ${account ? `as ${account}` : 'without credentials'}, asked from this machine.`;
      return { check: 'Registry', mark: 'ok', reason: 'Allowed', message };
    }
    const entry = entries.find(([server, { secret }]) => as !== undefined && server === as.server && secret.name === as.secret);
    const source = entry ? formatPlaceToFix(entry[1].secret, entry[0], surroundings) : 'a Secret';
    const known = explainPullError(answer.message, image, { as: account, source });
    const meaning = known ? ` That means: ${known.meaning}.` : '';
    return {
      check: 'Registry',
      mark,
      reason: known?.reason ?? 'Refused',
      message: `${image.host}, asked from this machine ${account ? `as ${account}` : 'without credentials'}: ${answer.message}.${meaning}`,
      ...(known && { fix: known.fix }),
    };
  });
}

/** The credentials that the kubelet's error is about: it tries one entry after the other, and reports the last error. */
function credentialsTriedFrom(entries: readonly MatchingEntry[], surroundings: Surroundings): TriedCredentials {
  const [server, entry] = entries.at(-1) ?? [];
  if (entry === undefined) return { as: undefined, source: 'a Secret' };
  return {
    as: `${entry.auth ? formatUsername(entry.auth) : 'the entry that is not valid'} of Secret ${entry.secret.name}`,
    source: formatPlaceToFix(entry.secret, server, surroundings),
  };
}
