import { expect } from 'chai';
import type { AccountRecord, PodRecord } from '../../../src/api/records.ts';
import type { Intent } from '../../../src/plan/intent.ts';
import { type Done, makesAgain, planRecovery, sayCause, sight } from '../../../src/plan/recovery.ts';
import { account, content, intent, pod } from '../../support/builders.ts';

const NOW = content();
const BEFORE = content('former-sample');
const referring = (...names: string[]) => account({ pullSecrets: names.map((name) => ({ name })), changedAt: 100 });
const owner = (apiVersion: string, kind: string) => ({ owner: { apiVersion, kind, name: 'web', uid: 'uid-web', controller: true } });

interface Case {
  readonly pod?: Partial<PodRecord>;
  readonly account?: AccountRecord | undefined;
  readonly intents?: readonly Intent[];
  /** What is in the Secrets now, and what was in them when the pod was last tried. */
  readonly placed?: Record<string, string>;
  readonly tried?: Record<string, string>;
  readonly done?: Done;
  /** `maker: credential (why)`; undefined: it is left to the kubelet. */
  readonly want: string | undefined;
}

function decided(test: Case): string | undefined {
  const it = pod(test.pod);
  const sighting = sight(it, new Map(Object.entries(test.tried ?? {})), undefined);
  const there = {
    account: 'account' in test ? test.account : referring('acme'),
    placed: new Map(Object.entries(test.placed ?? { acme: NOW.hash })),
    intents: test.intents ?? [intent()],
  };
  const plan = planRecovery(it, there, sighting, test.done ?? new Map());
  return plan && `${plan.maker}: ${plan.causes.map(({ credential, why }) => `${credential} (${why})`).join(', ')}`;
}

const docs = intent({ name: 'docs', content: content('sample-password', 'docs.example.com') });
const both = { failing: ['registry.example.com/app:1', 'docs.example.com/site'] };
const once = `uid-acme ${NOW.hash} uid-web`;
const RECREATED = 'controller: acme (no reference)';

