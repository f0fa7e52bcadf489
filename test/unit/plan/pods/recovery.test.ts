import { expect } from 'chai';
import { refOf } from '../../../../src/api/credential-ref.ts';
import type { AccountRecord, PodRecord } from '../../../../src/api/records.ts';
import type { Intent } from '../../../../src/plan/placement/intent.ts';
import { type EvictedFor, formatCause, jobRecreates, observePullAttempt, planRecovery } from '../../../../src/plan/pods/recovery.ts';
import { account, content, credential, intent, pod } from '../../../support/builders.ts';

const NOW = content();
const BEFORE = content('former-sample');
const referring = (...names: string[]) => account({ pullSecrets: names.map((name) => ({ name })), changedAt: 100 });
const owner = (apiVersion: string, kind: string) => ({ owner: { apiVersion, kind, name: 'web', uid: 'uid-web', controller: true } });

interface Case {
  readonly pod?: Partial<PodRecord>;
  readonly account?: AccountRecord | undefined;
  readonly intents?: readonly Intent[];
  /** By Secret: the hash of its content now, and of its content when the pod was last tried. */
  readonly placed?: Record<string, string>;
  readonly tried?: Record<string, string>;
  readonly evictedFor?: EvictedFor;
  /** `recreatedBy: credential (why)`; undefined: the pod is left to the kubelet. */
  readonly want: string | undefined;
}

function decisionOn(test: Case): string | undefined {
  const it = pod(test.pod);
  const pullAttempt = observePullAttempt(it, new Map(Object.entries(test.tried ?? {})), undefined);
  const surroundings = {
    account: 'account' in test ? test.account : referring('acme'),
    placed: new Map(Object.entries(test.placed ?? { acme: NOW.hash })),
    intents: test.intents ?? [intent()],
  };
  const plan = planRecovery(it, surroundings, pullAttempt, test.evictedFor ?? new Map());
  return plan && `${plan.recreatedBy}: ${plan.causes.map(({ credential, kind }) => `${credential.name} (${kind})`).join(', ')}`;
}

const docs = intent({ name: 'docs', content: content('sample-password', 'docs.example.com') });
const both = { failingImages: ['registry.example.com/app:1', 'docs.example.com/site'] };
const once = `uid-acme ${NOW.hash} uid-web`;
const RECREATED = 'controller: acme (no reference)';

