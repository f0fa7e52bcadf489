import type { Content } from './content.ts';

const MAX_OUTPUT_LENGTH = 500;

/** A webhook may send megabytes. `redact` reads only the first characters of a message. */
const MAX_INPUT_LENGTH = 10_000;

/** Where a message is cut, a secret may be cut too. This many characters are enough to recognize the beginning of a secret. */
const SECRET_PREFIX_LENGTH = 16;

/**
 * Stands for a secret until all secrets are replaced. `[withheld]` itself would not do: a short password may be a part of that word,
 * and the message would grow with every replacement.
 */
const PLACEHOLDER = '\uffff';

/** A value after one of these names is a secret, no matter whose. */
const NAMED_VALUE = /((?:auth|password|identitytoken|registrytoken)\\*["']?\s*[:=]\s*\\*["']?)[^\s"'\\,}]+/gi;

/** A docker config in base64, or a part of one. Paths, uids and digests never have small letters, capitals and digits all together. */
const BASE64_RUN = /[A-Za-z0-9+/]{40,}={0,2}/g;
const looksEncoded = (run: string) => [/[a-z]/, /[A-Z]/, /[0-9]/].every((kind) => kind.test(run));

/**
 * Makes a message of the API server fit for a status, an Event or a log: on one line, bounded, and without secrets of the content that
 * was being written. An admission webhook may quote the object that it refuses, or the object before the change, whose content is not
 * known here. So everything that looks like a secret is removed as well.
 *
 * @param content the content that was being written, or undefined. It is not optional, so that no caller forgets it
 */
export function redact(message: string, content: Content | undefined): string {
  const secrets = content ? secretsIn(content) : [];
  const secretsOnOneLine = secrets.map(onOneLine);
  // Both before and after the line breaks are removed: a password may contain white space, and the message may have it in either form.
  const raw = withoutSecrets(message.slice(0, MAX_INPUT_LENGTH), secrets);
  const clean = withoutLikelySecrets(withoutSecrets(onOneLine(raw), secretsOnOneLine));
  const whole = message.length > MAX_INPUT_LENGTH ? withoutCutSecret(clean, secretsOnOneLine) : clean;
  const redacted = whole.replaceAll(PLACEHOLDER, '[withheld]');
  return redacted.length > MAX_OUTPUT_LENGTH ? `${redacted.slice(0, MAX_OUTPUT_LENGTH - 1).toWellFormed()}…` : redacted;
}

const withoutSecrets = (message: string, secrets: readonly string[]) =>
  secrets.reduce((rest, secret) => rest.replaceAll(secret, PLACEHOLDER), message);

const withoutLikelySecrets = (message: string) =>
  message.replace(NAMED_VALUE, `$1${PLACEHOLDER}`).replace(BASE64_RUN, (run) => (looksEncoded(run) ? PLACEHOLDER : run));

/** Also without the control characters that a terminal obeys, and without those that change the direction of the text. */
const onOneLine = (message: string) => message.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ');

/** The message was cut, maybe in the middle of a secret. It ends before the first place where a secret may begin. */
function withoutCutSecret(message: string, secrets: readonly string[]): string {
  const starts = secrets.map((secret) => message.indexOf(secret.slice(0, SECRET_PREFIX_LENGTH))).filter((start) => start >= 0);
  const end = starts.reduce((first, start) => Math.min(first, start), message.length - SECRET_PREFIX_LENGTH);
  return `${message.slice(0, Math.max(0, end))}…`;
}

/** Every form in which the content contains its passwords, the longest first, because one may be a part of another. */
function secretsIn(content: Content): string[] {
  const config = Buffer.from(content.data, 'base64').toString('utf8');
  const { auths } = JSON.parse(config) as { auths: Record<string, { password: string; auth: string }> };
  const secrets = Object.values(auths).flatMap(({ password, auth }) => {
    const encoded = Buffer.from(password).toString('base64');
    return [
      password,
      auth,
      auth.replace(/=+$/, ''),
      JSON.stringify(password).slice(1, -1),
      encodeURIComponent(password),
      encoded,
      encoded.replace(/=+$/, ''),
    ];
  });
  return [content.data, ...new Set(secrets)].filter((secret) => secret !== '').sort((a, b) => b.length - a.length);
}
