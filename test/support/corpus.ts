/**
 * Malformed and hostile docker configs: real mistakes, and possible attacks. Add each input that ever breaks the program.
 * Every value in them is the canary, so that a test notices any copy of it.
 */
import { base64 } from './builders.ts';

export const CANARY = 'canary-fake';

/** Every form in which the canary may occur in a text: plain, or as part of a longer text that was encoded. */
export const CANARY_FORMS: readonly string[] = [
  CANARY,
  ...cores(CANARY),
  ...cores(CANARY).flatMap(cores),
  Buffer.from(CANARY).toString('hex'),
];

/** The parts of its base64 that do not depend on the text before and after it, for each of the three alignments. */
function cores(text: string): string[] {
  return [0, 1, 2].map((before) => base64('.'.repeat(before) + text).slice(before === 0 ? 0 : before + 1, -4));
}

const MIB = 1024 * 1024;
const auth = base64(`robot:${CANARY}`);
const entry = `{"auth":"${auth}"}`;
const one = (text: string) => `{"auths":{"a.b":${text}}}`;
const filled = (start: string, filler: string, end: string) =>
  start + filler.repeat(Math.floor((MIB - start.length - end.length) / filler.length)) + end;

export const CORPUS: Record<string, string | Buffer> = {
  'a valid config': one(entry),
  'a valid config with username and password': one(`{"username":"robot","password":"${CANARY}","email":"a@b"}`),
  'a config of Docker Desktop': '{"auths":{"a.b":{}},"credsStore":"desktop","credHelpers":{"c.d":"sample"}}',

  // Not JSON, or not an object.
  'an empty text': '',
  'only white space': ' \n\t\r ',
  'only the password': CANARY,
  'username and password': `robot:${CANARY}`,
  'YAML instead of JSON': `auths:\n  a.b:\n    auth: ${auth}\n`,
  'a comment': `// x\n${one(entry)}`,
  'a trailing comma': `{"auths":{"a.b":${entry},}}`,
  'single quotes': `{'auths':{'a.b':{'password':'${CANARY}'}}}`,
  'a truncated config': one(entry).slice(0, -3),
  'two configs in one text': one(entry) + one(entry),
  'a list': `[${one(entry)}]`,
  'a string': JSON.stringify(one(entry)),
  'a number': '1e999',
  null: 'null',
  'encoded once': base64(one(entry)),
  'encoded twice': base64(base64(one(entry))),

  // Encodings of characters.
  'a byte order mark': `\ufeff${one(entry)}`,
  'UTF-16, as PowerShell writes it': Buffer.from(`\ufeff${one(entry)}`, 'utf16le'),
  'a NUL character at the end': `${one(entry)}\0`,
  'a NUL character in a server': one(entry).replace('a.b', 'a\\u0000.b'),
  'a NUL character in the password': one(`{"username":"robot","password":"${CANARY}\\u0000"}`),
  'invalid UTF-8': Buffer.concat([Buffer.from('{"auths":{"a.b'), Buffer.from([0xff, 0xc0, 0x80]), Buffer.from(`":${entry}}}`)]),
  'half a surrogate pair in a server': `{"auths":{"\\ud800":${entry}}}`,
  'half a surrogate pair in the password': one(`{"username":"robot","password":"${CANARY}\\udfff"}`),
  'a reversed password with a right-to-left override': one(`{"username":"robot","password":"${[...CANARY].reverse().join('')}\u202e"}`),
  'random bytes': Buffer.from(Array.from({ length: 4096 }, (_, n) => (n * n * 31 + n * 7) % 256)),

  // JSON with wrong types or names.
  'auths is null': '{"auths":null}',
  'auths is a list': `{"auths":[${entry}]}`,
  'auths is a string': `{"auths":"${CANARY}"}`,
  'entries without auths': `{"a.b":${entry}}`,
  'auths twice': `{"auths":{"a.b":${entry}},"auths":{"c.d":${entry}}}`,
  'a server that occurs twice': `{"auths":{"a.b":{"auth":1},"a.b":${entry}}}`,
  'a server in several spellings': `{"auths":{"a.b":${entry},"https://a.b":${entry},"http://a.b/v1/":${entry},"a.b/":{"auth":"x"}}}`,
  'auth that occurs twice': one(`{"auth":"${auth}","auth":"!${CANARY}"}`),
  'auth in other cases': one(`{"AUTH":"${auth}","Auth":null,"aUTH":""}`),
  'AUTHS in other cases': `{"Auths":{"a.b":${entry}}}`,
  'an entry is null': one('null'),
  'an entry is a string': one(`"${auth}"`),
  'an entry is a list': one(`["${auth}"]`),
  'an empty entry': one('{}'),
  'auth is a number': one('{"auth":123456789012345678901234567890}'),
  'auth is an object': one(`{"auth":{"auth":"${auth}"}}`),
  'a password is a number': one('{"username":"robot","password":1e400}'),
  'a password is true': one('{"username":"robot","password":true}'),
  'servers with names of JavaScript properties': `{"auths":{"__proto__":${entry},"constructor":${entry},"toString":${entry},"hasOwnProperty":${entry}}}`,
  '__proto__ instead of auths': `{"__proto__":{"auths":{"a.b":${entry}}}}`,
  '__proto__ in an entry': one(`{"__proto__":${entry}}`),
  'constructor in an entry': one(`{"constructor":{"prototype":{"auth":"${auth}"}}}`),
  'servers that look like numbers': `{"auths":{"10":${entry},"9":${entry},"-1":${entry},"1e3":${entry}}}`,
  'auths in two spellings': `{"Auths":{"a.b":${entry}},"auths":{"c.d":${entry}}}`,
  'a server twice in good entries': `{"auths":{"a.b":${entry},"a.b":{"auth":"${base64(`other:${CANARY}`)}"}}}`,
  'servers that no image name can have': `{"auths":{"a.b":${entry},"":${entry},"https://":${entry},"a.b ":${entry},"oci://a.b":${entry}}}`,
  'an empty server': `{"auths":{"":${entry}}}`,
  'a password in a server': `{"auths":{"https://robot:${CANARY}@a.b":{"auth":"x"},"robot:${CANARY}/@x@a.b/c":{}}}`,
  'control characters and text directions in a server': `{"auths":{"\\u001b[31ma\\u009b31m\\u202e\\u0007\\r\\n":{"auth":"x"}}}`,

  // Base64.
  'auth with a newline inside': one(`{"auth":"${base64(`robot:${CANARY}\n`)}"}`),
  'auth encoded twice': one(`{"auth":"${base64(auth)}"}`),
  'auth in base64url': one(`{"auth":"${Buffer.from(`robot:${CANARY}?>?>`).toString('base64url')}"}`),
  'auth without padding': one(`{"auth":"${auth.replace(/=+$/, '')}"}`),
  'auth with too much padding': one(`{"auth":"${auth}===="}`),
  'auth with only padding': one('{"auth":"===="}'),
  'auth in plain text': one(`{"auth":"robot:${CANARY}"}`),
  'auth with only the password': one(`{"auth":"${base64(CANARY)}"}`),
  'auth with only a colon': one('{"auth":"Og=="}'),
  'auth without a username': one(`{"auth":"${base64(`:${CANARY}`)}"}`),
  'auth with spaces': one(`{"auth":" ${auth} "}`),
  'a username with a colon': one(`{"username":"ro:bot","password":"${CANARY}"}`),
  'an identity token': one(`{"auth":"${base64('robot:')}","identitytoken":"${CANARY}"}`),

  // Large inputs.
  'a megabyte of brackets': '['.repeat(MIB),
  'a megabyte of braces': filled('', '{"a":', ''),
  'a deeply nested entry': filled(`{"auths":{"a.b":{"auth":"${auth}","x":`, '[', ''),
  'a deeply nested entry, with all brackets closed': one(`{"auth":"${auth}","x":${'['.repeat(MIB / 4)}${']'.repeat(MIB / 4)}}`),
  'a megabyte of equals signs': '='.repeat(MIB),
  'a megabyte of base64': 'QUJD'.repeat(MIB / 4),
  'a megabyte of line breaks': '\n'.repeat(MIB),
  'a megabyte of quotes': '"'.repeat(MIB),
  'a server with a megabyte of colons': filled('{"auths":{"', ':', `":{"password":"${CANARY}"}}}`),
  'a server with a megabyte of slashes': filled('{"auths":{"', '/', `":${entry}}}`),
  'a server with a megabyte of @': filled('{"auths":{"', 'a:@/', `":${entry}}}`),
  'a server with a megabyte of *': filled('{"auths":{"docker.io":{"auth":"eDp5"},"', '*a', `":${entry}}}`),
  'a password with a megabyte': filled('{"auths":{"a.b":{"username":"robot","password":"', CANARY, '"}}}'),
  'auth with a megabyte of padding': filled('{"auths":{"a.b":{"auth":"', '=', '"}}}'),
  'auth with a megabyte of line breaks': filled('{"auths":{"a.b":{"auth":"', '\\n', '"}}}'),
  'a hundred thousand fields': filled('{"auths":{"a.b":{', '"Auth":"",', `"auth":"${auth}"}}}`),
  'ten thousand servers': `{"auths":{${Array.from({ length: 10_000 }, (_, n) => `"r${n}.example.com":${entry}`).join(',')}}}`,
  'ten thousand broken servers': `{"auths":{${Array.from({ length: 10_000 }, (_, n) => `"r${n}.example.com":"${CANARY}"`).join(',')}}}`,
  'ten thousand helpers': `{"auths":{"a.b":{}},"credHelpers":{${Array.from({ length: 10_000 }, (_, n) => `"r${n}.example.com":"x"`).join(',')}}}`,
};

