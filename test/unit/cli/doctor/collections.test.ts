import { expect } from 'chai';

import { examineAccount, examineCluster, examineWorkload } from '../../../../src/cli/doctor/collections.ts';
import type { Pod, ReadResult, SeenCredentials, Step, Surroundings } from '../../../../src/cli/doctor/observed.ts';
import { worstPod } from '../../../../src/cli/doctor/worst-pod.ts';
import { account } from '../../../support/builders.ts';
import {
  acme,
  around,
  container,
  existing,
  failing,
  forbidden,
  found,
  missing,
  pod,
  READY,
  referring,
  verdictOf,
} from '../../../support/doctor.ts';

const named = (name: string, mods: Partial<Pod> = {}, createdAt = existing.createdAt): Pod =>
  pod({ existing: { ...existing, name, createdAt }, ...mods });
const pulled = container({ imageState: { status: 'pulled' } });
const fine = (name: string) => named(name, { containers: [pulled] });
const waiting = (name: string, namespace = 'shop') => named(name, { namespace, containers: [failing('no')] });

describe('The worst pod', () => {
  const cases: Record<string, { pods: Pod[]; want: string | undefined }> = {
    'is one that waits for an image': { pods: [fine('a'), waiting('b'), fine('c')], want: 'b' },
    'is the one in which most containers wait': {
      pods: [waiting('a'), named('b', { containers: [failing('no'), failing('no')] }), waiting('c')],
      want: 'b',
    },
    'is else one that has no image yet': { pods: [fine('a'), named('b')], want: 'b' },
    'is else the newest': { pods: [fine('a'), named('b', { containers: [pulled] }, '2026-01-08T11:30:00Z')], want: 'b' },
    'does not exist without pods': { pods: [], want: undefined },
  };
  for (const [what, { pods, want }] of Object.entries(cases)) it(what, () => expect(worstPod(pods)?.existing?.name).to.equal(want));
});

/** Of the last step. */
const lastOf = (steps: readonly Step[]) => {
  const { mark, reason, message } = steps.at(-1) as Step;
  return `${mark} ${reason}: ${message}`;
};

describe('The doctor finds about the pods of a workload', () => {
  const cases: Record<string, { pods: ReadResult<readonly Pod[]>; want: string }> = {
    'that one of them waits': {
      pods: found([fine('a'), waiting('b')]),
      want: 'wrong PodsWait: 1 of 2 pods waits for an image; pod/b follows below.',
    },
    'that none waits': { pods: found([fine('a'), fine('b')]), want: 'ok NoneWaits: None of its 2 pods waits for an image' },
    'that there is none': { pods: found([]), want: 'note NoPods: It has no pods at present.' },
    'which right is missing to list them': {
      pods: forbidden('list pods in namespace shop'),
      want: 'unseen Forbidden: The pods cannot be listed.',
    },
  };
  for (const [what, { pods, want }] of Object.entries(cases)) it(what, () => expect(lastOf(examineWorkload([], pods))).to.contain(want));
});

describe('The doctor finds about a ServiceAccount', () => {
  const template = pod({ existing: undefined, pullSecrets: ['acme'], written: [], containers: [] });
  const steps = (surroundings: Surroundings, of = template) => examineAccount([], { pod: of, surroundings, pods: found([]) });

  it('that its pods get the name of the credential that selects it', () => expect(verdictOf(steps(around()))).to.equal('fine'));
  it('that the operator has not added the name yet', () =>
    expect(verdictOf(steps(around({ account: found(account()) }), { ...template, pullSecrets: [] }))).to.equal(
      'wrong Credential NotReferenced',
    ));
  it('that a credential does not select it, which may be intended', () => {
    const other = acme({ spec: { serviceAccounts: { names: ['builder'] } } });
    const all = steps(around({ account: found(referring()), credentials: found([other]) }), { ...template, pullSecrets: [] });
    expect(verdictOf(all)).to.equal('fine');
    expect(all.find(({ check }) => check === 'Credential')).to.include({ mark: 'note', reason: 'AccountNotMatched' });
  });
  it('nothing about a credential that does not select its namespace', () => {
    const elsewhere = acme({ spec: { namespaces: { names: ['team-*'] } } });
    expect(steps(around({ credentials: found([elsewhere]) })).filter(({ check }) => check === 'Credential')).to.deep.equal([]);
  });
});

describe('The doctor finds about all namespaces', () => {
  const none = found([] as Pod[]);
  const notReady = acme({
    name: 'other',
    status: { conditions: [{ ...READY, status: 'False', reason: 'SourceMissing', message: 'Create it.' }] },
  });
  const cases: Record<string, { credentials?: SeenCredentials; pods?: ReadResult<readonly Pod[]>; want: string; says?: string }> = {
    'that all is well': { want: 'fine', says: 'RegistryCredential acme is Ready (Synced).' },
    'which credential is not Ready': { credentials: found([acme(), notReady]), want: 'wrong Credential SourceMissing', says: 'Create it.' },
    'in which namespaces pods wait': {
      pods: found([waiting('a', 'team-a'), waiting('b'), waiting('c')]),
      want: 'wrong Kubelet PodsWait',
      says: '3 pods wait for an image (shop 2, team-a 1). The first 2 follow below.',
    },
    'that regcred is not installed': { credentials: missing, want: 'wrong Credential NotInstalled' },
    'which right is missing to list the pods': { pods: forbidden('list pods in all namespaces'), want: 'unseen Kubelet Forbidden' },
    'the credentials of tenants, and which right is missing to list the others': {
      credentials: { ...found([acme({ kind: 'NamespacedRegistryCredential', namespace: 'team-a' })]), hidden: 'list registrycredentials' },
      want: 'unseen Credential Forbidden',
      says: 'NamespacedRegistryCredential team-a/acme is Ready (Synced).',
    },
    'which right is missing to list the credentials': { credentials: forbidden('list'), want: 'unseen Credential Forbidden' },
  };
  for (const [what, { credentials = found([acme()]), pods = none, want, says = '' }] of Object.entries(cases)) {
    it(what, () => {
      const all = examineCluster(credentials, pods, 2);
      expect(verdictOf(all)).to.equal(want);
      expect(all.map(({ message }) => message).join('\n')).to.contain(says);
    });
  }
});