describe('A pod that waits for its image', () => {
  const cases: Record<string, Record<string, Case>> = {
    'and lacks the reference': {
      'is made anew once its account has it': { want: RECREATED },
      'waits as long as its account has none': { account: referring(), want: undefined },
      'waits as long as its account is not known': { account: undefined, want: undefined },
      'waits as long as the Secret is not there': { placed: {}, want: undefined },
      'waits as long as the Secret has other content than it should': { placed: { acme: BEFORE.hash }, want: undefined },
      'waits for a credential without any content yet': { intents: [intent({ content: undefined })], want: undefined },
      'is made anew, though the account gave it another name: that was not its own': {
        pod: { pullSecrets: ['internal'] },
        account: referring('internal', 'acme'),
        want: RECREATED,
      },
      'is left alone where its template has a list of its own: the next would lack it as well': {
        pod: { pullSecrets: ['own'] },
        want: undefined,
      },
      'is made anew where it was made a moment after the account got it: admission may have been behind': {
        pod: { createdAt: 102 },
        want: RECREATED,
      },
      'is left alone where it was made later: so would the next be': { pod: { createdAt: 103 }, want: undefined },
    },
    'and has the reference': {
      'is made anew where the pull failed with former content': {
        pod: { pullSecrets: ['acme'] },
        tried: { acme: BEFORE.hash },
        want: 'controller: acme (other content)',
      },
      'is left to the kubelet where it failed with the present content': {
        pod: { pullSecrets: ['acme'] },
        tried: { acme: NOW.hash },
        want: undefined,
      },
      'is left to the kubelet where there was no Secret then: it tries again by itself': {
        pod: { pullSecrets: ['acme'] },
        want: undefined,
      },
    },
    'counts by its images:': {
      'one that no credential covers': { pod: { failing: ['elsewhere.example.com/app'] }, want: undefined },
      'one that a longer path of the credential does not cover': {
        intents: [intent({ content: content('sample-password', 'registry.example.com/team') })],
        placed: { acme: content('sample-password', 'registry.example.com/team').hash },
        want: undefined,
      },
      'one that is no image': { pod: { failing: ['registry.example.com/APP'] }, want: undefined },
      'on Docker Hub by its short name': {
        pod: { failing: ['acme/app'] },
        intents: [intent({ content: content('sample-password', 'https://index.docker.io/v1/') })],
        placed: { acme: content('sample-password', 'https://index.docker.io/v1/').hash },
        want: RECREATED,
      },
      'two, of which one is not covered: it would hang all the same': { pod: both, want: undefined },
      'two of two credentials': {
        pod: both,
        account: referring('acme', 'docs'),
        intents: [intent(), docs],
        placed: { acme: NOW.hash, docs: docs.content?.hash ?? '' },
        want: 'controller: acme (no reference), docs (no reference)',
      },
      'two of two credentials, one of which it has': {
        pod: { ...both, pullSecrets: ['docs'] },
        account: referring('docs', 'acme'),
        intents: [intent(), docs],
        placed: { acme: NOW.hash, docs: docs.content?.hash ?? '' },
        want: RECREATED,
      },
      'covered only by a credential that does not ask for recovery': { intents: [], want: undefined },
    },
    'counts by who made it:': {
      'a StatefulSet': { pod: owner('apps/v1', 'StatefulSet'), want: RECREATED },
      'a DaemonSet': { pod: owner('apps/v1', 'DaemonSet'), want: RECREATED },
      'a Job, which has to be asked': { pod: owner('batch/v1', 'Job'), want: 'job: acme (no reference)' },
      'a controller, while a container of it runs: it is only told of': { pod: { running: true }, want: 'nobody: acme (no reference)' },
      'nobody: it is only told of': { pod: { owner: undefined }, want: 'nobody: acme (no reference)' },
      'a Job of another API: it is only told of': { pod: owner('batch.volcano.sh/v1alpha1', 'Job'), want: 'nobody: acme (no reference)' },
      'a node, of which it is a static pod': { pod: owner('v1', 'Node'), want: 'nobody: acme (no reference)' },
    },
    'is done with once for its owner and content:': {
      'one that was there the first time has its turn': { done: new Map([[once, new Set(['uid-web-1', 'uid-web-2'])]]), want: RECREATED },
      'one that was made later has not': { done: new Map([[once, new Set(['uid-web-2'])]]), want: undefined },
      'but has for other content': { done: new Map([[`uid-acme ${BEFORE.hash} uid-web`, new Set<string>()]]), want: RECREATED },
      'and for another credential': { done: new Map([[`uid-docs ${NOW.hash} uid-web`, new Set<string>()]]), want: RECREATED },
    },
    'is left alone': {
      'while it is being deleted': { pod: { terminating: true }, want: undefined },
      'with the opt-out label': { pod: { excluded: true }, want: undefined },
    },
  };
  for (const [which, table] of Object.entries(cases)) {
    describe(which, () => {
      for (const [what, test] of Object.entries(table)) it(what, () => expect(decided(test)).to.equal(test.want));
    });
  }

  it('is told why, with the names that one looks for', () => {
    const [missing, other] = (['no reference', 'other content'] as const).map((why) =>
      sayCause(pod(), { credential: 'acme', secretName: 'pull', image: 'registry.example.com/app:1', why, once }),
    );
    expect(missing).to.equal(
      'RegistryCredential acme covers registry.example.com/app:1, but the pod was made before ServiceAccount default referred to the Secret pull, and the pull secrets of a pod cannot be changed',
    );
    expect(other).to.contain('the last pull failed with what was in the Secret pull before');
  });
});

describe('What a pod was tried with', () => {
  const hangs = { pullSecrets: ['acme', 'foreign'] };
  const first = sight(pod({ ...hangs, tried: true }), new Map([['acme', 'one']]), undefined);
  const next = (mods: Partial<PodRecord>) => sight(pod({ ...hangs, ...mods }), new Map([['acme', 'two']]), first).triedWith.get('acme');

  it('is what was in the Secrets of ours when it was first seen to hang', () =>
    expect([...first.triedWith]).to.deep.equal([['acme', 'one']]));
  it('stays that while it waits for its next turn', () => expect(next({ resourceVersion: '2' })).to.equal('one'));
  it('stays that while nothing is new', () => expect(next({ tried: true })).to.equal('one'));
  it('is what is in them when it fails anew', () => expect(next({ tried: true, resourceVersion: '2' })).to.equal('two'));
  it('is not that of another pod of its name', () => expect(next({ uid: 'uid-next' })).to.equal('two'));
});

describe('A Job', () => {
  const job = (failed: number, backoffLimit: number, countsOtherwise = false) => ({ failed, backoffLimit, countsOtherwise });
  it('makes a pod again as long as it may fail once more', () => expect(makesAgain(job(5, 6), 1)).to.equal(true));
  it('does not where this would be the last failure', () => expect(makesAgain(job(6, 6), 1)).to.equal(false));
  it('does not with backoffLimit 0', () => expect(makesAgain(job(0, 0), 1)).to.equal(false));
  it('has to have enough left for all of its pods that hang', () => expect(makesAgain(job(0, 2), 3)).to.equal(false));
  it('that counts in ways of its own is not relied upon', () => expect(makesAgain(job(0, 6, true), 1)).to.equal(false));
});
