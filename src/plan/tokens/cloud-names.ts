/** The names of the clouds: their registries, and the fields that become a part of a URL. The CustomResourceDefinition has the same rules; a test compares them. */
import { canonicalServer } from '../content/server.ts';

/** `acme.azurecr.io` of `https://acme.azurecr.io/team`. */
export const hostOfServer = (server: string): string => canonicalServer(server).split('/', 1)[0] as string;

/** The service and region that an ECR token is for. Public ECR issues its tokens in us-east-1 only. */
export function regionOfServer(server: string): { readonly service: 'ecr' | 'ecr-public'; readonly region: string } {
  const [, region] = /[.]dkr[.-]ecr(?:-fips)?[.]([a-z0-9-]+)[.]/.exec(hostOfServer(server)) ?? [];
  return region === undefined ? { service: 'ecr-public', region: 'us-east-1' } : { service: 'ecr', region };
}

const HOSTS = {
  aws: /^(([0-9]{12}|[*])[.](dkr[.]ecr(-fips)?[.][a-z]{2,5}(-[a-z]{2,20}){1,3}-[0-9]{1,2}[.](amazonaws[.](com([.]cn)?|eu)|c2s[.]ic[.]gov|sc2s[.]sgov[.]gov|csp[.]hci[.]ic[.]gov|cloud[.]adc-e[.]uk)|dkr-ecr(-fips)?[.][a-z]{2,5}(-[a-z]{2,20}){1,3}-[0-9]{1,2}[.]on[.](aws|amazonwebservices[.]com[.]cn))|public[.]ecr[.]aws|ecr-public[.]aws[.]com)$/,
  gcp: /^(([a-z0-9*-]+-docker[.]|docker[.][a-z0-9-]+[.]rep[.])pkg[.]dev|([a-z0-9*-]+[.])?gcr[.]io)$/,
  azure: /^[a-z0-9]+(-[a-z0-9]+)*[.]azurecr[.](io|cn|us|de)$/,
} as const;

/** Whether a server is a registry of this cloud. Anchored on both sides: a look-alike must never get a token. */
export const belongsTo = (cloud: keyof typeof HOSTS, server: string): boolean => HOSTS[cloud].test(hostOfServer(server));

/** The patterns of the fields. Each is anchored on both sides, so that a value cannot change the host or the path of a URL. */
export const FIELD = {
  region: /^[a-z]{2,5}(-[a-z]{2,20}){1,3}-[0-9]{1,2}$/,
  roleArn: /^arn:aws(-[a-z]{2,10}){0,2}:iam::[0-9]{12}:role\/[A-Za-z0-9_+=,.@/-]{1,512}$/,
  serviceAccount: /^[a-z0-9][a-z0-9-]{0,62}@([a-z0-9][a-z0-9-]{0,62}[.]){0,4}gserviceaccount[.]com$/,
  workloadIdentityProvider:
    /^\/\/iam[.]googleapis[.]com\/projects\/[0-9]{1,20}\/locations\/global\/workloadIdentityPools\/[a-z0-9-]{4,32}\/providers\/[a-z0-9-]{4,32}$/,
  guid: /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/,
} as const;
