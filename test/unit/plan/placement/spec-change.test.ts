import { expect } from 'chai';
import type { RegistryCredentialSpec } from '../../../../src/api/types.ts';
import type { Auth } from '../../../../src/plan/content/auth.ts';
import { type Content, contentOf } from '../../../../src/plan/content/content.ts';
import { formatChangedServers, formatSpecChange } from '../../../../src/plan/placement/spec-change.ts';
import { base64, credential } from '../../../support/builders.ts';

describe('A change of the spec is reported as', () => {
  const cases: Record<string, { after: Partial<RegistryCredentialSpec>; want: string | undefined }> = {
    'nothing, if it is equal': { after: {}, want: undefined },
    'its targets': { after: { namespaces: { names: ['*', 'more'] } }, want: 'targets (spec.namespaces)' },
    'its content': { after: { secretName: 'pull', dockerConfigs: [] }, want: 'content (spec.dockerConfigs, spec.secretName)' },
    'its policy': { after: { conflictPolicy: 'Adopt', suspend: true }, want: 'policy (spec.conflictPolicy, spec.suspend)' },
    'everything that it changed': {
      after: { serviceAccounts: { names: ['builder'] }, deletionPolicy: 'Retain' },
      want: 'targets (spec.serviceAccounts), policy (spec.deletionPolicy)',
    },
  };
  const { spec } = credential();
  for (const [what, { after, want }] of Object.entries(cases))
    it(what, () => expect(formatSpecChange(spec, { ...spec, ...after })).to.equal(want));
});

describe('A change of the content is reported as', () => {
  const auth = (password: string): Auth => ({ username: 'robot', password, auth: base64(`robot:${password}`) });
  const content = (passwords: Record<string, string>) => {
    const made = contentOf(new Map(Object.entries(passwords).map(([server, password]) => [server, auth(password)])));
    return (made as { ok: Content }).ok;
  };
  const before = content({ 'a.example.com': 'sample-1', 'b.example.com': 'sample-1' });
  const cases: Record<string, { after: Record<string, string>; want: string }> = {
    'the server with a new password': { after: { 'a.example.com': 'sample-2', 'b.example.com': 'sample-1' }, want: 'a.example.com' },
    'the server that was added': {
      after: { 'a.example.com': 'sample-1', 'b.example.com': 'sample-1', 'c.example.com': 'sample-1' },
      want: 'c.example.com',
    },
    'the server that was removed': { after: { 'a.example.com': 'sample-1' }, want: 'b.example.com' },
    'all of them': { after: { 'c.example.com': 'sample-1' }, want: 'a.example.com, b.example.com, c.example.com' },
  };
  for (const [what, { after, want }] of Object.entries(cases))
    it(what, () => {
      const message = formatChangedServers(before, content(after));
      expect(message).to.equal(want).and.not.contain('sample');
    });

  it('the first ten servers of many', () => {
    const many = content(
      Object.fromEntries(Array.from({ length: 13 }, (_, n) => [`r${String(n).padStart(2, '0')}.example.com`, 'sample-1'])),
    );
    const message = formatChangedServers(before, many);
    expect(message.split(', ')).to.have.lengthOf(10);
    expect(message).to.match(/ and 5 more$/);
    const eight = content(Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`r${n}.example.com`, 'sample-1'])));
    expect(formatChangedServers(before, eight)).to.match(/^a\.example\.com, .*, r7\.example\.com$/);
  });
});
