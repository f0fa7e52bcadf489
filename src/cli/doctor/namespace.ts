/** What is to be said of a namespace as a whole: which RegistryCredentials mean it, and whether what they want is there. */
import { LABEL } from '../../api/names.ts';
import type { AccountRecord, CredentialRecord } from '../../api/records.ts';
import { secretNameOf } from '../../plan/intent.ts';
import { readPullSecret } from '../../plan/pull-secret.ts';
import { coversAccount, isTarget, wantsAccounts } from '../../plan/targets.ts';
import { notPlaced, notWanted } from './cover.ts';
import type { Looked, Step, Surroundings } from './observed.ts';

/** The pods of a namespace: how many an image keeps waiting, and of how many more is said below. */
interface Stuck {
  readonly pods: Looked<unknown>;
  readonly stuck: number;
  readonly shown: number;
}

export function examineNamespace(name: string, around: Surroundings, accounts: Looked<readonly AccountRecord[]>, pods: Stuck): Step[] {
  return [...credentialSteps(name, around, accounts), podStep(name, pods)];
}

function podStep(name: string, { pods, stuck, shown }: Stuck): Step {
  if (pods.state !== 'there') return unseen('Kubelet', `The pods in namespace ${name} cannot be listed.`, pods);
  if (stuck === 0) return { check: 'Kubelet', mark: 'ok', reason: 'NoneWaits', message: 'No pod waits for an image.' };
  const message = `${stuck === 1 ? 'One pod waits' : `${stuck} pods wait`} for an image, ${stuck > shown ? `of which the first ${shown} are` : 'as'} told below.`;
  return { check: 'Kubelet', mark: 'wrong', reason: 'PodsWait', message };
}

function credentialSteps(name: string, around: Surroundings, accounts: Looked<readonly AccountRecord[]>): Step[] {
  const { namespace, credentials } = around;
  const there: Step[] =
    namespace.state === 'there'
      ? [stateOf(name, namespace.value.terminating, namespace.value.labels[LABEL.exclude] === 'true')]
      : [unseen('Namespace', `Namespace ${name} cannot be read.`, namespace)];
  if (credentials.state !== 'there')
    return [...there, unseen('Credential', 'Which RegistryCredentials mean it cannot be seen.', credentials)];
  if (namespace.state !== 'there') return there;
  const wanted = (credential: CredentialRecord) =>
    isTarget(credential.spec, namespace.value) && notWanted(credential, { namespace: name }, around) === undefined;
  const meant = credentials.value.filter(wanted);
  const others = credentials.value.filter((credential) => !wanted(credential));
  const none: Step[] = meant.length > 0 || there[0]?.mark === 'wrong' ? [] : [noneStep(name, others, around)];
  return [
    ...there,
    ...none,
    ...meant.flatMap((credential) => [secretStep(name, credential, around), ...accountSteps(name, credential, accounts)]),
  ];
}

function stateOf(name: string, terminating: boolean, optedOut: boolean): Step {
  const step = { check: 'Namespace' } as const;
  if (terminating)
    return {
      ...step,
      mark: 'wrong',
      reason: 'NamespaceTerminating',
      message: `Namespace ${name} is being deleted, so nothing is put into it.`,
      mend: 'Make it again once it is gone.',
    };
  if (optedOut)
    return {
      ...step,
      mark: 'wrong',
      reason: 'NamespaceOptedOut',
      message: `Namespace ${name} carries the label ${LABEL.exclude}: "true", which keeps all RegistryCredentials out of it.`,
      mend: `kubectl label namespace ${name} ${LABEL.exclude}-`,
    };
  return { ...step, mark: 'ok', reason: 'Active', message: `Namespace ${name} is there.` };
}

function noneStep(name: string, others: readonly CredentialRecord[], around: Surroundings): Step {
  const why = others.slice(0, 5).flatMap((credential) => notWanted(credential, { namespace: name }, around)?.message ?? []);
  const more = others.length > 5 ? ` And ${others.length - 5} others.` : '';
  return {
    check: 'Credential',
    mark: 'note',
    reason: 'NotMeant',
    message: `No RegistryCredential is meant for namespace ${name}. ${why.join(' ')}${more}`.trim(),
  };
}

function secretStep(namespace: string, credential: CredentialRecord, around: Surroundings): Step {
  const name = secretNameOf(credential);
  const secret = around.secrets.get(name);
  const who = `RegistryCredential ${credential.name}`;
  if (secret?.state === 'forbidden') return unseen('Secret', `Secret ${namespace}/${name} of ${who} cannot be read.`, secret);
  const why = notPlaced(credential, { namespace }, around);
  if (why) return { check: 'Credential', mark: 'wrong', ...why };
  const problems = secret?.state === 'there' ? readPullSecret(secret.value).problems : [];
  const [problem] = problems;
  if (problem)
    return {
      check: 'Secret',
      mark: 'wrong',
      reason: problem.reason,
      message: problem.message,
      mend: `kubectl regcred status ${credential.name} says how it stands.`,
    };
  return { check: 'Secret', mark: 'ok', reason: 'Valid', message: `${who} has put its Secret ${namespace}/${name}, and it is valid.` };
}

function accountSteps(namespace: string, credential: CredentialRecord, accounts: Looked<readonly AccountRecord[]>): Step[] {
  const name = secretNameOf(credential);
  if (!wantsAccounts(credential.spec)) {
    return [
      {
        check: 'Account',
        mark: 'note',
        reason: 'NoAccounts',
        message: `RegistryCredential ${credential.name} means no ServiceAccounts: pods have to name ${name} themselves.`,
      },
    ];
  }
  if (accounts.state !== 'there') return [unseen('Account', `The ServiceAccounts in namespace ${namespace} cannot be listed.`, accounts)];
  const meant = accounts.value.filter((account) => coversAccount(credential.spec, account));
  const lacking = meant.filter(({ pullSecrets }) => !pullSecrets.some((entry) => entry.name === name)).map((account) => account.name);
  if (lacking.length > 0) {
    const failure = credential.status?.failures?.find((one) => one.kind === 'ServiceAccount' && one.namespace === namespace);
    const mend = failure?.message ?? `See how it stands, and whether the operator runs: kubectl regcred status ${credential.name}`;
    return [
      {
        check: 'Account',
        mark: 'wrong',
        reason: 'NotReferenced',
        message: `${lacking.length} of ${meant.length} ServiceAccounts lack the name ${name}: ${lacking.slice(0, 10).join(', ')}.`,
        mend,
      },
    ];
  }
  if (meant.length === 0) {
    const message = `No ServiceAccount in namespace ${namespace} is meant by spec.serviceAccounts of RegistryCredential ${credential.name}, so pods inherit nothing.`;
    return [{ check: 'Account', mark: 'note', reason: 'NoServiceAccountMatches', message }];
  }
  return [
    {
      check: 'Account',
      mark: 'ok',
      reason: 'Referenced',
      message: `The ServiceAccounts that are meant have the name ${name}: ${meant
        .slice(0, 10)
        .map((account) => account.name)
        .join(', ')}.`,
    },
  ];
}

function unseen(check: Step['check'], message: string, looked: Exclude<Looked<unknown>, { state: 'there' }>): Step {
  if (looked.state === 'missing')
    return {
      check,
      mark: 'wrong',
      reason: 'NotInstalled',
      message: 'This cluster has no RegistryCredentials: regcred is not installed.',
      mend: 'kubectl apply -k .',
    };
  const mend = `Missing right: ${looked.right}. Ask for it, or somebody who has it to run this.`;
  return { check, mark: 'unseen', reason: 'Forbidden', message, mend };
}
