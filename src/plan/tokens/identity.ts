/** Whose token the operator fetches for a registry, as the spec, the Secret and the annotations of the ServiceAccount say it. */
import { contentHash } from '../../api/hash.ts';
import { type Problem, REASON } from '../../api/reasons.ts';
import type { AccountRecord, CloudAnnotations } from '../../api/records.ts';
import type { RegistryCredentialSpec } from '../../api/types.ts';
import { formatServer } from '../content/format-server.ts';
import type { Parsed } from '../content/parsed.ts';
import { belongsTo, FIELD, hostOfServer, regionOfServer } from './cloud-names.ts';

export type RegistryEntry = NonNullable<RegistryCredentialSpec['registries']>[number];
export type TokenSpec = NonNullable<RegistryEntry['token']>;

/** `secretRef` or `serviceAccountRef` of a token. */
export interface ObjectRef {
  readonly namespace: string;
  readonly name: string;
}

/** The object that proves who the operator is. The uid changes if somebody deletes the object and creates another one of that name. */
export type Subject =
  /** The operator's own identity. */
  { readonly kind: 'pod' } | (ObjectRef & { readonly kind: 'secret' | 'account'; readonly uid: string });

/** Everything that a token depends on. Two registries share a token only if all of it is equal. */
export type TokenIdentity = { readonly subject: Subject } & (
  | { readonly cloud: 'aws'; readonly service: 'ecr' | 'ecr-public'; readonly region: string; readonly roleArn?: string }
  | { readonly cloud: 'gcp'; readonly serviceAccount?: string; readonly workloadIdentityProvider?: string }
  | { readonly cloud: 'azure'; readonly registry: string; readonly tenantId?: string; readonly clientId?: string }
);

/** What is known about the ServiceAccount of a token. */
export type AccountState =
  | { readonly state: 'missing' }
  /** `--source-namespaces` allows only these namespaces. */
  | { readonly state: 'notAllowed'; readonly allowed: readonly string[] }
  | { readonly state: 'present'; readonly account: Pick<AccountRecord, 'uid' | 'cloud'> };

/** What a token's spec refers to: a Secret that was read already, a ServiceAccount, or neither. */
export type SubjectState =
  | { readonly kind: 'pod' }
  | { readonly kind: 'secret'; readonly ref: ObjectRef; readonly uid: string }
  | { readonly kind: 'account'; readonly ref: ObjectRef; readonly account: AccountState };

/** The cloud of a token: the schema allows exactly one. */
export const cloudOf = ({ aws, gcp }: TokenSpec): TokenIdentity['cloud'] => (aws ? 'aws' : gcp ? 'gcp' : 'azure');

/** `secretRef` of a token; undefined if it has none. */
export const identitySecretOf = ({ aws, gcp, azure }: TokenSpec): ObjectRef | undefined => (aws ?? gcp ?? azure)?.secretRef;

/** `serviceAccountRef` of a token; undefined if it has none. */
export const identityAccountOf = ({ aws, gcp, azure }: TokenSpec): ObjectRef | undefined => (aws ?? gcp ?? azure)?.serviceAccountRef;

/** The identity behind the token of one registry, or what is missing for it. The annotations of the ServiceAccount stand in for fields that the spec leaves out. */
export function identityFor({ server }: RegistryEntry, token: TokenSpec, subject: SubjectState): Parsed<TokenIdentity> {
  const problem = subject.kind === 'account' ? problemWithAccount(subject.ref, subject.account, server) : undefined;
  if (problem) return { problem };
  const annotations = subject.kind === 'account' && subject.account.state === 'present' ? subject.account.account.cloud : undefined;
  const identity = withSubject(server, token, validOf(annotations ?? {}), subjectOf(subject));
  // The schema has the same rule. It is repeated here because a token for a look-alike would be a theft.
  if (!belongsTo(identity.cloud, server)) return { problem: foreign(server, identity.cloud) };
  const missing = missingFields(identity);
  return missing.length > 0 ? { problem: incomplete(server, subject, missing) } : { ok: identity };
}

/** An annotation becomes a part of a URL, so it must match the pattern of the field that it stands in for. */
const validOf = (annotations: CloudAnnotations): CloudAnnotations =>
  Object.fromEntries(
    Object.entries(annotations).filter(([field, value]) => {
      const pattern = { roleArn: FIELD.roleArn, serviceAccount: FIELD.serviceAccount, tenantId: FIELD.guid, clientId: FIELD.guid };
      return pattern[field as keyof CloudAnnotations].test(value);
    }),
  );

const foreign = (server: string, cloud: TokenIdentity['cloud']): Problem => ({
  reason: REASON.identityIncomplete,
  message: `Server ${formatServer(server)} is no registry of ${CLOUD_NAME[cloud]}, so no token is fetched for it. Correct server, or use secretRef.`,
});

