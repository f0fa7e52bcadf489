import { expect } from 'chai';
import type { PodPolicyState } from '../../../src/api/records.ts';
import { PodPolicy } from '../../../src/cluster/pod-policy.ts';
import { KubeClient } from '../../../src/kube/client.ts';
import { Timeline } from '../../../src/kube/timeline.ts';
import { soon } from '../../support/eventually.ts';
import { type Answer, type ApiServer, json, refusal, serve } from '../kube/apiserver.ts';

const POLICIES = 'mutatingadmissionpolicies';
const BINDINGS = 'mutatingadmissionpolicybindings';
const reading = (kind: string) =>
  json(200, {
    metadata: { resourceVersion: '7' },
    items: [{ metadata: { name: 'regcred.dev', uid: 'sample-uid', resourceVersion: '5' }, spec: { paramKind: { kind } } }],
  });
const there = reading('PullSecretRules');
const absent = json(200, { metadata: { resourceVersion: '7' }, items: [] });
const unserved = refusal(404, 'NotFound', 'the server could not find the requested resource');
const forbidden = refusal(403, 'Forbidden', 'you may not');
const broken = refusal(500, 'InternalError', 'broken');

describe('The state of the admission policy for pods', () => {
  let server: ApiServer;
  let kube: KubeClient;
  let abort: AbortController;
  let policy: PodPolicy;
  /** The reported interruptions. */
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
    kube = new KubeClient(() => server.config());
    const interrupted = (_: unknown, error: unknown) => void said.push((error as Error)?.message ?? 'recovered');
    policy = new PodPolicy(
      { kube, timeline: new Timeline(), retryMs: () => retryMs, interrupted, outdated: () => {}, ended: () => {} },
      () => {},
    );
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
    'is installed with the policy and its binding': [{ [POLICIES]: there, [BINDINGS]: there }, 'installed'],
    'is that of an earlier version if it reads the RegistryCredentials': [
      { [POLICIES]: reading('RegistryCredential'), [BINDINGS]: there },
      'perCredential',
    ],
    'is not installed without the binding': [{ [POLICIES]: there, [BINDINGS]: absent }, 'notInstalled'],
    'is not installed with only the binding': [{ [POLICIES]: absent, [BINDINGS]: there }, 'notInstalled'],
    'is installed with an older version of the API': [{ [`v1beta1/${POLICIES}`]: there, [`v1beta1/${BINDINGS}`]: there }, 'installed'],
    'is not served if the API server does not know the kinds': [{}, 'notServed'],
    'is unreadable if both lists are forbidden': [{ [POLICIES]: forbidden, [BINDINGS]: forbidden }, 'unreadable'],
    'is unreadable if one list is forbidden': [{ [POLICIES]: there, [BINDINGS]: forbidden }, 'unreadable'],
    'is unknown if there is no answer': [{ [POLICIES]: broken, [BINDINGS]: there }, 'unknown'],
  };
  for (const [what, [given, want]] of Object.entries(table)) {
    it(what, async () => {
      await look(given);
      expect(policy.state).to.equal(want);
    });
  }

  it('is requested once in each version if the API is not served, and nothing is reported', async () => {
    await look({});
    expect(server.asked.map(({ path }) => path).sort()).to.deep.equal(
      ['v1', 'v1', 'v1beta1', 'v1beta1']
        .map((version, at) => `/apis/admissionregistration.k8s.io/${version}/${[POLICIES, BINDINGS][at % 2]}`)
        .sort(),
    );
    expect(said).to.deep.equal([]);
  });

  it('reports other errors, and is known when they end', async () => {
    retryMs = 1;
    await look({ [POLICIES]: forbidden, [BINDINGS]: there });
    expect(said).to.include('you may not');
    answers = { [POLICIES]: there, [BINDINGS]: there };
    await soon('it is known', () => expect(policy.state).to.equal('installed'));
  });

  it('is known after an upgrade of the cluster', async () => {
    retryMs = 1;
    await look({});
    answers = { [`v1/${POLICIES}`]: there, [`v1/${BINDINGS}`]: there };
    await soon('it is known', () => expect(policy.state).to.equal('installed'));
  });
});
