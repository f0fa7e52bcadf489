import { isNamespaced } from '../api/credential-ref.ts';
import { type Problem, REASON } from '../api/reasons.ts';
import type { CredentialRecord } from '../api/records.ts';
import type { TokenState } from '../plan/content/candidates.ts';
import { formatServer } from '../plan/content/format-server.ts';
import { problemWithSource } from '../plan/content/source.ts';
import {
  type AccountState,
  cloudOf,
  identityAccountOf,
  identityFor,
  identitySecretOf,
  type ObjectRef,
  type RegistryEntry,
  type SubjectState,
  type TokenSpec,
  tokenNameOf,
} from '../plan/tokens/identity.ts';
import { readSecretKeys, type SecretKeys } from '../plan/tokens/secret-keys.ts';
import { tokenStateOf } from '../plan/tokens/token-state.ts';
import type { CredentialReconciler } from './credential-reconciler.ts';
import { isSourceAllowed, sourceStateOf } from './credential-watches.ts';
import type { WantedToken } from './tokens.ts';

/** Either what a registry's token depends on, or why it cannot be fetched. */
type Prepared = { readonly want: WantedToken } | { readonly unwanted: TokenState };

/** Wants the tokens of a credential from now on, and returns what is known of each, by the server as the spec writes it. */
export function wantTokens(reconciler: CredentialReconciler, credential: CredentialRecord): ReadonlyMap<string, TokenState> {
  const { observed, tokens, wallClock } = reconciler;
  const prepared = (credential.spec.registries ?? []).flatMap((registry) =>
    registry.token ? [{ server: registry.server, ...prepare(reconciler, credential, registry, registry.token) }] : [],
  );
  const { tokenSecrets, stateNamespace } = observed;
  // A token of an earlier leader may be there: wait for the list.
  const isListed = tokenSecrets.synced || tokenSecrets.error !== undefined;
  const wanted = isListed ? prepared.flatMap((one) => ('want' in one ? [one.want] : [])) : [];
  const known = tokens.want(credential, wanted);
  return new Map(
    prepared.map((one) => {
      if ('unwanted' in one) return [one.server, one.unwanted];
      const knowledge = known.get(one.want.name) ?? { record: undefined, why: undefined };
      return [one.server, tokenStateOf(one.server, `${stateNamespace}/${one.want.name}`, knowledge, wallClock())];
    }),
  );
}

function prepare(reconciler: CredentialReconciler, credential: CredentialRecord, registry: RegistryEntry, token: TokenSpec): Prepared {
  const secretRef = identitySecretOf(token);
  if (secretRef) return withKeys(reconciler, credential, registry, token, secretRef);
  const accountRef = identityAccountOf(token);
  if (!accountRef && isNamespaced(credential)) return unusable(undefined, ownIdentityRefused(registry.server));
  const subject: SubjectState = accountRef
    ? { kind: 'account', ref: accountRef, account: accountStateOf(reconciler, credential, accountRef) }
    : { kind: 'pod' };
  return preparedFor(registry, token, subject, undefined);
}

/** The schema has the same rule. It is repeated here because a tenant would get the operator's rights at the cloud. */
const ownIdentityRefused = (server: string): Problem => ({
  reason: REASON.identityIncomplete,
  message: `Server ${formatServer(server)}: a token needs secretRef or serviceAccountRef. The operator's own identity is not used for credentials of a namespace.`,
});

function withKeys(
  { observed }: CredentialReconciler,
  credential: CredentialRecord,
  registry: RegistryEntry,
  token: TokenSpec,
  ref: ObjectRef,
): Prepared {
  const source = sourceStateOf(observed, credential, ref);
  if (source.state === 'loading') return { unwanted: source };
  const problem = problemWithSource(ref, source, credential.uid, registry.server);
  if (problem || source.state !== 'present') return unusable(ref, problem as Problem);
  const keys = readSecretKeys(cloudOf(token), ref, source.secret, registry.server);
  if ('problem' in keys) return unusable(ref, keys.problem);
  return preparedFor(registry, token, { kind: 'secret', ref, uid: source.secret.uid }, keys.ok);
}

function preparedFor(registry: RegistryEntry, token: TokenSpec, subject: SubjectState, keys: SecretKeys | undefined): Prepared {
  const identity = identityFor(registry, token, subject);
  if ('problem' in identity) return unusable(subject.kind === 'pod' ? undefined : subject.ref, identity.problem);
  return { want: { name: tokenNameOf(identity.ok), identity: identity.ok, keys } };
}

const unusable = (ref: ObjectRef | undefined, problem: Problem): Prepared => ({
  unwanted: { state: 'unusable', source: ref ? `${ref.namespace}/${ref.name}` : '', problem },
});

function accountStateOf({ observed }: CredentialReconciler, credential: CredentialRecord, { namespace, name }: ObjectRef): AccountState {
  if (!isSourceAllowed(observed, credential, namespace)) return { state: 'notAllowed', allowed: observed.sourceNamespaces ?? [] };
  const account = observed.accounts.get(namespace, name);
  return account ? { state: 'present', account } : { state: 'missing' };
}
