/** The steps about a whole namespace: which RegistryCredentials select it, and whether their Secrets and references are there. */
import { formatCredential } from '../../api/credential-ref.ts';
import { LABEL } from '../../api/names.ts';
import type { AccountRecord, CredentialRecord } from '../../api/records.ts';
import { secretNameOf } from '../../plan/placement/intent.ts';
import { readPullSecret } from '../../plan/pods/pull-secret.ts';
import { blockedForAll, selectsAccount, selectsAnyAccount } from '../../plan/targets/targets.ts';
import { argumentsFor, seeStatus } from '../credential-name.ts';
import { askForRight, type ReadResult, rightToSeeAll, type Step, type Surroundings } from './observed.ts';
import { whyNotPlaced, whyNotSelected } from './why-not.ts';

/** The pods of the namespace that wait for an image. */
export interface WaitingPods {
  readonly pods: ReadResult<unknown>;
  readonly count: number;
  /** How many of them have a finding of their own. */
  readonly shown: number;
}

/** Limits for one message. */
const MAX_NAMES = 10;
const MAX_REASONS = 5;

/** The steps about a namespace, and one about its pods that wait for an image. */
export function examineNamespace(
  name: string,
  surroundings: Surroundings,
  accounts: ReadResult<readonly AccountRecord[]>,
  pods: WaitingPods,
): Step[] {
  return [...credentialSteps(name, surroundings, accounts), podStep(name, pods)];
}

function podStep(name: string, { pods, count, shown }: WaitingPods): Step {
  if (pods.state !== 'found') return unseen('Kubelet', `The pods in namespace ${name} cannot be listed.`, pods);
  if (count === 0) return { check: 'Kubelet', mark: 'ok', reason: 'NoneWaits', message: 'No pod waits for an image.' };
  const message = `${count === 1 ? 'One pod waits' : `${count} pods wait`} for an image. ${count > shown ? `The first ${shown} follow` : 'Details follow'} below.`;
  return { check: 'Kubelet', mark: 'wrong', reason: 'PodsWait', message };
}

function credentialSteps(name: string, surroundings: Surroundings, accounts: ReadResult<readonly AccountRecord[]>): Step[] {
  const { namespace, credentials } = surroundings;
  const first = namespaceStep(name, namespace);
  if (credentials.state !== 'found') {
    return [
      first,
      unseen('Credential', `The RegistryCredentials that select namespace ${name} are unknown: they cannot be listed.`, credentials),
    ];
  }
  const right = rightToSeeAll(credentials);
  const hidden =
    right === undefined ? [] : [unseen('Credential', 'The RegistryCredentials cannot be listed.', { state: 'forbidden', right } as const)];
  if (namespace.state !== 'found') return [first, ...hidden];
  const judged = credentials.value.map((credential) => ({ credential, why: whyNotSelected(credential, name, surroundings) }));
  const selecting = judged.filter(({ why }) => why === undefined);
  const reasons = judged.flatMap(({ why }) => why?.message ?? []);
  return [
    first,
    ...hidden,
    ...(selecting.length > 0 || first.mark === 'wrong' || right !== undefined ? [] : [notSelectedStep(name, reasons)]),
    ...selecting.flatMap(({ credential }) => [
      secretStep(name, credential, surroundings),
      ...namespaceAccountSteps(name, credential, accounts),
    ]),
  ];
}

function namespaceStep(name: string, namespace: Surroundings['namespace']): Step {
  if (namespace.state !== 'found') return unseen('Namespace', `Namespace ${name} cannot be read.`, namespace);
  const blocked = blockedForAll(namespace.value);
  switch (blocked) {
    case undefined:
      return { check: 'Namespace', mark: 'ok', reason: 'Active', message: `Namespace ${name} is active.` };
    case 'terminating':
      return {
        check: 'Namespace',
        mark: 'wrong',
        reason: 'NamespaceTerminating',
        message: `Namespace ${name} is being deleted, so the operator puts nothing into it.`,
        fix: 'Create it again after the deletion.',
      };
    case 'opted-out':
      return {
        check: 'Namespace',
        mark: 'wrong',
        reason: 'NamespaceOptedOut',
        message: `Namespace ${name} has the label ${LABEL.exclude}: "true", so no RegistryCredential selects it.`,
        fix: `kubectl label namespace ${name} ${LABEL.exclude}-`,
      };
    default:
      return blocked satisfies never;
  }
}

