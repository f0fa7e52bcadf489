/** A command that a person can copy to begin with a fix. The message of the condition says everything else. */
import { type CredentialRef, isNamespaced } from '../../api/credential-ref.ts';
import { CONDITION, REASON } from '../../api/reasons.ts';
import type { CredentialRecord } from '../../api/records.ts';
import { canonicalServer } from '../content/server.ts';
import { conditionIn } from '../status/condition.ts';
import { isTokenName } from '../tokens/identity.ts';
import { CHECK_OPERATOR, NOT_SEEN } from './ready.ts';
import type { Urgent } from './urgent.ts';

/** The operator has no token of a cloud, or cannot refresh it. */
const TOKEN_REASONS: ReadonlySet<string> = new Set([REASON.tokenFetchFailed, REASON.tokenRefreshOverdue]);

/** The reasons for which a person must put other content into a source. */
const SOURCE_REASONS: ReadonlySet<string> = new Set([
  REASON.registryRefused,
  REASON.expired,
  REASON.expiresSoon,
  REASON.keyMissing,
  REASON.notJson,
  REASON.encodedTwice,
  REASON.authsMissing,
  REASON.malformedEntry,
  REASON.authNotBase64,
  REASON.trailingNewline,
  REASON.wrongEncoding,
  REASON.emptyUsername,
  REASON.emptyPassword,
  REASON.colonInUsername,
]);

/**
 * The command for what is urgent about a credential. It changes nothing by itself: it opens the source in an editor, or shows the object that
 * is in the way, because only a person can choose between the fixes in the message.
 */
export function fixFor(
  credential: CredentialRecord,
  { condition, reason, message }: Pick<Urgent, 'condition' | 'reason' | 'message'>,
): string {
  if (reason === NOT_SEEN || reason === REASON.watchLost) return CHECK_OPERATOR;
  if (TOKEN_REASONS.has(reason)) return tokenFix(credential, message);
  const named = secretIn(message) ?? (SOURCE_REASONS.has(reason) ? sourceToFix(credential, condition) : undefined);
  if (named === undefined) return statusCommand(credential);
  const [namespace, name] = named;
  // Nobody edits a token that the operator fetched.
  if (SOURCE_REASONS.has(reason) && isTokenName(name)) return checkOrStatus(credential);
  if (SOURCE_REASONS.has(reason)) return `kubectl edit secret ${name} -n ${namespace}`;
  if (reason === REASON.sourceMissing) return `kubectl get secrets -n ${namespace}`;
  return `kubectl describe secret ${name} -n ${namespace}`;
}

/** A missing right has its commands in the message, and wrong keys are in a Secret. All other causes are at the cloud: then fetch again. */
function tokenFix(credential: CredentialRecord, message: string): string {
  const [namespace, name] = (KEYS_ARE_WRONG.test(message) && secretIn(message)) || [];
  return commandIn(message) ?? (name === undefined ? checkOrStatus(credential) : `kubectl edit secret ${name} -n ${namespace}`);
}

/** As the fixes for wrong keys say it. */
const KEYS_ARE_WRONG = /\b(?:in|into) the Secret\b/;

const checkOrStatus = (credential: CredentialRecord): string => checkCommand(credential) ?? statusCommand(credential);

/** The command that shows everything about a credential. */
export const statusCommand = (credential: CredentialRef): string => `kubectl regcred status ${argumentsOf(credential)}`;

/**
 * The command by which the operator asks the registries, and fetches tokens that are missing, at once. Undefined for a credential whose
 * registries are not asked: the command refuses to work for it.
 */
export function checkCommand(credential: CredentialRecord): string | undefined {
  const isOff =
    credential.spec.verification?.mode === 'None' ||
    conditionIn(credential.status, CONDITION.verified)?.reason === REASON.verificationDisabled;
  return isOff ? undefined : `kubectl regcred check ${argumentsOf(credential)}`;
}

const argumentsOf = (credential: CredentialRef): string =>
  isNamespaced(credential) ? `${credential.name} -n ${credential.namespace}` : credential.name;

/** The first Secret that a message names, as in `Secret regcred-system/robot`. */
function secretIn(message: string): readonly [namespace: string, name: string] | undefined {
  const [, namespace, name] = /\bSecret ([a-z0-9][a-z0-9-]*)\/([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)/.exec(message) ?? [];
  return namespace === undefined || name === undefined ? undefined : [namespace, name];
}

/** The source of the server that is refused, or that expires first. */
function sourceToFix(
  { spec, status, namespace: own }: CredentialRecord,
  condition: string,
): readonly [namespace: string, name: string] | undefined {
  const rows = status?.registries ?? [];
  const row =
    condition === CONDITION.expiring
      ? rows.find(({ expiresAt }) => expiresAt !== undefined && expiresAt === status?.expiresAt)
      : rows.find(({ result }) => result === 'Refused');
  const registry = spec.registries?.find(({ server }) => row !== undefined && canonicalServer(server) === canonicalServer(row.server));
  return registry?.secretRef && [registry.secretRef.namespace ?? own, registry.secretRef.name];
}

/** The first command in a sentence: `Delete it: kubectl delete pod web-0 -n shop. Or …` has `kubectl delete pod web-0 -n shop`. Undefined if there is none that works as it is. */
export function commandIn(text: string): string | undefined {
  const [command] = /\bkubectl (?:(?!\.(?:\s|$)| shows | then | \| |[()]).)+/s.exec(text) ?? [];
  return command === undefined || /[…]|\b[A-Z]{4,}\b/.test(command) ? undefined : command.trim();
}
