import { expect } from 'chai';
import fc from 'fast-check';
import { parseChallenges } from '../../../src/registry/challenge.ts';
import { cpuMs } from '../../support/cpu-time.ts';

type Plain = readonly [scheme: string, parameters: Record<string, string>];
const read = (headers: string | readonly string[] | undefined): Plain[] =>
  parseChallenges(headers).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe('The challenges of a WWW-Authenticate header', () => {
  const bearer: Plain = ['bearer', { realm: 'https://auth.docker.io/token', service: 'registry.docker.io' }];
  const table: Record<string, { headers: string | readonly string[] | undefined; want: Plain[] }> = {
    'no header is no challenge': { headers: undefined, want: [] },
    'an empty header is no challenge': { headers: ' , ,', want: [] },
    'Docker Hub': { headers: 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"', want: [bearer] },
    'a scheme is case-insensitive, and so is a name': {
      headers: 'BEARER Realm="https://auth.docker.io/token", SERVICE="registry.docker.io"',
      want: [bearer],
    },
    'a scheme alone': { headers: 'Basic', want: [['basic', {}]] },
    'a quoted comma does not end a parameter': {
      headers: 'Bearer realm="https://a.example/token",scope="repository:a/b:pull,push",service="s"',
      want: [['bearer', { realm: 'https://a.example/token', scope: 'repository:a/b:pull,push', service: 's' }]],
    },
    'an escape in a quoted string': { headers: 'Basic realm="say \\"hello\\", \\\\"', want: [['basic', { realm: 'say "hello", \\' }]] },
    'names with hyphens, and values without quotes': {
      headers: 'Bearer error-description="no, really",x-y=1,realm=https://a.example/t?x=1',
      want: [['bearer', { 'error-description': 'no, really', 'x-y': '1', realm: 'https://a.example/t?x=1' }]],
    },
    'two challenges in one header': {
      headers: 'Bearer realm="https://a.example/t",service="s", Basic realm="r"',
      want: [
        ['bearer', { realm: 'https://a.example/t', service: 's' }],
        ['basic', { realm: 'r' }],
      ],
    },
    'a challenge without parameters before another': {
      headers: 'Negotiate, Basic realm="r"',
      want: [
        ['negotiate', {}],
        ['basic', { realm: 'r' }],
      ],
    },
    'a token68 is skipped': {
      headers: 'Negotiate YWJjZA==, Basic realm="r"',
      want: [
        ['negotiate', {}],
        ['basic', { realm: 'r' }],
      ],
    },
    'a token68 at the end is skipped': { headers: 'Negotiate YWJjZA==', want: [['negotiate', {}]] },
    'several headers': {
      headers: ['Negotiate', 'Basic realm="r"'],
      want: [
        ['negotiate', {}],
        ['basic', { realm: 'r' }],
      ],
    },
    'odd white space and empty elements': {
      headers: ' ,\t Bearer \t realm = "https://a.example/t" , , service\t="s",',
      want: [['bearer', { realm: 'https://a.example/t', service: 's' }]],
    },
    'the first of two parameters with the same name counts': {
      headers: 'Basic realm="a", realm="b"',
      want: [['basic', { realm: 'a' }]],
    },
    'what follows a malformed part is ignored': {
      headers: 'Basic realm="r", "what", Bearer realm="https://evil.example"',
      want: [['basic', { realm: 'r' }]],
    },
    'a quoted string that does not end is ignored': { headers: 'Basic charset="UTF-8", realm="r', want: [['basic', { charset: 'UTF-8' }]] },
  };
  for (const [what, { headers, want }] of Object.entries(table)) {
    it(what, () => expect(read(headers)).to.deep.equal(want));
  }

  it('are read in linear time, and of an endless header only the beginning is', () => {
    const start = cpuMs();
    for (const part of ['Basic ', 'a=', '"', '\\"', ' , ', 'a="b",', 'x '])
      parseChallenges(Array.from({ length: 16 }, () => part.repeat(100_000)));
    expect(cpuMs() - start).to.be.below(2000);
  });

  it('of any text at all are some list', () => {
    const piece = fc.constantFrom('Basic', 'Bearer', ' ', ',', '=', '"', '\\', 'realm', 'a-b', '\t', 'YQ==', 'ü', '\0');
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 3 }), (headers) => {
        for (const { scheme } of parseChallenges(headers)) expect(scheme).to.match(/^[^\s,="]+$/);
      }),
      { numRuns: 10_000 },
    );
  });

  it('are read back as they were written, whatever the values', () => {
    const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
    const value = fc.string({ unit: fc.constantFrom(...'abc ,="\\/:?&;\t'), maxLength: 20 });
    const challenge = fc.tuple(token, fc.dictionary(token, value, { minKeys: 1, maxKeys: 4 }));
    const written = (challenges: readonly Plain[]) =>
      challenges
        .map(
          ([scheme, parameters]) =>
            `${scheme} ${Object.entries(parameters)
              .map(([name, text]) => `${name}="${text.replace(/["\\]/g, '\\$&')}"`)
              .join(', ')}`,
        )
        .join(', ');
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 3 }), (challenges) => {
        const want = challenges.map(([scheme, parameters]) => [scheme, { ...parameters }]);
        expect(read(written(challenges))).to.deep.equal(want);
      }),
      { numRuns: 2000 },
    );
  });
});
