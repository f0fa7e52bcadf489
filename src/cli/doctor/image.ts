/** What is to be said of one image of a pod: which entries are tried for it, who should have brought one, and what came of it. */
import type { CredentialRecord } from '../../api/records.ts';
import { sayServer } from '../../plan/docker-config.ts';
import { type Image, parseImage, sayImage } from '../../plan/image.ts';
import { secretNameOf } from '../../plan/intent.ts';
import { matching } from '../../plan/keyring.ts';
import { type Entry, type Reading, readPullSecret } from '../../plan/pull-secret.ts';
import { canonicalServer, DOCKER_HUB } from '../../plan/server.ts';
import { age } from '../view.ts';
import { covers, notWanted, serversOf, whyNot } from './cover.ts';
import { heard } from './kubelet.ts';
import type { Asked, Container, Pod, Secret, Step, Surroundings } from './observed.ts';
import { meaning, type Offered } from './words.ts';

/** Makes of a password what may be shown of it. */
export type Fingerprint = (password: string, uid: string) => string;

export interface Diagnosis {
  readonly pod: Pod;
  readonly around: Surroundings;
  /** What registries said, by the image as it is written; where they were asked. */
  readonly asked: ReadonlyMap<string, readonly Asked[]>;
  readonly fingerprint: Fingerprint;
}

/** An entry that the kubelet would try, and the Secret with what is known of it. */
export type Tried = readonly [server: string, entry: Entry<Secret>];

/** The entries that the kubelet tries for an image, in its order; and whether that is all, as far as could be seen. */
export function triedFor(
  image: Image,
  pod: Pod,
  { secrets }: Surroundings,
): { tried: readonly Tried[]; refused: boolean; hidden: boolean } {
  const readings = pod.pullSecrets.flatMap((name): Reading<Secret>[] => {
    const secret = secrets.get(name);
    return secret?.state === 'there' ? [readPullSecret(secret.value)] : [];
  });
  const refused = readings.some((reading) => reading.refused);
  const hidden = pod.pullSecrets.some((name) => secrets.get(name)?.state === 'forbidden');
  return {
    tried: matching(
      readings.flatMap(({ entries }) => entries),
      image,
    ),
    refused,
    hidden,
  };
}

export function imageSteps(written: string, diagnosis: Diagnosis): Step[] {
  const image = parseImage(written);
  if (image === undefined) return [];
  const { pod, around, asked } = diagnosis;
  const containers = pod.containers.filter((container) => container.image === written);
  const { tried, refused, hidden } = triedFor(image, pod, around);
  const offered = offeredBy(tried, around);
  const said = heard(containers, image, offered, around);
  const answers = asked.get(written);
  // Known to be let in, be it without credentials.
  const isPulled = containers.some(({ state }) => state.at === 'pulled') || (answers?.some(({ answer }) => answer.ok) ?? false);
  const uncovered = tried.length === 0 && !hidden && !refused;
  return [
    ...(refused ? [refusedStep(written)] : tried.length > 0 ? [entriesStep(written, tried, diagnosis)] : []),
    ...(uncovered ? [uncoveredStep(written, image, isPulled, diagnosis)] : []),
    ...policySteps(written, image, containers),
    ...said,
    ...(answers ? registrySteps(answers, image, around, tried) : []),
  ];
}

const refusedStep = (written: string): Step => ({
  check: 'Entries',
  mark: 'wrong',
  reason: 'ConfigRefused',
  message: `For ${written} the kubelet tries nothing: one pull secret that it cannot parse makes it refuse all of the pod's.`,
  mend: 'Put the Secret right that is marked above, or take its name out of imagePullSecrets.',
});

/** Some registries take a token for a username, with anything or the token once more for a password: that is not said. */
export const whoIs = ({ username, password }: { readonly username: string; readonly password: string }): string =>
  (password !== '' && username.includes(password)) || /^(dop_v1_|gh[opsur]_|github_pat_|glpat-|hf_)|\w{32}/.test(username)
    ? '(a username that is not shown, as it may be a token)'
    : username;

