/** `create --aws`, `--gcp`, `--azure`: a RegistryCredential whose token the operator fetches, and the Role that this needs. */
import type { RegistryCredentialSpec } from '../api/types.ts';
import { CLOUD_NAME } from '../plan/tokens/identity.ts';
import { CommandError } from './command-io.ts';
import { formatServerName } from './docker-login.ts';
import { brokenRule, RULES, type Rule } from './rules.ts';

export interface CloudFlags {
  readonly aws?: boolean;
  readonly gcp?: boolean;
  readonly azure?: boolean;
  readonly region?: string;
  readonly roleArn?: string;
  readonly googleServiceAccount?: string;
  readonly workloadIdentityProvider?: string;
  readonly tenantId?: string;
  readonly clientId?: string;
  /** NAMESPACE/NAME of the ServiceAccount or Secret that proves the identity. */
  readonly identityAccount?: string;
  readonly identitySecret?: string;
}

type Token = NonNullable<NonNullable<RegistryCredentialSpec['registries']>[number]['token']>;
type Cloud = keyof Token;

interface ObjectName {
  /** Undefined in a namespaced credential: its own. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** The token of every server that the flags name, and the ServiceAccount behind it. */
export interface CloudToken {
  readonly token: Token;
  readonly account: ObjectName | undefined;
}

/** Which flags belong to which cloud. */
const FLAGS: Record<Cloud, readonly (readonly [field: keyof CloudFlags, flag: string, rule: Rule])[]> = {
  aws: [
    ['region', '--region', RULES.region],
    ['roleArn', '--role-arn', RULES.roleArn],
  ],
  gcp: [
    ['googleServiceAccount', '--google-service-account', RULES.googleServiceAccount],
    ['workloadIdentityProvider', '--workload-identity-provider', RULES.workloadIdentityProvider],
  ],
  azure: [
    ['tenantId', '--tenant-id', RULES.guid],
    ['clientId', '--client-id', RULES.guid],
  ],
};

const SERVER_RULES: Record<Cloud, Rule> = { aws: RULES.ecrServer, gcp: RULES.garServer, azure: RULES.acrServer };

/** The cloud that the flags choose; undefined for none. Throws if they choose several. */
export function cloudOf(flags: CloudFlags): Cloud | undefined {
  const chosen = (['aws', 'gcp', 'azure'] as const).filter((cloud) => flags[cloud]);
  if (chosen.length > 1) throw new CommandError('Choose one of --aws, --gcp and --azure: a token is of one cloud.');
  return chosen[0];
}

/** The namespace of a namespaced credential, if it is known; undefined for a cluster-scoped one. */
export type Home = { readonly namespace?: string } | undefined;

/** The token that the flags describe. Throws a CommandError that names every wrong flag. */
export function cloudTokenOf(cloud: Cloud, flags: CloudFlags, servers: readonly string[], home: Home): CloudToken {
  const problems = [
    ...foreignFlags(cloud, flags),
    ...FLAGS[cloud].flatMap(([field, flag, rule]) => broken(flag, flags[field] as string | undefined, rule)),
    ...servers.flatMap((server) => broken(`--server ${formatServerName(server)}`, server, SERVER_RULES[cloud])),
    ...togetherProblems(cloud, flags, servers),
  ];
  const account = objectName('--identity-account', flags.identityAccount, RULES.accountName, home, problems);
  const secret = objectName('--identity-secret', flags.identitySecret, RULES.secretName, home, problems);
  if (home && !account && !secret) problems.push(NO_OWN_IDENTITY);
  if (problems.length > 0) throw new CommandError(problems);
  const fields = Object.fromEntries(
    FLAGS[cloud].flatMap(([field]) =>
      flags[field] === undefined ? [] : [[field === 'googleServiceAccount' ? 'serviceAccount' : field, flags[field]]],
    ),
  );
  const identity = { ...fields, ...(secret && { secretRef: secret }), ...(account && { serviceAccountRef: account }) };
  return { token: { [cloud]: identity } as Token, account };
}

const NO_OWN_IDENTITY =
  "A token of a namespaced credential needs --identity-account or --identity-secret: the operator's own identity is not used for it.";

function broken(flag: string, value: string | undefined, rule: Rule): string[] {
  const requirement = value === undefined ? undefined : brokenRule(rule, value);
  return requirement === undefined ? [] : [`${flag}: ${requirement}.`];
}

function foreignFlags(cloud: Cloud, flags: CloudFlags): string[] {
  return (['aws', 'gcp', 'azure'] as const)
    .filter((other) => other !== cloud)
    .flatMap((other) =>
      FLAGS[other].flatMap(([field, flag]) =>
        flags[field] === undefined ? [] : [`${flag} belongs to --${other}, and the token is of ${CLOUD_NAME[cloud]}. Leave it out.`],
      ),
    );
}

/** The rules about several fields, as the CustomResourceDefinition has them. */
function togetherProblems(cloud: Cloud, flags: CloudFlags, servers: readonly string[]): string[] {
  const { identityAccount, identitySecret, workloadIdentityProvider, tenantId, clientId, region } = flags;
  return [
    ...(identityAccount !== undefined && identitySecret !== undefined
      ? ['Choose one of --identity-account and --identity-secret. Without both, the operator uses its own identity.']
      : []),
    ...(cloud === 'gcp' && (identityAccount === undefined) !== (workloadIdentityProvider === undefined)
      ? [
          '--identity-account and --workload-identity-provider belong together: Google exchanges the token of the ServiceAccount by the rules of this provider.',
        ]
      : []),
    ...(cloud === 'azure' && identitySecret !== undefined && (tenantId === undefined || clientId === undefined)
      ? ['--identity-secret needs --tenant-id and --client-id: the tenant, and the application that the client secret belongs to.']
      : []),
    ...(cloud === 'aws' && region !== undefined
      ? servers
          .filter((server) => !isOfRegion(server, region))
          .map((server) => `--region ${region} is not the region of ${formatServerName(server)}. Leave it out, or correct it.`)
      : []),
  ];
}

const isOfRegion = (server: string, region: string) => (server.includes('.dkr') ? server.includes(`.${region}.`) : region === 'us-east-1');

/** `NAMESPACE/NAME`, or for a namespaced credential `NAME`: its references have no namespace, because they mean its own. */
function objectName(flag: string, text: string | undefined, rule: Rule, home: Home, problems: string[]): ObjectName | undefined {
  if (text === undefined) return undefined;
  const parts = text.split('/');
  const [namespace, name = ''] = home && parts.length === 1 ? [home.namespace, text] : parts;
  const isElsewhere = home?.namespace !== undefined && namespace !== home.namespace;
  const shape = parts.length > 2 || name === '' ? `must be ${home ? 'NAME' : 'NAMESPACE/NAME'}` : undefined;
  const requirement =
    shape ??
    (isElsewhere ? `must be in ${home.namespace}, the namespace of the credential` : undefined) ??
    (namespace === undefined ? undefined : brokenRule(RULES.namespace, namespace)) ??
    brokenRule(rule, name);
  if (requirement !== undefined) problems.push(`${flag} ${JSON.stringify(text)}: ${requirement}.`);
  return { ...(!home && { namespace }), name };
}

/** The right of the operator to request tokens of a ServiceAccount, as manifests/components/cloud-identities has it. */
export function tokenRole({ namespace, name }: ObjectName, operatorNamespace: string): object[] {
  const metadata = { name: `regcred-token-${name}`, ...(namespace !== undefined && { namespace }) };
  const apiGroup = 'rbac.authorization.k8s.io';
  return [
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'Role',
      metadata,
      rules: [{ apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: [name], verbs: ['create'] }],
    },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup, kind: 'Role', name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: 'regcred', namespace: operatorNamespace }],
    },
  ];
}
