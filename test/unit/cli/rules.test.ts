import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { VERIFICATION_MODES } from '../../../src/cli/manifests.ts';
import { brokenRule, RULES, type Rule } from '../../../src/cli/rules.ts';
import { CLOUD_FIELDS, CLOUD_SERVERS } from '../../support/cloud-names.ts';

interface Field {
  readonly maxLength: number;
  readonly 'x-kubernetes-validations': readonly { rule: string; message: string }[];
}

const [{ schema }] = parse(readFileSync('crds/registrycredentials.yaml', 'utf8')).spec.versions;
const { registries, namespaces, serviceAccounts, secretName, verification } = schema.openAPIV3Schema.properties.spec.properties;
const registry = registries.items.properties;
const { aws, gcp, azure } = registry.token.properties;

/** The rule by which the server of a token belongs to a cloud. It follows a condition on the fields of the token. */
const serverOf = (cloud: string): Field => {
  const rules: Field['x-kubernetes-validations'] = registries.items['x-kubernetes-validations'];
  const { rule, message } = rules.find(({ message }) => message.startsWith(`token.${cloud} is for `)) ?? expect.fail(cloud);
  const [, pattern] = /self\.server\.(matches\('[^']+'\))$/.exec(rule) ?? expect.fail(rule);
  return { maxLength: registry.server.maxLength, 'x-kubernetes-validations': [{ rule: `self.${pattern}`, message }] };
};
const FIELDS: Record<keyof typeof RULES, Field> = {
  server: registry.server,
  namespace: registry.secretRef.properties.namespace,
  namespaceGlob: namespaces.properties.names.items,
  serviceAccountGlob: serviceAccounts.properties.names.items,
  secretName,
  accountName: aws.properties.serviceAccountRef.properties.name,
  ecrServer: serverOf('aws'),
  garServer: serverOf('gcp'),
  acrServer: serverOf('azure'),
  region: aws.properties.region,
  roleArn: aws.properties.roleArn,
  googleServiceAccount: gcp.properties.serviceAccount,
  workloadIdentityProvider: gcp.properties.workloadIdentityProvider,
  guid: azure.properties.tenantId,
};

/** Evaluates a CEL rule that consists of self.matches, ! and ||. */
function holds(rule: string, self: string): boolean {
  return rule.split(' || ').some((term) => {
    const [, not, pattern] = /^(!?)self\.matches\('([^']+)'\)$/.exec(term) ?? expect.fail(`${rule} is more than this test reads`);
    // In Go, a ] at the start of a character class is a literal; in JavaScript it ends the class.
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
const cloudy = Object.values(CLOUD_SERVERS).flatMap(({ own, lookAlike }) => [...own, ...lookAlike]);
const identities = Object.values(CLOUD_FIELDS).flatMap(({ valid, invalid }) => [...valid, ...invalid]);
const long = [63, 64, 253, 254, 512, 513].map((length) => 'a'.repeat(length));

describe('The rules of create', () => {
  for (const [what, rule] of Object.entries(RULES) as [keyof typeof RULES, Rule][]) {
    it(`for ${what} are those of the API`, () => {
      for (const text of what.toLowerCase().endsWith('server') ? [...servers, ...cloudy, ...long] : [...names, ...identities, ...long]) {
        expect(brokenRule(rule, text), JSON.stringify(text)).to.equal(refusedByTheApi(FIELDS[what], text));
      }
    });
  }

  it('for --verification are those of the API', () => expect(VERIFICATION_MODES).to.deep.equal(verification.properties.mode.enum));
});
