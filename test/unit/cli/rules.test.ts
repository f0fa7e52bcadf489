import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { broken, RULES, type Rule } from '../../../src/cli/rules.ts';

interface Field {
  readonly maxLength: number;
  readonly 'x-kubernetes-validations': readonly { rule: string; message: string }[];
}

const [{ schema }] = parse(readFileSync('crds/registrycredentials.yaml', 'utf8')).spec.versions;
const { registries, namespaces, serviceAccounts, secretName } = schema.openAPIV3Schema.properties.spec.properties;
const registry = registries.items.properties;
const FIELDS: Record<keyof typeof RULES, Field> = {
  server: registry.server,
  namespace: registry.secretRef.properties.namespace,
  namespaceGlob: namespaces.properties.names.items,
  serviceAccountGlob: serviceAccounts.properties.names.items,
  secretName,
};

/** Whether a rule in CEL holds, of those that are made of self.matches, ! and ||. */
function holds(rule: string, self: string): boolean {
  return rule.split(' || ').some((term) => {
    const [, not, pattern] = /^(!?)self\.matches\('([^']+)'\)$/.exec(term) ?? expect.fail(`${rule} is more than this test reads`);
    // Go reads ] as itself where a class begins, and JavaScript as the end of it.
    return new RegExp((pattern as string).replaceAll('[]]', '\\]')).test(self) !== (not === '!');
  });
}

function refusedByTheApi({ maxLength, 'x-kubernetes-validations': rules }: Field, text: string): string | undefined {
  if (text === '') return 'must not be empty';
  if (text.length > maxLength) return `must have at most ${maxLength} characters`;
  return rules.find(({ rule }) => !holds(rule, text))?.message;
}

const hosts = ['ghcr.io', 'docker.io', '*.example.com', 'localhost', 'registry', '*', '[fd00::1]', '-a.b', 'Ghcr.io', 'a..b', 'a_b.c', ''];
const servers = hosts.flatMap((host) =>
  ['', 'https://', 'http://', 'ftp://'].flatMap((scheme) =>
    ['', ':5000', ':0', ':65535', ':65536', ':080', ':x', ':123456'].flatMap((port) =>
      ['', '/', '/acme', '/acme/', '/a/b', '//b', '/App', '/app:1', '/a*', '/v1/'].map((path) => scheme + host + port + path),
    ),
  ),
);
const names = ['acme', 'a.b', 'a-b', '-a', 'a-', 'A', 'a_b', '*', 'team-*', '?', 'a.*', '.a', 'a..b', '', 'é', 'a/b', 'a b', 'a\n'];
const long = [63, 64, 253, 254, 512, 513].map((length) => 'a'.repeat(length));

describe('The rules for what is given to create', () => {
  for (const [what, rule] of Object.entries(RULES) as [keyof typeof RULES, Rule][]) {
    it(`are for ${what} those of the API`, () => {
      for (const text of what === 'server' ? [...servers, ...long] : [...names, ...long]) {
        expect(broken(rule, text), JSON.stringify(text)).to.equal(refusedByTheApi(FIELDS[what], text));
      }
    });
  }
});
