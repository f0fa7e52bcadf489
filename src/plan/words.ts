import type { Content } from './resolve.ts';

const LONGEST = 500;

/**
 * The words of the API server as they may be repeated in a status, an Event or a log: on one line, bounded, and without
 * anything secret of the content that was being written. An admission webhook may well quote the object that it refuses.
 */
export function repeatable(words: string, content: Content | undefined): string {
  const secrets = content ? secretsIn(content) : [];
  // Before and after it is put on one line: a password may have spaces in it, as it was sent or as it comes back.
  const said = withhold(oneLine(withhold(words, secrets)), secrets.map(oneLine));
  return said.length > LONGEST ? `${said.slice(0, LONGEST - 1)}…` : said;
}

const withhold = (words: string, secrets: readonly string[]) =>
  secrets.reduce((said, secret) => said.replaceAll(secret, '[withheld]'), words);
const oneLine = (words: string) => words.replace(/[\p{Cc}\s]+/gu, ' ');

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
