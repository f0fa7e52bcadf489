/** The Secrets that credentials are read from: how a spec refers to them, and what is observed of them. */
import { LABEL } from '../../api/names.ts';
import { type Problem, REASON } from '../../api/reasons.ts';
import type { SourceRecord } from '../../api/records.ts';
import { formatServer } from './format-server.ts';

/** `secretRef` of an entry of spec.registries or spec.dockerConfigs. */
export interface SecretRef {
  readonly namespace: string;
  readonly name: string;
  readonly key?: string;
  readonly usernameKey?: string;
  readonly passwordKey?: string;
}

/**
 * What is known about a source:
 * - loading: nothing yet, so nothing is decided
 * - missing: it does not exist
 * - unreadable: the operator cannot read it, and `why` is the API server's message
 * - notAllowed: `--source-namespaces` allows only the namespaces in `allowed`
 * - present: it was read
 */
export type SourceState =
  | { readonly state: 'loading' }
  | { readonly state: 'missing' }
  | { readonly state: 'unreadable'; readonly why: string }
  | { readonly state: 'notAllowed'; readonly allowed: readonly string[] }
  | { readonly state: 'present'; readonly secret: SourceRecord };

/** Why a source cannot be used, whatever its content; undefined if it can. */
export function problemWithSource(
  ref: SecretRef,
  source: Exclude<SourceState, { state: 'loading' }>,
  credentialUid: string,
  server?: string,
): Problem | undefined {
  const secret = `${formatSecret(ref)}${inParentheses(server)}`;
  switch (source.state) {
    case 'missing':
      return { reason: REASON.sourceMissing, message: `${secret} does not exist. Create it, or correct secretRef.` };
    case 'unreadable':
      return { reason: REASON.sourceUnreadable, message: `${secret} cannot be read: ${source.why}` };
    case 'notAllowed':
      return {
        reason: REASON.sourceNotAllowed,
        message: `${secret} is not read, because the operator runs with --source-namespaces=${source.allowed}. Move the Secret into one of these namespaces, or add ${ref.namespace} to the flag.`,
      };
    case 'present':
      if (source.secret.labels[LABEL.credentialUid] !== credentialUid) return undefined;
      return {
        reason: REASON.ownOutput,
        message: `${secret} was created by this RegistryCredential itself, so it cannot be a source. Set secretRef to the Secret that the credentials come from.`,
      };
    default:
      return source satisfies never;
  }
}

/** `Secret regcred-system/robot`. */
export const formatSecret = ({ namespace, name }: SecretRef): string => `Secret ${namespace}/${name}`;
/** `Secret regcred-system/robot, key "password"`. */
export const formatKey = (ref: SecretRef, key: string): string => `${formatSecret(ref)}, key ${JSON.stringify(key)}`;

/** The server in parentheses, for messages that go on about the Secret; empty if it is not known. */
export const inParentheses = (server: string | undefined): string => (server === undefined ? '' : ` (server ${formatServer(server)})`);
