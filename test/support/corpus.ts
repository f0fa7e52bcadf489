/**
 * Docker configs as nobody should write them: what people have got wrong, and what somebody may try. What breaks the
 * program one day is to be added here. Every value in them is the canary, so that whoever repeats one is caught.
 */
import { base64 } from './builders.ts';

export const CANARY = 'canary-fake';

/** Every form in which the canary may turn up in a text, itself or within something longer that was encoded. */
export const CANARY_FORMS: readonly string[] = [
  CANARY,
  ...cores(CANARY),
  ...cores(CANARY).flatMap(cores),
  Buffer.from(CANARY).toString('hex'),
];

/** The part of its base64 that does not depend on what stands before it and after it, which is one of three. */
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
  'a good one': one(entry),
  'a good one with username and password': one(`{"username":"robot","password":"${CANARY}","email":"a@b"}`),
  'one of Docker Desktop': '{"auths":{"a.b":{}},"credsStore":"desktop","credHelpers":{"c.d":"sample"}}',

  // No JSON, or no object.
  nothing: '',
  'white space': ' \n\t\r ',
  'the password alone': CANARY,
  'username and password': `robot:${CANARY}`,
  'YAML in place of JSON': `auths:\n  a.b:\n    auth: ${auth}\n`,
  'a comment': `// x\n${one(entry)}`,
  'a comma too many': `{"auths":{"a.b":${entry},}}`,
  'single quotes': `{'auths':{'a.b':{'password':'${CANARY}'}}}`,
  'cut off': one(entry).slice(0, -3),
  'two of them': one(entry) + one(entry),
  'a list': `[${one(entry)}]`,
  'a string': JSON.stringify(one(entry)),
  'a number': '1e999',
  null: 'null',
  'encoded once': base64(one(entry)),
  'encoded twice': base64(base64(one(entry))),

  // Bytes.
  'a byte order mark': `\ufeff${one(entry)}`,
  'UTF-16, as PowerShell writes it': Buffer.from(`\ufeff${one(entry)}`, 'utf16le'),
  'NUL at its end': `${one(entry)}\0`,
  'NUL in a name': one(entry).replace('a.b', 'a\\u0000.b'),
  'NUL in the password': one(`{"username":"robot","password":"${CANARY}\\u0000"}`),
  'bytes that are no UTF-8': Buffer.concat([Buffer.from('{"auths":{"a.b'), Buffer.from([0xff, 0xc0, 0x80]), Buffer.from(`":${entry}}}`)]),
  'half a surrogate in a name': `{"auths":{"\\ud800":${entry}}}`,
  'half a surrogate in the password': one(`{"username":"robot","password":"${CANARY}\\udfff"}`),
  'the other way round': one(`{"username":"robot","password":"${[...CANARY].reverse().join('')}\u202e"}`),
  'random bytes': Buffer.from(Array.from({ length: 4096 }, (_, n) => (n * n * 31 + n * 7) % 256)),

  // JSON of odd shapes.
  'auths that is null': '{"auths":null}',
  'auths that is a list': `{"auths":[${entry}]}`,
  'auths that is a string': `{"auths":"${CANARY}"}`,
  'entries without auths': `{"a.b":${entry}}`,
  'auths twice': `{"auths":{"a.b":${entry}},"auths":{"c.d":${entry}}}`,
  'a server twice': `{"auths":{"a.b":{"auth":1},"a.b":${entry}}}`,
  'a server in several spellings': `{"auths":{"a.b":${entry},"https://a.b":${entry},"http://a.b/v1/":${entry},"a.b/":{"auth":"x"}}}`,
  'auth twice': one(`{"auth":"${auth}","auth":"!${CANARY}"}`),
  'auth in other cases': one(`{"AUTH":"${auth}","Auth":null,"aUTH":""}`),
  'AUTHS in other cases': `{"Auths":{"a.b":${entry}}}`,
  'an entry that is null': one('null'),
  'an entry that is a string': one(`"${auth}"`),
  'an entry that is a list': one(`["${auth}"]`),
  'an empty entry': one('{}'),
  'auth that is a number': one('{"auth":123456789012345678901234567890}'),
  'auth that is an object': one(`{"auth":{"auth":"${auth}"}}`),
  'a password that is a number': one('{"username":"robot","password":1e400}'),
  'a password that is true': one('{"username":"robot","password":true}'),
  'names of JavaScript for servers': `{"auths":{"__proto__":${entry},"constructor":${entry},"toString":${entry},"hasOwnProperty":${entry}}}`,
  '__proto__ for auths': `{"__proto__":{"auths":{"a.b":${entry}}}}`,
  '__proto__ for an entry': one(`{"__proto__":${entry}}`),
  'a constructor': one(`{"constructor":{"prototype":{"auth":"${auth}"}}}`),
  'servers named like numbers': `{"auths":{"10":${entry},"9":${entry},"-1":${entry},"1e3":${entry}}}`,
  'an empty name': `{"auths":{"":${entry}}}`,
  'a password in the name': `{"auths":{"https://robot:${CANARY}@a.b":{"auth":"x"},"robot:${CANARY}/@x@a.b/c":{}}}`,
  'control characters and directions in the name': `{"auths":{"\\u001b[31ma\\u009b31m\\u202e\\u0007\\r\\n":{"auth":"x"}}}`,

  // Base64.
  'auth with a newline inside': one(`{"auth":"${base64(`robot:${CANARY}\n`)}"}`),
  'auth encoded twice': one(`{"auth":"${base64(auth)}"}`),
  'auth of the URL kind': one(`{"auth":"${Buffer.from(`robot:${CANARY}?>?>`).toString('base64url')}"}`),
  'auth without padding': one(`{"auth":"${auth.replace(/=+$/, '')}"}`),
  'auth with too much of it': one(`{"auth":"${auth}===="}`),
  'auth of padding': one('{"auth":"===="}'),
  'auth in plain text': one(`{"auth":"robot:${CANARY}"}`),
  'auth of the password alone': one(`{"auth":"${base64(CANARY)}"}`),
  'auth of a colon': one('{"auth":"Og=="}'),
  'auth of no username': one(`{"auth":"${base64(`:${CANARY}`)}"}`),
  'auth with spaces': one(`{"auth":" ${auth} "}`),
  'a username with a colon': one(`{"username":"ro:bot","password":"${CANARY}"}`),
  'an identity token': one(`{"auth":"${base64('robot:')}","identitytoken":"${CANARY}"}`),

  // Large ones.
  'a megabyte of brackets': '['.repeat(MIB),
  'a megabyte of braces': filled('', '{"a":', ''),
  'an entry nested deep': filled(`{"auths":{"a.b":{"auth":"${auth}","x":`, '[', ''),
  'an entry nested deep, and closed': one(`{"auth":"${auth}","x":${'['.repeat(MIB / 4)}${']'.repeat(MIB / 4)}}`),
  'a megabyte of equals signs': '='.repeat(MIB),
  'a megabyte of base64': 'QUJD'.repeat(MIB / 4),
  'a megabyte of line breaks': '\n'.repeat(MIB),
  'a megabyte of quotes': '"'.repeat(MIB),
  'a server of a megabyte of colons': filled('{"auths":{"', ':', `":{"password":"${CANARY}"}}}`),
  'a server of a megabyte of slashes': filled('{"auths":{"', '/', `":${entry}}}`),
  'a server of a megabyte of @': filled('{"auths":{"', 'a:@/', `":${entry}}}`),
  'a server of a megabyte of *': filled('{"auths":{"docker.io":{"auth":"eDp5"},"', '*a', `":${entry}}}`),
  'a password of a megabyte': filled('{"auths":{"a.b":{"username":"robot","password":"', CANARY, '"}}}'),
  'auth of a megabyte of padding': filled('{"auths":{"a.b":{"auth":"', '=', '"}}}'),
  'auth of a megabyte of line breaks': filled('{"auths":{"a.b":{"auth":"', '\\n', '"}}}'),
  'a hundred thousand fields': filled('{"auths":{"a.b":{', '"Auth":"",', `"auth":"${auth}"}}}`),
  'ten thousand servers': `{"auths":{${Array.from({ length: 10_000 }, (_, n) => `"r${n}.example.com":${entry}`).join(',')}}}`,
  'ten thousand broken servers': `{"auths":{${Array.from({ length: 10_000 }, (_, n) => `"r${n}.example.com":"${CANARY}"`).join(',')}}}`,
  'ten thousand helpers': `{"auths":{"a.b":{}},"credHelpers":{${Array.from({ length: 10_000 }, (_, n) => `"r${n}.example.com":"x"`).join(',')}}}`,
};