function entriesStep(written: string, tried: readonly Tried[], { around, fingerprint }: Diagnosis): Step {
  const told = tried.map(([server, { secret, auth }], n) => {
    const { uid, changedAt } = secret;
    const as = auth ? `as ${whoIs(auth)}, password fingerprint ${fingerprint(auth.password, uid)}` : 'which is broken';
    const since = changedAt > 0 ? `, written ${age(new Date(changedAt).toISOString(), new Date(around.now))} ago` : '';
    return `${tried.length > 1 ? `${n + 1}. ` : ''}${sayServer(server)} of Secret ${secret.name} ${as}${since}`;
  });
  const usable = tried.some(([, { auth }]) => auth !== undefined);
  return {
    check: 'Entries',
    mark: usable ? 'ok' : 'note',
    reason: 'Matching',
    message: `For ${written} the kubelet tries ${told.join('; ')}.`,
  };
}

/** No entry matches: which RegistryCredential should have brought one? */
function uncoveredStep(written: string, image: Image, isPulled: boolean, { pod, around }: Diagnosis): Step {
  const none = `For ${written} no entry of the pod's pull secrets matches, so the kubelet asks without credentials, unless its node has some`;
  if (isPulled) return { check: 'Entries', mark: 'note', reason: 'NotNeeded', message: `${none}, which is enough.` };
  const near = nearMiss(image, pod, around);
  if (near) return { check: 'Entries', mark: 'wrong', reason: 'ServerNotFound', message: `${none}. ${near.message}`, mend: near.mend };
  const { credentials } = around;
  if (credentials.state === 'forbidden')
    return {
      check: 'Credential',
      mark: 'unseen',
      reason: 'Forbidden',
      message: `${none}. Which RegistryCredential should cover it cannot be seen.`,
      mend: `Missing right: ${credentials.right}. Ask somebody who has it; for a public image all is well.`,
    };
  const all = credentials.state === 'there' ? credentials.value : [];
  const candidates = all.filter((credential) => covers(credential, image, around));
  // The one that lacks least: one that is meant for this namespace, if there is any.
  const best = candidates.find((credential) => !notWanted(credential, pod, around)) ?? candidates[0];
  const why = best && whyNot(best, pod, around);
  if (why)
    return {
      check: 'Credential',
      mark: 'wrong',
      reason: why.reason,
      message: `${none}. ${why.message}`,
      mend: why.mend,
    };
  if (best && around.account.state === 'forbidden' && !pod.pullSecrets.includes(secretNameOf(best)))
    return {
      check: 'Credential',
      mark: 'unseen',
      reason: 'Forbidden',
      message: `${none}. RegistryCredential ${best.name} covers it, and why the pod does not name its Secret cannot be seen.`,
      mend: `Missing right: ${around.account.right}. Ask for it, or somebody who has it to run this.`,
    };
  if (best)
    return {
      check: 'Credential',
      mark: 'wrong',
      reason: 'NotPlaced',
      message: `${none}. RegistryCredential ${best.name} should cover it, and what it has placed does not.`,
      mend: `kubectl regcred status ${best.name} says how it stands.`,
    };
  return {
    check: 'Credential',
    mark: 'unseen',
    reason: 'NotCovered',
    message: `${none}, and ${sayCovered(all, credentials.state === 'missing')}.`,
    mend: mendUncovered(image),
  };
}

function sayCovered(all: readonly CredentialRecord[], isMissing: boolean): string {
  if (isMissing) return 'regcred is not installed on this cluster';
  const servers = serversOf(all);
  if (servers.length === 0) return 'no RegistryCredential says that it covers it';
  return `no RegistryCredential covers it; there are some for ${servers.slice(0, 10).join(', ')}${servers.length > 10 ? ' and others' : ''}`;
}

const mendUncovered = ({ host }: Image) =>
  `If the image is public, all is well: --pull asks the registry. If not, make a credential: kubectl regcred create NAME --server ${host} --username … --password-stdin | kubectl apply -f -`;

/** An entry that a person would take for one of this registry, and the kubelet does not. */
function nearMiss(image: Image, pod: Pod, { secrets }: Surroundings): { message: string; mend: string } | undefined {
  for (const name of pod.pullSecrets) {
    const secret = secrets.get(name);
    if (secret?.state !== 'there') continue;
    for (const [server] of readPullSecret(secret.value).entries) {
      const canonical = canonicalServer(server);
      const at = `Secret ${name} has an entry ${sayServer(server)}`;
      if (canonical === DOCKER_HUB && image.host === 'docker.io')
        return { message: `${at}, a name of Docker Hub that the kubelet does not know.`, mend: `Call it ${DOCKER_HUB}` };
      const [host = ''] = canonical.split('/');
      if (host === image.host)
        return {
          message: `${at}, and the path of that is not the beginning of ${image.path}.`,
          mend: `Call it ${host}, or by a path that ${image.path} begins with.`,
        };
      if (host.replace(/:\d+$/, '') === image.host.replace(/:\d+$/, ''))
        return {
          message: `${at}, and the kubelet compares the port exactly, be it the usual one.`,
          mend: `Call it ${image.host}, as the image does.`,
        };
    }
  }
  return undefined;
}