/** Passwords that some program misreads, or that JSON, YAML, a shell or a terminal can damage. */
export const PASSWORDS: Record<string, string> = {
  'with YAML syntax': 'yes: [no, ~, *x, &y, !!str, |, >, #z]',
  'that YAML reads as a number': '0o17777777',
  'that YAML reads as a time': '2026-11-21 00:00:00',
  'with JSON syntax': '{"auths":{"a.b":{"auth":"\\u0000"}}}',
  'with quotes and backslashes': `"'\`\\"\\\\n\\u0041`,
  'with a JavaScript line separator': 'sample\u2028\u2029sample',
  'with HTML, which Go escapes in JSON': '<a href="b">&amp;</a>',
  'with control characters': 'sample\u0000\u0001\u001b[31m\u007f\u0085\u009b',
  'with line breaks': 'sam\r\nple\n!',
  'with white space at both ends': ' \tsample\u00a0 ',
  'with a byte order mark inside': 'sample\ufeff-password',
  'with text directions and joiners': '\u202esample\u200d\u2066',
  'in other scripts': 'пароль密码كلمة',
  'with emoji': '👩‍👩‍👧‍👦🔑',
  'with combining characters that are not normalized': 'e\u0301é'.repeat(3),
  'with the last code points of Unicode': '\uffff\u{10ffff}'.repeat(3),
  'with shell syntax': '$(id) `id` $HOME %s {{ .x }}',
  'with only colons and letters': ':a:b:c:d:',
  'with @ and slashes': 'https://robot@a.b/c?d#e',
  'with percent signs': '%00%zz%E2%82',
  'that is a JavaScript property': '__proto__',
};