function withSubject(server: string, { aws, gcp, azure }: TokenSpec, annotations: CloudAnnotations, subject: Subject): TokenIdentity {
  if (aws) {
    const { service, region } = regionOfServer(server);
    const roleArn = aws.roleArn ?? annotations.roleArn;
    return { cloud: 'aws', service, region: aws.region ?? region, ...(roleArn !== undefined && { roleArn }), subject };
  }
  if (gcp) {
    const serviceAccount = gcp.serviceAccount ?? annotations.serviceAccount;
    const { workloadIdentityProvider } = gcp;
    return {
      cloud: 'gcp',
      ...(serviceAccount !== undefined && { serviceAccount }),
      ...(workloadIdentityProvider !== undefined && { workloadIdentityProvider }),
      subject,
    };
  }
  const tenantId = azure?.tenantId ?? annotations.tenantId;
  const clientId = azure?.clientId ?? annotations.clientId;
  return {
    cloud: 'azure',
    registry: hostOfServer(server),
    ...(tenantId !== undefined && { tenantId }),
    ...(clientId !== undefined && { clientId }),
    subject,
  };
}

function subjectOf(state: SubjectState): Subject {
  if (state.kind === 'pod') return { kind: 'pod' };
  const { namespace, name } = state.ref;
  const uid = state.kind === 'secret' ? state.uid : state.account.state === 'present' ? state.account.account.uid : '';
  return { kind: state.kind, namespace, name, uid };
}

/** The fields without which a ServiceAccount's token cannot be exchanged, each with the annotation that may hold it. */
function missingFields(identity: TokenIdentity): readonly (readonly [field: string, annotation: string])[] {
  if (identity.subject.kind !== 'account') return [];
  switch (identity.cloud) {
    case 'aws':
      return identity.roleArn === undefined ? [['token.aws.roleArn', 'eks.amazonaws.com/role-arn']] : [];
    case 'gcp':
      return [];
    case 'azure':
      return [
        ...(identity.tenantId === undefined ? ([['token.azure.tenantId', 'azure.workload.identity/tenant-id']] as const) : []),
        ...(identity.clientId === undefined ? ([['token.azure.clientId', 'azure.workload.identity/client-id']] as const) : []),
      ];
    default:
      return identity satisfies never;
  }
}

function incomplete(server: string, subject: SubjectState, missing: readonly (readonly [string, string])[]): Problem {
  const { namespace, name } = (subject as Extract<SubjectState, { kind: 'account' }>).ref;
  const fields = missing.map(([field]) => field).join(' and ');
  const annotations = missing.map(([, annotation]) => annotation).join(' and ');
  return {
    reason: REASON.identityIncomplete,
    message: `ServiceAccount ${namespace}/${name} (server ${formatServer(server)}): ${fields} ${missing.length > 1 ? 'are' : 'is'} not set, and the ServiceAccount has no valid annotation ${annotations}. Set one of them.`,
  };
}

function problemWithAccount({ namespace, name }: ObjectRef, account: AccountState, server: string): Problem | undefined {
  const subject = `ServiceAccount ${namespace}/${name} (server ${formatServer(server)})`;
  switch (account.state) {
    case 'missing':
      return { reason: REASON.sourceMissing, message: `${subject} does not exist. Create it, or correct serviceAccountRef.` };
    case 'notAllowed':
      return {
        reason: REASON.sourceNotAllowed,
        message: `${subject} is not used, because the operator runs with --source-namespaces=${account.allowed}. Use a ServiceAccount in one of these namespaces, or add ${namespace} to the flag.`,
      };
    case 'present':
      return undefined;
    default:
      return account satisfies never;
  }
}

/**
 * The name of the token of an identity, and of the Secret that keeps it. Equal identities have the same name. It holds no secret: the hash is
 * made of names and uids.
 */
export function tokenNameOf(identity: TokenIdentity): string {
  const { subject } = identity;
  const object = subject.kind === 'pod' ? [] : [subject.namespace, subject.uid];
  const fields = Object.entries(identity).flatMap(([field, value]) => (field === 'subject' ? [] : [`${field}=${value}`]));
  const text = JSON.stringify([subject.kind, ...object, ...fields.sort()]);
  return `${TOKEN_PREFIX}${identity.cloud}-${Buffer.from(contentHash(text), 'base64url').toString('hex').slice(0, 32)}`;
}

const TOKEN_PREFIX = 'regcred-token-';

/** Whether a Secret of this name keeps a token that the operator fetched. */
export const isTokenName = (name: string): boolean => name.startsWith(TOKEN_PREFIX);

export const CLOUD_NAME = { aws: 'AWS', gcp: 'Google', azure: 'Azure' } as const;

/** How messages name an identity: `ServiceAccount regcred-system/puller`, or the operator's own. */
export function formatIdentity({ subject }: TokenIdentity): string {
  switch (subject.kind) {
    case 'pod':
      return "the operator's own identity";
    case 'secret':
      return `the keys in Secret ${subject.namespace}/${subject.name}`;
    case 'account':
      return `ServiceAccount ${subject.namespace}/${subject.name}`;
    default:
      return subject satisfies never;
  }
}
