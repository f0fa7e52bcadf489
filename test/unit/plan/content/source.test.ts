import { expect } from 'chai';
import { problemWithSource } from '../../../../src/plan/content/source.ts';
import { source } from '../../../support/builders.ts';

const BASIC = 'kubernetes.io/basic-auth';
const plain = { username: 'robot', password: 'sample-password' };

describe('A source', () => {
  const ref = { namespace: 'regcred-system', name: 'robot' };
  const carrying = (uid: string) => ({
    state: 'present' as const,
    secret: source(BASIC, plain, { labels: { 'regcred.dev/credential-uid': uid } }),
  });

  it('that is missing cannot be used', () => {
    expect(problemWithSource(ref, { state: 'missing' }, 'uid-acme'))
      .to.deep.include({ reason: 'SourceMissing' })
      .and.have.property('message')
      .that.contains('regcred-system/robot does not exist');
  });
  it('that is unreadable cannot be used, and the message says why', () => {
    expect(problemWithSource(ref, { state: 'unreadable', why: 'forbidden' }, 'uid-acme')).to.deep.equal({
      reason: 'SourceUnreadable',
      message: 'Secret regcred-system/robot cannot be read: forbidden',
    });
  });
  it('in a namespace that is not allowed cannot be used, and the message lists the allowed ones', () => {
    expect(problemWithSource(ref, { state: 'notAllowed', allowed: ['vault', 'ops'] }, 'uid-acme', 'ghcr.io')).to.deep.equal({
      reason: 'SourceNotAllowed',
      message:
        'Secret regcred-system/robot (server ghcr.io) is not read, because the operator runs with --source-namespaces=vault,ops. Move the Secret into one of these namespaces, or add regcred-system to the flag.',
    });
  });
  it('that the credential itself created cannot be used', () => {
    expect(problemWithSource(ref, carrying('uid-acme'), 'uid-acme')).to.have.property('reason', 'SourceIsOwnOutput');
  });
  it('that another credential created can be used', () =>
    expect(problemWithSource(ref, carrying('uid-other'), 'uid-acme')).to.equal(undefined));
});
