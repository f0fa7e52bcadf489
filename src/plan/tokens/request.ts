/** What the operator sends to a cloud for a token. */
import type { AwsTokenRequest, AzureTokenRequest, GcpTokenRequest, TokenRequest } from '../../api/cloud-token.ts';
import type { TokenIdentity } from './identity.ts';
import type { SecretKeys } from './secret-keys.ts';

/** The proof of an identity. `account`: the token of a ServiceAccount. Secret values: never log them. */
export type Proof =
  | { readonly kind: 'pod' }
  | { readonly kind: 'keys'; readonly keys: SecretKeys }
  | { readonly kind: 'account'; readonly token: string };

/** The audience that a ServiceAccount's token must have, so that the cloud accepts it and nobody else does. */
export function audienceOf(identity: TokenIdentity): string {
  switch (identity.cloud) {
    case 'aws':
      return 'sts.amazonaws.com';
    case 'gcp':
      return identity.workloadIdentityProvider ?? '';
    case 'azure':
      return 'api://AzureADTokenExchange';
    default:
      return identity satisfies never;
  }
}

/** The request for the token of an identity. The proof must belong to the identity. */
export function requestFor(identity: TokenIdentity, proof: Proof): TokenRequest {
  switch (identity.cloud) {
    case 'aws': {
      const { cloud, service, region, roleArn } = identity;
      const role = roleArn !== undefined && proof.kind !== 'account' ? { roleArn } : {};
      return { cloud, service, region, ...role, identity: awsIdentity(proof, roleArn) };
    }
    case 'gcp': {
      const { cloud, serviceAccount } = identity;
      return { cloud, ...(serviceAccount !== undefined && { serviceAccount }), identity: gcpIdentity(proof, identity) };
    }
    case 'azure':
      return { cloud: 'azure', registry: identity.registry, identity: azureIdentity(proof, identity) };
    default:
      return identity satisfies never;
  }
}

function awsIdentity(proof: Proof, roleArn = ''): AwsTokenRequest['identity'] {
  if (proof.kind === 'pod') return { kind: 'pod' };
  if (proof.kind === 'account') return { kind: 'webIdentity', token: proof.token, roleArn };
  const { accessKeyId, secretAccessKey, sessionToken } = keysOf(proof, 'aws');
  return { kind: 'keys', accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
}

function gcpIdentity(
  proof: Proof,
  { workloadIdentityProvider = '' }: { readonly workloadIdentityProvider?: string },
): GcpTokenRequest['identity'] {
  if (proof.kind === 'pod') return { kind: 'pod' };
  if (proof.kind === 'account') return { kind: 'federated', token: proof.token, workloadIdentityProvider };
  const { clientEmail, privateKey } = keysOf(proof, 'gcp');
  return { kind: 'key', clientEmail, privateKey };
}

function azureIdentity(
  proof: Proof,
  { tenantId, clientId }: { readonly tenantId?: string; readonly clientId?: string },
): AzureTokenRequest['identity'] {
  if (proof.kind === 'pod')
    return { kind: 'pod', ...(tenantId !== undefined && { tenantId }), ...(clientId !== undefined && { clientId }) };
  const application = { tenantId: tenantId ?? '', clientId: clientId ?? '' };
  if (proof.kind === 'account') return { kind: 'assertion', ...application, token: proof.token };
  return { kind: 'secret', ...application, clientSecret: keysOf(proof, 'azure').clientSecret };
}

function keysOf<C extends SecretKeys['cloud']>({ keys }: Extract<Proof, { kind: 'keys' }>, cloud: C): Extract<SecretKeys, { cloud: C }> {
  if (keys.cloud !== cloud) throw new Error(`These keys are for ${keys.cloud}, not for ${cloud}.`);
  return keys as Extract<SecretKeys, { cloud: C }>;
}
