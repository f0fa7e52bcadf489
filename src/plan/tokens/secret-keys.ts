/** The static keys that a token is fetched with, from the Secret under `secretRef`. */
import { REASON } from '../../api/reasons.ts';
import type { SourceRecord } from '../../api/records.ts';
import { formatServer } from '../content/format-server.ts';
import { parseObject } from '../content/go-syntax.ts';
import { invalid, type Parsed } from '../content/parsed.ts';
import { formatKey, formatSecret } from '../content/source.ts';
import type { ObjectRef, TokenIdentity } from './identity.ts';

/** Static keys of one cloud. Secret values: never log them. */
export type SecretKeys =
  | { readonly cloud: 'aws'; readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }
  | { readonly cloud: 'gcp'; readonly clientEmail: string; readonly privateKey: string }
  | { readonly cloud: 'azure'; readonly clientSecret: string };

/** Reads the keys of a cloud. A message names the Secret and the key, never a value. */
export function readSecretKeys(cloud: TokenIdentity['cloud'], ref: ObjectRef, secret: SourceRecord, server: string): Parsed<SecretKeys> {
  switch (cloud) {
    case 'aws':
      return readAwsKeys(ref, secret, server);
    case 'gcp':
      return readGoogleKey(ref, secret, server);
    case 'azure': {
      const clientSecret = textUnder('clientSecret', ref, secret, server);
      return 'problem' in clientSecret ? clientSecret : { ok: { cloud, clientSecret: clientSecret.ok } };
    }
    default:
      return cloud satisfies never;
  }
}

function readAwsKeys(ref: ObjectRef, secret: SourceRecord, server: string): Parsed<SecretKeys> {
  const id = textUnder('accessKeyId', ref, secret, server);
  if ('problem' in id) return id;
  const key = textUnder('secretAccessKey', ref, secret, server);
  if ('problem' in key) return key;
  const keys = { cloud: 'aws', accessKeyId: id.ok, secretAccessKey: key.ok } as const;
  if (!Object.hasOwn(secret.data, 'sessionToken')) return { ok: keys };
  const session = textUnder('sessionToken', ref, secret, server);
  return 'problem' in session ? session : { ok: { ...keys, sessionToken: session.ok } };
}

const KEY_FILE = 'key.json';

/**
 * A service account key as Google writes it. Only two of its fields are used. Other kinds of credential files name URLs and files. The
 * author of such a file could make the operator send its own token there, so they are refused.
 */
function readGoogleKey(ref: ObjectRef, secret: SourceRecord, server: string): Parsed<SecretKeys> {
  const text = textUnder(KEY_FILE, ref, secret, server);
  if ('problem' in text) return text;
  const where = `${formatKey(ref, KEY_FILE)}, server ${formatServer(server)}:`;
  const file = parseObject(text.ok);
  if (file === undefined) return invalid(REASON.notJson, `${where} the value is not a JSON object. ${CREATE_KEY}`);
  if (file.type !== 'service_account') {
    const type = typeof file.type === 'string' ? ` (type ${JSON.stringify(file.type.slice(0, 40))})` : '';
    return invalid(
      REASON.malformedEntry,
      `${where} the file is not the key of a service account${type}. The operator follows no URL or file in such a file. For workload identity federation, set serviceAccountRef and workloadIdentityProvider; otherwise: ${CREATE_KEY}`,
    );
  }
  const { client_email: clientEmail, private_key: privateKey } = file;
  const isEmail = typeof clientEmail === 'string' && /^[^\s@]+@[^\s@]+$/.test(clientEmail);
  if (!isEmail) return invalid(REASON.malformedEntry, `${where} client_email is missing or not an email address. ${CREATE_KEY}`);
  if (typeof privateKey !== 'string' || !privateKey.includes('PRIVATE KEY'))
    return invalid(REASON.malformedEntry, `${where} private_key is missing or not a private key in PEM. ${CREATE_KEY}`);
  return { ok: { cloud: 'gcp', clientEmail, privateKey } };
}

const CREATE_KEY = 'Create a key with: gcloud iam service-accounts keys create key.json --iam-account=EMAIL.';

/** The text under a key, without white space around it: editors and `echo` add line ends, and no key of a cloud has any. */
function textUnder(key: string, ref: ObjectRef, { data }: SourceRecord, server: string): Parsed<string> {
  const value = Object.hasOwn(data, key) ? data[key] : undefined;
  if (value === undefined) {
    const keys = Object.keys(data)
      .sort()
      .slice(0, 10)
      .map((name) => name.slice(0, 100));
    const has = keys.length === 0 ? 'The Secret is empty.' : `The Secret has the keys: ${keys.join(', ')}.`;
    return invalid(
      REASON.keyMissing,
      `${formatSecret(ref)}, server ${formatServer(server)}: the key ${JSON.stringify(key)} is missing. ${has} Add the key.`,
    );
  }
  const text = Buffer.from(value, 'base64').toString('utf8').trim();
  return text === ''
    ? invalid(REASON.emptyPassword, `${formatKey(ref, key)}, server ${formatServer(server)}: the value is empty. Set it.`)
    : { ok: text };
}
