/**
 * Values that become part of a URL or of a request. The API server has checked them with the same rules; this is the second line of
 * defence, since a value with a dot, a slash or an `@` could send a token to another host.
 */
import { CloudError } from '../api/cloud-token.ts';

const RULES = {
  'AWS region': /^[a-z]{2,5}(?:-[a-z]{2,20}){1,3}-\d{1,2}$/,
  'AWS role': /^arn:aws(?:-[a-z]{2,10}){0,2}:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/,
  'AWS instance role': /^[\w+=,.@-]{1,64}$/,
  'Google service account': /^[a-z0-9][a-z0-9-]{0,62}@(?:[a-z0-9][a-z0-9-]{0,62}\.){0,4}gserviceaccount\.com$/,
  'workload identity provider':
    /^\/\/iam\.googleapis\.com\/projects\/\d{1,20}\/locations\/global\/workloadIdentityPools\/[a-z0-9-]{4,32}\/providers\/[a-z0-9-]{4,32}$/,
  'Azure tenant': /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
  'Azure client': /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
  'Azure registry': /^[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])?\.azurecr\.(?:io|cn|us|de)$/,
  'metadata host': /^[a-z0-9.-]{1,253}(?::\d{1,5})?$|^\[[0-9a-f:]{2,45}\](?::\d{1,5})?$/i,
} as const;

/** Returns the value. Throws a CloudError with the code `InvalidValue` if it is not such a value; the message does not repeat it. */
export function checked(kind: keyof typeof RULES, value: string): string {
  if (RULES[kind].test(value)) return value;
  throw new CloudError(`the ${kind} is malformed, so nothing was sent`, 'InvalidValue');
}
