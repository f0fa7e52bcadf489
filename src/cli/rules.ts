import { belongsTo, FIELD } from '../plan/tokens/cloud-names.ts';

/**
 * The validation rules of crds/registrycredentials.yaml, repeated so that `create` reports a mistake before it prints anything.
 * The rules and messages are the same; a unit test compares them.
 */
export interface Rule {
  readonly maxLength: number;
  /** Each check with the message for a text that fails it. */
  readonly rules: readonly (readonly [holds: (text: string) => boolean, requirement: string])[];
}

const like = (pattern: RegExp) => (text: string) => pattern.test(text);
const unlike = (pattern: RegExp) => (text: string) => !pattern.test(text);

/** The rules of the fields that `create` can write, by kind of value. */
export const RULES = {
  server: {
    maxLength: 512,
    rules: [
      [
        like(/^(https?:\/\/)?([a-z0-9*]([a-z0-9*-]*[a-z0-9*])?([.][a-z0-9*]([a-z0-9*-]*[a-z0-9*])?)*|[[][0-9a-f:]+[\]])(:[0-9]+)?(\/.*)?$/),
        'must be a registry as it appears in image names: host[:port][/path] in lower case, for example ghcr.io or registry.example.com:5000/team',
      ],
      [
        like(/^(https?:\/\/)?[^/]*(\/[a-z0-9][a-z0-9._-]*)*\/?$/),
        'the path must be the start of an image name, without a tag, *, upper case letters or empty parts: registry.example.com/team matches registry.example.com/team/app:1.2',
      ],
      [
        unlike(/^(https?:\/\/)?[^/]*:(0[0-9]*|[0-9]{6,}|6553[6-9]|655[4-9][0-9]|65[6-9][0-9]{2}|6[6-9][0-9]{3}|[7-9][0-9]{4})(\/.*)?$/),
        'the port must be a number from 1 to 65535, without leading zeros',
      ],
      [
        (text) => !/^(https?:\/\/)?[a-z0-9*-]+(\/.*)?$/.test(text) || /^(https?:\/\/)?localhost(\/.*)?$/.test(text),
        'the host must contain a dot, have a port, or be localhost: registry/app is an image on Docker Hub (docker.io), and * matches part of one label only',
      ],
      [
        unlike(/^(https?:\/\/)?[[][^/]*[\]](\/.*)?$/),
        'an IPv6 address needs a port, here and in the image names, for example [fd00::1]:443: without a port the kubelet matches no image',
      ],
    ],
  },
  namespace: {
    maxLength: 63,
    rules: [
      [
        like(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/),
        'must be a namespace name: lower case letters, digits and -, starting and ending with a letter or digit',
      ],
    ],
  },
  namespaceGlob: {
    maxLength: 63,
    rules: [[like(/^[a-z0-9*?]([a-z0-9*?-]*[a-z0-9*?])?$/), 'must be a namespace name or a glob: lower case letters, digits, -, * and ?']],
  },
  serviceAccountGlob: {
    maxLength: 253,
    rules: [
      [
        like(/^[a-z0-9*?]([a-z0-9.*?-]*[a-z0-9*?])?$/),
        'must be a ServiceAccount name or a glob: lower case letters, digits, -, ., * and ?',
      ],
    ],
  },
  secretName: {
    maxLength: 253,
    rules: [
      [
        like(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/),
        'must be a valid Secret name: lower case letters, digits, - and ., each part starting and ending with a letter or digit',
      ],
    ],
  },
  accountName: {
    maxLength: 253,
    rules: [
      [
        like(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/),
        'must be a ServiceAccount name: lower case letters, digits, - and ., starting and ending with a letter or digit',
      ],
    ],
  },
  ecrServer: {
    maxLength: 512,
    rules: [
      [
        (server) => belongsTo('aws', server),
        "token.aws is for Amazon ECR only: set server to ACCOUNT.dkr.ecr.REGION.amazonaws.com with the account's 12 digits (or * for every account), or to public.ecr.aws",
      ],
    ],
  },
  garServer: {
    maxLength: 512,
    rules: [
      [
        (server) => belongsTo('gcp', server),
        'token.gcp is for Google Artifact Registry only: set server to LOCATION-docker.pkg.dev, gcr.io, or a host under gcr.io such as eu.gcr.io',
      ],
    ],
  },
  acrServer: {
    maxLength: 512,
    rules: [
      [
        (server) => belongsTo('azure', server),
        "token.azure is for Azure Container Registry only: set server to the registry's login server, NAME.azurecr.io (azurecr.cn, azurecr.us and azurecr.de in other clouds)",
      ],
    ],
  },
  region: { maxLength: 32, rules: [[like(FIELD.region), 'must be an AWS region, for example eu-central-1']] },
  roleArn: {
    maxLength: 640,
    rules: [[like(FIELD.roleArn), 'must be the ARN of an IAM role, for example arn:aws:iam::123456789012:role/puller']],
  },
  googleServiceAccount: {
    maxLength: 254,
    rules: [
      [
        like(FIELD.serviceAccount),
        'must be the email address of a Google service account, for example puller@my-project.iam.gserviceaccount.com',
      ],
    ],
  },
  workloadIdentityProvider: {
    maxLength: 512,
    rules: [
      [
        like(FIELD.workloadIdentityProvider),
        'must be the full name of a provider: //iam.googleapis.com/projects/PROJECT-NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER',
      ],
    ],
  },
  guid: { maxLength: 36, rules: [[like(FIELD.guid), 'must be a GUID, for example 11111111-2222-3333-4444-555555555555']] },
} as const satisfies Record<string, Rule>;

/** The message of the first rule that the text breaks; undefined if it breaks none. */
export function brokenRule({ maxLength, rules }: Rule, text: string): string | undefined {
  if (text === '') return 'must not be empty';
  if (text.length > maxLength) return `must have at most ${maxLength} characters`;
  return rules.find(([holds]) => !holds(text))?.[1];
}
