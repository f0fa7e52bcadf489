/** The entries of a pod's pull secrets: which ones the kubelet tries for an image, and where a person has to change them. */
import { formatCredential, parseQualifiedName } from '../../api/credential-ref.ts';
import { formatServer } from '../../plan/content/format-server.ts';
import { canonicalServer, DOCKER_HUB } from '../../plan/content/server.ts';
import type { Image } from '../../plan/matching/image.ts';
import { matchingEntries } from '../../plan/matching/keyring.ts';
import { type PullSecretContent, type PullSecretEntry, readPullSecret } from '../../plan/pods/pull-secret.ts';
import { age } from '../terminal/text.ts';
import type { Pod, Secret, Step, Surroundings } from './observed.ts';

/** Turns a password into the part of it that may be shown. */
export type Fingerprint = (password: string, uid: string) => string;

export type MatchingEntry = readonly [server: string, entry: PullSecretEntry<Secret>];

/** The matching entries in the kubelet's order. */
export interface Matches {
  readonly entries: readonly MatchingEntry[];
  /** The kubelet cannot parse one of the Secrets, and tries no entry. */
  readonly isRefused: boolean;
  /** One of the Secrets cannot be read, so there may be more entries. */
  readonly isIncomplete: boolean;
}

/** The entries of the pod's pull secrets that the kubelet tries for an image. */
export function matchesFor(image: Image, { pullSecrets }: Pod, { secrets }: Surroundings): Matches {
  const readings = pullSecrets.flatMap((name): PullSecretContent<Secret>[] => {
    const secret = secrets.get(name);
    return secret?.state === 'found' ? [readPullSecret(secret.value)] : [];
  });
  const all = readings.flatMap(({ entries }) => entries);
  return {
    entries: matchingEntries(all, image),
    isRefused: readings.some(({ isRefused }) => isRefused),
    isIncomplete: pullSecrets.some((name) => secrets.get(name)?.state === 'forbidden'),
  };
}

/** The step that lists these entries. None if there are none. */
export function entriesStep(written: string, { entries, isRefused }: Matches, { now }: Surroundings, fingerprint: Fingerprint): Step[] {
  if (isRefused) return [refusedStep(written)];
  if (entries.length === 0) return [];
  const formatted = entries.map(([server, { secret, auth }], n) => {
    const as = auth ? `as ${formatUsername(auth)}, password fingerprint ${fingerprint(auth.password, secret.uid)}` : '(not valid)';
    const since = secret.changedAt > 0 ? `, written ${age(new Date(secret.changedAt).toISOString(), new Date(now))} ago` : '';
    return `${entries.length > 1 ? `${n + 1}. ` : ''}${formatServer(server)} of Secret ${secret.name} ${as}${since}`;
  });
  const mark = entries.some(([, { auth }]) => auth !== undefined) ? 'ok' : 'note';
  return [{ check: 'Entries', mark, reason: 'Matching', message: `For ${written} the kubelet tries ${formatted.join('; ')}.` }];
}

const refusedStep = (written: string): Step => ({
  check: 'Entries',
  mark: 'wrong',
  reason: 'ConfigRefused',
  message: `For ${written} the kubelet tries no entry: it cannot parse one of the pod's pull secrets, and then ignores all of them.`,
  fix: 'Fix the Secret that is marked above, or remove its name from imagePullSecrets.',
});

/** Hides a username that may be a token: some registries take a token as the username, with any password. */
export const formatUsername = ({ username, password }: { readonly username: string; readonly password: string }): string =>
  (password !== '' && username.includes(password)) || /^(dop_v1_|gh[opsur]_|github_pat_|glpat-|hf_)|\w{32}/.test(username)
    ? '(username not shown: it may be a token)'
    : username;

/** An entry that looks as if it were for the registry of the image, but that the kubelet does not match. */
export function findNearMiss(image: Image, pod: Pod, { secrets }: Surroundings): { message: string; fix: string } | undefined {
  for (const name of pod.pullSecrets) {
    const secret = secrets.get(name);
    if (secret?.state !== 'found') continue;
    for (const [server] of readPullSecret(secret.value).entries) {
      const miss = explainMiss(server, image);
      if (miss) return { ...miss, message: `Secret ${name} has an entry ${formatServer(server)}, ${miss.message}` };
    }
  }
  return undefined;
}

function explainMiss(server: string, image: Image): { message: string; fix: string } | undefined {
  const canonical = canonicalServer(server);
  if (canonical === DOCKER_HUB && image.host === 'docker.io')
    return { message: 'a name of Docker Hub that the kubelet does not match.', fix: `Rename the entry to ${DOCKER_HUB}` };
  const [host = ''] = canonical.split('/');
  if (host === image.host)
    return {
      message: `but ${image.path} does not begin with its path.`,
      fix: `Rename the entry to ${host}, or to a path that ${image.path} begins with.`,
    };
  const lower = image.host.toLowerCase();
  if (host.toLowerCase() === lower)
    return {
      message: 'which differs from the image name only in upper and lower case: the kubelet compares names exactly.',
      fix: `Write the registry in lower case in both: rename the entry to ${lower}, and use ${lower} in the image name.`,
    };
  if (host.replace(/:\d+$/, '') === image.host.replace(/:\d+$/, ''))
    return {
      message: 'but with another port: the kubelet compares ports exactly, including default ports.',
      fix: `Rename the entry to ${image.host}, as in the image name.`,
    };
  return undefined;
}

/** Where a person has to change an entry. Never in a copy: the operator would revert that at once. */
export function formatPlaceToFix(
  { namespace, name, credential }: Secret,
  server: string | undefined,
  { credentials }: Surroundings,
): string {
  if (credential === undefined) return `Secret ${namespace}/${name}`;
  const owner = credentials.state === 'found' ? credentials.value.find(({ uid }) => uid === credential.uid) : undefined;
  const registry = owner?.spec.registries?.find((one) => server !== undefined && canonicalServer(one.server) === canonicalServer(server));
  const who = formatCredential(owner ?? parseQualifiedName(credential.name));
  if (registry?.token) return `the token that the operator fetches for ${registry.server} (${who}, spec.registries[].token)`;
  const ref = registry?.secretRef;
  return ref
    ? `Secret ${ref.namespace}/${ref.name}, the source of ${who} (not in the copy)`
    : `the source of ${who} (not in the copy ${namespace}/${name})`;
}