describe('A pod that waits for its image', () => {
  const cases: Record<string, Record<string, Case>> = {
    'and lacks the reference': {
      'is re-created once its account has the reference': { want: RECREATED },
      'waits as long as its account lacks the reference': { account: referring(), want: undefined },
      'waits as long as its account is unknown': { account: undefined, want: undefined },
      'waits as long as the Secret is missing': { placed: {}, want: undefined },
      'waits as long as the Secret does not have the desired content': { placed: { acme: BEFORE.hash }, want: undefined },
      'waits as long as the credential has no content': { intents: [intent({ content: undefined })], want: undefined },
      'is re-created if its other pull secret came from the account': {
        pod: { pullSecrets: ['internal'] },
        account: referring('internal', 'acme'),
        want: RECREATED,
      },
      'is left alone if its template has its own list, because its successor would lack the reference too': {
        pod: { pullSecrets: ['own'] },
        want: undefined,
      },
      'is re-created if it was created a moment after the account got the reference, because admission may lag': {
        pod: { createdAt: 102 },
        want: RECREATED,
      },
      'is left alone if it was created later, because its successor would lack the reference too': {
        pod: { createdAt: 103 },
        want: undefined,
      },
    },
    'and has the reference': {
      'is re-created if the pull failed with former content': {
        pod: { pullSecrets: ['acme'] },
        tried: { acme: BEFORE.hash },
        want: 'controller: acme (other content)',
      },
      'is left to the kubelet if the pull failed with the present content': {
        pod: { pullSecrets: ['acme'] },
        tried: { acme: NOW.hash },
        want: undefined,
      },
      'is left to the kubelet if there was no Secret when it was tried': {
        pod: { pullSecrets: ['acme'] },
        want: undefined,
      },
    },
    'depends on its images:': {
      'one that no credential covers': { pod: { failingImages: ['elsewhere.example.com/app'] }, want: undefined },
      'one that a longer path of the credential does not cover': {
        intents: [intent({ content: content('sample-password', 'registry.example.com/team') })],
        placed: { acme: content('sample-password', 'registry.example.com/team').hash },
        want: undefined,
      },
      'one that is not a valid image': { pod: { failingImages: ['registry.example.com/APP'] }, want: undefined },
      'one on Docker Hub with its short name': {
        pod: { failingImages: ['acme/app'] },
        intents: [intent({ content: content('sample-password', 'https://index.docker.io/v1/') })],
        placed: { acme: content('sample-password', 'https://index.docker.io/v1/').hash },
        want: RECREATED,
      },
      'two, of which one is not covered, so its successor would be stuck too': { pod: both, want: undefined },
      'two of two credentials': {
        pod: both,
        account: referring('acme', 'docs'),
        intents: [intent(), docs],
        placed: { acme: NOW.hash, docs: docs.content?.hash ?? '' },
        want: 'controller: acme (no reference), docs (no reference)',
      },
      'two of two credentials, of which it refers to one': {
        pod: { ...both, pullSecrets: ['docs'] },
        account: referring('docs', 'acme'),
        intents: [intent(), docs],
        placed: { acme: NOW.hash, docs: docs.content?.hash ?? '' },
        want: RECREATED,
      },
      'one that only a credential without podRecovery covers': { intents: [], want: undefined },
    },
    'depends on its owner:': {
      'a StatefulSet': { pod: owner('apps/v1', 'StatefulSet'), want: RECREATED },
      'a DaemonSet': { pod: owner('apps/v1', 'DaemonSet'), want: RECREATED },
      'a Job, which must be asked first': { pod: owner('batch/v1', 'Job'), want: 'job: acme (no reference)' },
      'a controller, while one of its containers runs: it is only reported': {
        pod: { hasRunningContainer: true },
        want: 'nobody: acme (no reference)',
      },
      'none: it is only reported': { pod: { owner: undefined }, want: 'nobody: acme (no reference)' },
      'a Job of another API group: it is only reported': {
        pod: owner('batch.volcano.sh/v1alpha1', 'Job'),
        want: 'nobody: acme (no reference)',
      },
      'a node, because it is a static pod: it is only reported': { pod: owner('v1', 'Node'), want: 'nobody: acme (no reference)' },
    },
    'is evicted once for its owner and content:': {
      'one that existed at the first eviction is evicted': {
        evictedFor: new Map([[once, new Set(['uid-web-1', 'uid-web-2'])]]),
        want: RECREATED,
      },
      'one that was created later is not': { evictedFor: new Map([[once, new Set(['uid-web-2'])]]), want: undefined },
      'one that was created later is evicted for other content': {
        evictedFor: new Map([[`uid-acme ${BEFORE.hash} uid-web`, new Set<string>()]]),
        want: RECREATED,
      },
      'one that was created later is evicted for another credential': {
        evictedFor: new Map([[`uid-docs ${NOW.hash} uid-web`, new Set<string>()]]),
        want: RECREATED,
      },
    },
    'is left alone': {
      'while it is being deleted': { pod: { terminating: true }, want: undefined },
      'with the opt-out label': { pod: { isOptedOut: true }, want: undefined },
    },
  };
  for (const [which, table] of Object.entries(cases)) {
    describe(which, () => {
      for (const [what, test] of Object.entries(table)) it(what, () => expect(decisionOn(test)).to.equal(test.want));
    });
  }

  it('has a cause with the names of the credential, the image, the account and the Secret', () => {
    const [missing, other] = (['no reference', 'other content'] as const).map((kind) =>
      formatCause(pod(), {
        credential: refOf(credential()),
        secretName: 'pull',
        image: 'registry.example.com/app:1',
        kind,
        evictionId: '',
      }),
    );
    expect(missing).to.equal(
      'RegistryCredential acme covers registry.example.com/app:1, but the pod was created before ServiceAccount default referred to the Secret pull, and the pull secrets of a pod cannot be changed',
    );
    expect(other).to.contain('the last pull failed with an earlier content of the Secret pull');
  });
});

describe('The content with which a pod was tried', () => {
  const stuck = { pullSecrets: ['acme', 'foreign'] };
  const first = observePullAttempt(pod({ ...stuck, hasJustTried: true }), new Map([['acme', 'one']]), undefined);
  const next = (mods: Partial<PodRecord>) =>
    observePullAttempt(pod({ ...stuck, ...mods }), new Map([['acme', 'two']]), first).triedWith.get('acme');

  it('is that of the managed Secrets when the pod was first observed to be stuck', () =>
    expect([...first.triedWith]).to.deep.equal([['acme', 'one']]));
  it('stays the same while the pod backs off', () => expect(next({ resourceVersion: '2' })).to.equal('one'));
  it('stays the same while the pod does not change', () => expect(next({ hasJustTried: true })).to.equal('one'));
  it('is the present content when the pull fails again', () => expect(next({ hasJustTried: true, resourceVersion: '2' })).to.equal('two'));
  it('does not come from another pod of the same name', () => expect(next({ uid: 'uid-next' })).to.equal('two'));
});

describe('A Job', () => {
  const job = (failed: number, backoffLimit: number, countsOtherwise = false) => ({ failed, backoffLimit, countsOtherwise });
  it('re-creates a pod as long as one more failure is allowed', () => expect(jobRecreates(job(5, 6), 1)).to.equal(true));
  it('does not if this would be one failure too many', () => expect(jobRecreates(job(6, 6), 1)).to.equal(false));
  it('does not with backoffLimit 0', () => expect(jobRecreates(job(0, 0), 1)).to.equal(false));
  it('does not if it has more stuck pods than failures left', () => expect(jobRecreates(job(0, 2), 3)).to.equal(false));
  it('that counts failures in another way is not relied on', () => expect(jobRecreates(job(0, 6, true), 1)).to.equal(false));
});