/** What imagePullPolicy means for whether credentials are needed. */
function policySteps(written: string, image: Image, containers: readonly Container[]): Step[] {
  const isLatest = image.tag === 'latest';
  // SetDefaults_Container in k8s.io/kubernetes/pkg/apis/core/v1/defaults.go
  const policies = new Set(containers.map(({ pullPolicy }) => pullPolicy ?? (isLatest ? 'Always' : 'IfNotPresent')));
  // Checked again: KubeletEnsureSecretPulledImages, on by default since 1.35.
  const means: Record<string, string> = {
    Always: `the registry is asked at every start of a container, so the credentials have to stay good${isLatest ? ' (the tag latest, or none, means Always)' : ''}`,
    IfNotPresent:
      'it is pulled where the node does not have it; from Kubernetes 1.35 on, one that the node has is checked against the credentials of this pod, so that another pod pulled it is of no help',
    Never:
      'it has to be on the node already; from Kubernetes 1.35 on, this pod needs credentials for it all the same, unless it came with the node',
  };
  return Array.from(policies, (policy) => ({
    check: 'PullPolicy',
    mark: 'note',
    reason: policy,
    message: `imagePullPolicy ${policy} for ${written}: ${means[policy] ?? 'unknown'}.`,
  }));
}

function registrySteps(answers: readonly Asked[], image: Image, around: Surroundings, tried: readonly Tried[]): Step[] {
  // Where one is let in it does no harm that others are not: the kubelet tries the next.
  const mark = answers.some(({ answer }) => answer.ok) ? 'note' : 'wrong';
  return answers.map(({ as, answer }) => {
    const who = as ? `${as.username} of Secret ${as.secret}` : undefined;
    const whom = who ?? 'anybody, without credentials';
    if (answer.ok)
      return {
        check: 'Registry',
        mark: 'ok',
        reason: 'Allowed',
        message: `${image.host} lets ${whom} pull ${sayImage(image)}, asked from here.`,
      };
    const entry = tried.find(([server, { secret }]) => as !== undefined && server === as.server && secret.name === as.secret);
    const meant = meaning(answer.words, image, {
      as: who,
      source: entry ? sourceOf(entry[1].secret, entry[0], around) : 'a Secret',
    });
    const message = `${image.host}, asked from here as ${whom}: ${answer.words}.${meant ? ` That is: ${meant.means}.` : ''}`;
    return { check: 'Registry', mark, reason: meant?.reason ?? 'Refused', message, ...(meant && { mend: meant.mend }) };
  });
}

/** As whom the registry was asked by the kubelet, which tries one entry after the other: it says what the last one got. */
function offeredBy(tried: readonly Tried[], around: Surroundings): Offered {
  const [server, entry] = tried.at(-1) ?? [];
  if (entry === undefined) return { as: undefined, source: 'a Secret' };
  return {
    as: `${entry.auth ? whoIs(entry.auth) : 'the broken entry'} of Secret ${entry.secret.name}`,
    source: sourceOf(entry.secret, server, around),
  };
}

/** Where a change has to be made: never in a copy, which would be put right again at once. */
export function sourceOf({ namespace, name, credential }: Secret, server: string | undefined, { credentials }: Surroundings): string {
  if (credential === undefined) return `Secret ${namespace}/${name}`;
  const owner = credentials.state === 'there' ? credentials.value.find(({ uid }) => uid === credential.uid) : undefined;
  const registry = owner?.spec.registries?.find((one) => server !== undefined && canonicalServer(one.server) === canonicalServer(server));
  const ref = registry?.secretRef;
  return ref
    ? `Secret ${ref.namespace}/${ref.name}, the source of RegistryCredential ${credential.name} (not in the copy)`
    : `the source of RegistryCredential ${credential.name} (not in the copy ${namespace}/${name})`;
}
