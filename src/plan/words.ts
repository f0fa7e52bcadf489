import type { Content } from './resolve.ts';

const LONGEST = 500;
/** As much of them is looked at: a webhook may send megabytes. */
const HEARD = 10_000;
/** As much of a secret tells that it may be one, where the words were cut within it. */
const HEAD = 16;
/** Stands for a secret until all have been looked for: one may be a part of the word for it, and that would grow and grow. */
const HOLE = '\uffff';

/** After these words comes a secret, whosever it is. */
const NAMED = /((?:auth|password|identitytoken|registrytoken)\\*["']?\s*[:=]\s*\\*["']?)[^\s"'\\,}]+/gi;
/** A docker config in base64, or a part of one; a path, a uid or a digest is not written with all three of small letters, capitals and digits. */
const ENCODED = /[A-Za-z0-9+/]{40,}={0,2}/g;
const isEncoded = (run: string) => [/[a-z]/, /[A-Z]/, /[0-9]/].every((kind) => kind.test(run));

/**
 * The words of the API server as they may be repeated in a status, an Event or a log: on one line, bounded, and without
 * anything secret of the content that was being written. An admission webhook may well quote the object that it refuses, or the
 * one that was there before, of which we have no content: so nothing is repeated either that looks like a secret.
 */
export function repeatable(words: string, content: Content | undefined): string {
  const secrets = content ? secretsIn(content) : [];
  const onOneLine = secrets.map(oneLine);
  // Before and after it is put on one line: a password may have spaces in it, as it was sent or as it comes back.
  const whole = withoutLikely(withhold(oneLine(withhold(words.slice(0, HEARD), secrets)), onOneLine));
  const said = (words.length > HEARD ? withoutHeads(whole, onOneLine) : whole).replaceAll(HOLE, '[withheld]');
  return said.length > LONGEST ? `${said.slice(0, LONGEST - 1).toWellFormed()}…` : said;
}

const withhold = (words: string, secrets: readonly string[]) => secrets.reduce((said, secret) => said.replaceAll(secret, HOLE), words);
const withoutLikely = (words: string) => words.replace(NAMED, `$1${HOLE}`).replace(ENCODED, (run) => (isEncoded(run) ? HOLE : run));
/** Nor any characters that turn the direction of others. */
const oneLine = (words: string) => words.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ');

/** Where words were cut, a secret may have been as well, and is not found as a whole: nothing is said from there on. */
function withoutHeads(words: string, secrets: readonly string[]): string {
  const heads = secrets.map((secret) => words.indexOf(secret.slice(0, HEAD))).filter((at) => at >= 0);
  const end = heads.reduce((first, at) => Math.min(first, at), words.length - HEAD);
  return `${words.slice(0, Math.max(0, end))}…`;
}

/** Every form in which the passwords stand in the content, longest first: one may be a part of another. */
function secretsIn(content: Content): string[] {
  const config = Buffer.from(content.data, 'base64').toString('utf8');
  const { auths } = JSON.parse(config) as { auths: Record<string, { password: string; auth: string }> };
  const secrets = Object.values(auths).flatMap(({ password, auth }) => {
    const inner = Buffer.from(password).toString('base64');
    return [
      password,
      auth,
      auth.replace(/=+$/, ''),
      JSON.stringify(password).slice(1, -1),
      encodeURIComponent(password),
      inner,
      inner.replace(/=+$/, ''),
    ];
  });
  return [content.data, ...new Set(secrets)].filter((secret) => secret !== '').sort((a, b) => b.length - a.length);
}