function notSelectedStep(name: string, reasons: readonly string[]): Step {
  const more = reasons.length > MAX_REASONS ? ` And ${reasons.length - MAX_REASONS} others.` : '';
  return {
    check: 'Credential',
    mark: 'note',
    reason: 'NotSelected',
    message: `No RegistryCredential selects namespace ${name}. ${reasons.slice(0, MAX_REASONS).join(' ')}${more}`.trim(),
  };
}

function secretStep(namespace: string, credential: CredentialRecord, surroundings: Surroundings): Step {
  const name = secretNameOf(credential);
  const secret = surroundings.secrets.get(name);
  const where = `${namespace}/${name} of ${formatCredential(credential)}`;
  if (secret?.state === 'forbidden') return unseen('Secret', `Secret ${where} cannot be read.`, secret);
  const why = whyNotPlaced(credential, namespace, surroundings);
  if (why) return { check: 'Credential', mark: 'wrong', ...why };
  const [problem] = secret?.state === 'found' ? readPullSecret(secret.value).problems : [];
  if (problem) {
    const fix = seeStatus(credential);
    return { check: 'Secret', mark: 'wrong', reason: problem.reason, message: problem.message, fix };
  }
  return { check: 'Secret', mark: 'ok', reason: 'Valid', message: `Secret ${where} exists, and it is valid.` };
}

function namespaceAccountSteps(namespace: string, credential: CredentialRecord, accounts: ReadResult<readonly AccountRecord[]>): Step[] {
  const name = secretNameOf(credential);
  const subject = formatCredential(credential);
  if (!selectsAnyAccount(credential.spec)) {
    const message = `${subject} selects no ServiceAccounts: pods must name ${name} themselves.`;
    return [{ check: 'Account', mark: 'note', reason: 'NoAccounts', message }];
  }
  if (accounts.state !== 'found') return [unseen('Account', `The ServiceAccounts in namespace ${namespace} cannot be listed.`, accounts)];
  const selected = accounts.value.filter((account) => selectsAccount(credential.spec, account));
  if (selected.length === 0) {
    const message = `spec.serviceAccounts of ${subject} selects no ServiceAccount in namespace ${namespace}, so pods inherit nothing.`;
    return [{ check: 'Account', mark: 'note', reason: 'NoServiceAccountMatches', message }];
  }
  const lacking = selected.filter(({ pullSecrets }) => !pullSecrets.some((entry) => entry.name === name));
  if (lacking.length === 0) {
    const message = `All selected ServiceAccounts have the name ${name}: ${firstNames(selected)}.`;
    return [{ check: 'Account', mark: 'ok', reason: 'Referenced', message }];
  }
  const failure = credential.status?.failures?.find((one) => one.kind === 'ServiceAccount' && one.namespace === namespace);
  return [
    {
      check: 'Account',
      mark: 'wrong',
      reason: 'NotReferenced',
      message: `${lacking.length} of ${selected.length} ServiceAccounts lack the name ${name}: ${firstNames(lacking)}.`,
      fix: failure?.message ?? `Check its status, and whether the operator runs: kubectl regcred status ${argumentsFor(credential)}`,
    },
  ];
}

const firstNames = (accounts: readonly AccountRecord[]): string =>
  accounts
    .slice(0, MAX_NAMES)
    .map(({ name }) => name)
    .join(', ');

function unseen(check: Step['check'], message: string, observation: Exclude<ReadResult<unknown>, { state: 'found' }>): Step {
  if (observation.state === 'missing') {
    return {
      check,
      mark: 'wrong',
      reason: 'NotInstalled',
      message: 'This cluster has no RegistryCredentials: regcred is not installed.',
      fix: 'kubectl apply -k .',
    };
  }
  const fix = askForRight(observation);
  return { check, mark: 'unseen', reason: 'Forbidden', message, fix };
}