/** Passwords that are taken for something else somewhere, or do not survive a careless way through JSON, YAML, a shell or a terminal. */
export const PASSWORDS: Record<string, string> = {
  'of YAML': 'yes: [no, ~, *x, &y, !!str, |, >, #z]',
  'that YAML takes for a number': '0o17777777',
  'that YAML takes for a time': '2026-11-21 00:00:00',
  'of JSON': '{"auths":{"a.b":{"auth":"\\u0000"}}}',
  'with quotes and backslashes': `"'\`\\"\\\\n\\u0041`,
  'with a line separator of JavaScript': 'sample\u2028\u2029sample',
  'with HTML, which Go escapes in JSON': '<a href="b">&amp;</a>',
  'with control characters': 'sample\u0000\u0001\u001b[31m\u007f\u0085\u009b',
  'with line breaks within': 'sam\r\nple\n!',
  'with white space around': ' \tsample\u00a0 ',
  'with a byte order mark': '\ufeffsample-password',
  'with directions and joiners': '\u202esample\u200d\u2066',
  'in other scripts': 'пароль密码كلمة',
  'of emoji': '👩‍👩‍👧‍👦🔑',
  'of combined characters, which are not normalized': 'e\u0301é'.repeat(3),
  'of the last characters there are': '\uffff\u{10ffff}'.repeat(3),
  'of the shell': '$(id) `id` $HOME %s {{ .x }}',
  'of colons': ':a:b:c:d:',
  'with @ and slashes': 'https://robot@a.b/c?d#e',
  'of percent signs': '%00%zz%E2%82',
  'as JavaScript has them': '__proto__',
};
