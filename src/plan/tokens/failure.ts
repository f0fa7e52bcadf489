/** Why a token could not be fetched, for a person. */
import { type Problem, REASON } from '../../api/reasons.ts';
import { formatServer } from '../content/format-server.ts';
import { redact } from '../content/redact.ts';
import { fixOf } from './fixes.ts';
import { CLOUD_NAME, formatIdentity, type ObjectRef, type TokenIdentity } from './identity.ts';

/** What went wrong in one attempt. The texts hold no secret. */
export type FetchError =
  /** The cloud, or the way to it. `code` is the cloud's own. */
  | { readonly kind: 'cloud'; readonly code: string; readonly message: string }
  /** The API server issued no token of the ServiceAccount. `user` is the operator, as the API server names it. */
  | { readonly kind: 'account'; readonly status: number; readonly message: string };

/** Why no token came, and what to do. Without the server, because one failure may concern several. */
export function explainFailure(identity: TokenIdentity, error: FetchError): string {
  const message = redact(error.message, undefined).replace(/\.$/, '');
  const cloud = CLOUD_NAME[identity.cloud];
  if (error.kind === 'cloud') {
    const code = message.includes(error.code) ? '' : ` (${error.code})`;
    return `${cloud} gives no token to ${formatIdentity(identity)}: ${message}${code}. ${fixOf(identity, error.code)}`;
  }
  const { subject } = identity;
  const account = `ServiceAccount ${subject.kind === 'account' ? `${subject.namespace}/${subject.name}` : ''}`;
  if (error.status === 403 && subject.kind === 'account')
    return `The operator may not request a token of ${account} (Forbidden). Grant it with these commands: ${missingRole(subject, error.message)} (docs/cloud-tokens.md#identities).`;
  if (error.status === 404) return `${account} does not exist. Create it, or correct serviceAccountRef.`;
  return `The API server issues no token of ${account}: ${message}. The operator retries.`;
}

/** The commands that create the missing Role and its binding. The API server's message says who the operator is. */
function missingRole({ namespace, name }: ObjectRef, message: string): string {
  const [, operator = 'regcred-system:regcred'] = /"system:serviceaccount:([^":]+:[^":]+)"/.exec(message) ?? [];
  const role = `regcred-token-${name}`;
  return `kubectl create role ${role} -n ${namespace} --verb=create --resource=serviceaccounts/token --resource-name=${name} && kubectl create rolebinding ${role} -n ${namespace} --role=${role} --serviceaccount=${operator}`;
}

/** The problem of one server that has no token that works. */
export const tokenProblem = (server: string, why: string, reason: Problem['reason'] = REASON.tokenFetchFailed): Problem => ({
  reason,
  message: `Server ${formatServer(server)}: ${why}`,
});
