import { expect } from 'chai';
import type { PodPolicyState } from '../../../src/api/records.ts';
import { Kube } from '../../../src/kube/client.ts';
import { PodPolicy } from '../../../src/kube/pod-policy.ts';
import { eventually } from '../../support/eventually.ts';
import { type Answer, type ApiServer, json, refusal, serve } from './apiserver.ts';

const POLICIES = 'mutatingadmissionpolicies';
const BINDINGS = 'mutatingadmissionpolicybindings';
const there = json(200, {
  metadata: { resourceVersion: '7' },
  items: [{ metadata: { name: 'regcred.dev', uid: 'sample-uid', resourceVersion: '5' } }],
});
const absent = json(200, { metadata: { resourceVersion: '7' }, items: [] });
const unserved = refusal(404, 'NotFound', 'the server could not find the requested resource');
const forbidden = refusal(403, 'Forbidden', 'you may not');
const broken = refusal(500, 'InternalError', 'broken');

describe('Whether the policy is there that adds our names to pods', () => {
  let server: ApiServer;
  let kube: Kube;
  let abort: AbortController;
  let policy: PodPolicy;
  /** What was said of interruptions. */
  let said: string[];
  let answers: Record<string, Answer>;
  let retryMs: number;

  async function look(given: Record<string, Answer>): Promise<void> {
    answers = given;
    server = await serve((response, asked) => {
      if (asked.query.watch) return;
      const [version = '', kind = ''] = asked.path.split('/').slice(3);
      expect(asked.query.fieldSelector).to.equal('metadata.name=regcred.dev');
      (answers[`${version}/${kind}`] ?? answers[kind] ?? unserved)(response, asked);
    });
    kube = new Kube(() => server.config());
    const interrupted = (_: unknown, error: unknown) => void said.push((error as Error)?.message ?? 'goes on');
    policy = new PodPolicy({ kube, retryMs: () => retryMs, interrupted, ended: () => {} }, () => {});
    await policy.follow(abort.signal);
  }
  beforeEach(() => {
    abort = new AbortController();
    said = [];
    retryMs = 60_000;
  });
  afterEach(async () => {
    abort.abort();
    await kube.close();
    await server.close();
  });

  const table: Record<string, readonly [Record<string, Answer>, PodPolicyState]> = {
    'it is with its binding': [{ [POLICIES]: there, [BINDINGS]: there }, 'installed'],
    'it is not without its binding': [{ [POLICIES]: there, [BINDINGS]: absent }, 'notInstalled'],
    'it is not where there is the binding alone': [{ [POLICIES]: absent, [BINDINGS]: there }, 'notInstalled'],
    'it is in an older version of the API': [{ [`v1beta1/${POLICIES}`]: there, [`v1beta1/${BINDINGS}`]: there }, 'installed'],
    'it cannot be where the API server knows of none': [{}, 'notServed'],
    'it is not said where we may not look': [{ [POLICIES]: forbidden, [BINDINGS]: forbidden }, 'unreadable'],
    'it is not said where we may look at one alone': [{ [POLICIES]: there, [BINDINGS]: forbidden }, 'unreadable'],
    'it is not known where there is no answer': [{ [POLICIES]: broken, [BINDINGS]: there }, 'unknown'],
  };
  for (const [what, [given, want]] of Object.entries(table)) {
    it(what, async () => {
      await look(given);
      expect(policy.state).to.equal(want);
    });
  }

  it('is asked once in each version where it is not served, and nothing is said of that', async () => {
    await look({});
    expect(server.asked.map(({ path }) => path).sort()).to.deep.equal(
      ['v1', 'v1', 'v1beta1', 'v1beta1']
        .map((version, at) => `/apis/admissionregistration.k8s.io/${version}/${[POLICIES, BINDINGS][at % 2]}`)
        .sort(),
    );
    expect(said).to.deep.equal([]);
  });

  it('is said of what else is in the way, and comes to be known when it no longer is', async () => {
    retryMs = 1;
    await look({ [POLICIES]: forbidden, [BINDINGS]: there });
    expect(said).to.include('you may not');
    answers = { [POLICIES]: there, [BINDINGS]: there };
    await eventually('it is known', () => expect(policy.state).to.equal('installed'));
  });

  it('comes to be known when the cluster is upgraded', async () => {
    retryMs = 1;
    await look({});
    answers = { [`v1/${POLICIES}`]: there, [`v1/${BINDINGS}`]: there };
    await eventually('it is known', () => expect(policy.state).to.equal('installed'));
  });
});
