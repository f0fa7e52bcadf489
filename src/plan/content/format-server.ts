/** A server's name for a message: bounded, on one line, and without the `user:password@` that some people write before it. */
export function formatServer(server: string): string {
  const at = server.lastIndexOf('@');
  // Several small expressions: one for the whole server would run for minutes on a key of a million colons.
  const hasNoLogin = at < 0 || /^[^:@/]+\/[^:]*$/.test(server.slice(0, at));
  const [scheme = ''] = /^(?:[a-z][a-z0-9+.-]*:)?\/\//i.exec(server) ?? [];
  const plain = hasNoLogin ? server : scheme + server.slice(at + 1);
  const bounded = JSON.stringify(plain.length > 100 ? `${plain.slice(0, 100)}…` : plain).slice(1, -1);
  // JSON does not escape these characters, and a terminal may obey them.
  return bounded.replace(/[\p{Cc}\p{Cf}]/gu, (character) => `\\u${character.codePointAt(0)?.toString(16).padStart(4, '0')}`);
}
