/** What to do about an error code of a cloud. docs/cloud-tokens.md has the same list with the usual causes. */
import { CLOUD_NAME, formatIdentity, type TokenIdentity } from './identity.ts';

interface Fix {
  /** Undefined: any cloud. */
  readonly cloud?: TokenIdentity['cloud'];
  /** Undefined: any identity. */
  readonly subject?: TokenIdentity['subject']['kind'];
  readonly codes: RegExp;
  readonly fix: string;
}

/** The first that fits counts. */
const FIXES: readonly Fix[] = [
  {
    cloud: 'aws',
    codes: /^NoIdentity$/,
    fix: "Annotate the operator's ServiceAccount with eks.amazonaws.com/role-arn (IRSA) or create a Pod Identity association, and restart its pods; or set secretRef or serviceAccountRef. The role of a node needs the component cloud-metadata.",
  },
  {
    cloud: 'gcp',
    codes: /^(NoIdentity|HTTP 404)$/,
    fix: "On GKE, enable Workload Identity Federation, grant the role to the operator's ServiceAccount, and install the component cloud-metadata; elsewhere, set serviceAccountRef and workloadIdentityProvider, or secretRef.",
  },
  {
    cloud: 'azure',
    subject: 'pod',
    codes: /^(NoIdentity|invalid_request|identity_not_found)$/,
    fix: "Annotate the operator's ServiceAccount with azure.workload.identity/client-id, label its pods azure.workload.identity/use=true and restart them; or set secretRef or serviceAccountRef. A managed identity of the node needs the component cloud-metadata.",
  },
  {
    cloud: 'aws',
    codes: /^AccessDenied/,
    fix: 'Allow it: the role must trust this identity, and its policy needs ecr:GetAuthorizationToken (for public.ecr.aws also ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken).',
  },
  {
    cloud: 'aws',
    subject: 'secret',
    codes: /^(ExpiredToken|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|InvalidSignature)/,
    fix: 'Replace the keys in the Secret, or remove an expired sessionToken.',
  },
  { cloud: 'aws', codes: /^ExpiredToken/, fix: "Check the clock of the node, and restart the operator's pods." },
  {
    cloud: 'aws',
    codes: /^InvalidIdentityToken/,
    fix: "Create the IAM identity provider for this cluster's issuer, with the audience sts.amazonaws.com.",
  },
  {
    cloud: 'gcp',
    subject: 'secret',
    codes: /^invalid_grant$/,
    fix: 'Create a new key for the service account, and put it into the Secret under key.json.',
  },
  {
    cloud: 'gcp',
    codes: /^(invalid_target|invalid_grant|unauthorized_client)$/,
    fix: 'Check workloadIdentityProvider, and that its issuer, audiences and attribute condition accept this ServiceAccount.',
  },
  {
    cloud: 'gcp',
    codes: /^(PERMISSION_DENIED|HTTP 403)$/,
    fix: 'Grant roles/iam.workloadIdentityUser (or roles/iam.serviceAccountTokenCreator) on the Google service account to this identity.',
  },
  {
    cloud: 'azure',
    codes: /^AADSTS(700213|70021|700211|700212)$/,
    fix: 'Create a federated credential at the application with this issuer, with the subject system:serviceaccount:NAMESPACE:NAME and the audience api://AzureADTokenExchange.',
  },
  {
    cloud: 'azure',
    codes: /^AADSTS(700016|90002)$/,
    fix: 'Correct clientId or tenantId: the application is not in this tenant.',
  },
  {
    cloud: 'azure',
    codes: /^AADSTS(7000215|7000222)$/,
    fix: 'Create a new client secret for the application, and put it into the Secret under clientSecret.',
  },
  {
    cloud: 'azure',
    codes: /^(UNAUTHORIZED|DENIED)$/,
    fix: 'Grant the role AcrPull on the registry to this identity, and check the firewall of the registry.',
  },
  {
    codes:
      /^(HTTP (429|5\d\d)|Throttl\w*|RequestLimitExceeded|TooManyRequests\w*|TOOMANYREQUESTS|RESOURCE_EXHAUSTED|ServiceUnavailable\w*|UNAVAILABLE|Internal\w*|INTERNAL|temporarily_unavailable)$/,
    fix: 'The cloud is overloaded or has an outage: the operator retries.',
  },
  { codes: /^(ENOENT|EACCES|EPERM|EISDIR)$/, fix: "The cloud mounts this file into new pods: restart the operator's pods." },
  { codes: /^InvalidValue$/, fix: 'Correct this value.' },
  { codes: /^ExpiredOnArrival$/, fix: 'Synchronize its time.' },
  { codes: /^MalformedAnswer$/, fix: 'Something else may answer in its place: check HTTPS_PROXY and DNS.' },
  { codes: /^(Fault|fault)$/, fix: 'Report this as a bug of regcred.' },
  {
    // The codes of Node.js and OpenSSL, and the operator's own words for a cloud that gave no answer.
    codes: /^(E[A-Z]+\w*|UND_ERR\w*|HPE_\w+|UNABLE_\w+|\w*CERT\w*|Dns|ConnectionRefused|Network|Timeout|Tls|Proxy\w*|Protocol|TooLarge)$/,
    fix: 'Check that the operator can reach the cloud: its network policy, DNS, HTTPS_PROXY and NO_PROXY.',
  },
];

/** What a person can do about an error code, as one or two sentences. */
export function fixOf(identity: TokenIdentity, code: string): string {
  const { cloud, subject } = identity;
  const fits = (fix: Fix) => (fix.cloud ?? cloud) === cloud && (fix.subject ?? subject.kind) === subject.kind && fix.codes.test(code);
  return (
    FIXES.find(fits)?.fix ?? `Check at ${CLOUD_NAME[cloud]} that ${formatIdentity(identity)} is allowed to do this (docs/cloud-tokens.md).`
  );
}
