import { expect } from 'chai';
import { exitCodeOf, explainPause, explainTimeout, progressOf } from '../../../src/cli/check/progress.ts';
import type { RegistryRow } from '../../../src/cli/registries-view.ts';
import type { Credential } from '../../../src/cli/status-view.ts';
import { ago, condition, NOW } from '../../support/statuses.ts';

const row = (result: string, checkedAt?: string, server = 'ghcr.io'): RegistryRow => ({ server, result, ...(checkedAt && { checkedAt }) });

function credential(
  registries?: readonly RegistryRow[],
  status: Credential['status'] = {},
  metadata: object = {},
  mode = 'Report',
): Credential {
  return {
    metadata: { name: 'acme', generation: 1, ...metadata },
    spec: { verification: { mode, interval: '6h' } } as Credential['spec'],
    status: { observedGeneration: 1, ...(registries && { registries: [...registries] }), ...status },
  };
}

describe('The progress of check', () => {
  const OLD = ago(3600);
  const NEW = ago(0);
  const before = credential([row('Proven', OLD)]);

  const cases: Record<string, { before?: Credential; now: Credential; want: string }> = {
    'waits for a newer answer': { now: before, want: 'waiting for ghcr.io' },
    'is at its end with a newer answer': { now: credential([row('Proven', NEW)]), want: 'answered' },
    'is at its end with a newer answer that is a refusal': { now: credential([row('Refused', NEW)]), want: 'answered' },
    'waits for each server': { now: credential([row('Proven', NEW), row('Pending', undefined, 'quay.io')]), want: 'waiting for quay.io' },
    'waits for the first answer': { before: credential(), now: credential([row('Pending')]), want: 'waiting for ghcr.io' },
    'does not wait for a pattern': { now: credential([row('Proven', NEW), row('NotAsked', undefined, '*.example.com')]), want: 'answered' },
    'waits for an address that was looked up and must not be asked': {
      before: credential([row('NotAsked', OLD)]),
      now: credential([row('NotAsked', OLD)]),
      want: 'waiting for ghcr.io',
    },
    'waits while the status names no server': { now: credential(), want: 'waiting for ' },
    'waits until the operator has observed the present spec': {
      now: credential([row('Proven', NEW)], {}, { generation: 2 }),
      want: 'waiting for ',
    },
    'ends with mode None': { now: credential([row('NotAsked')], {}, {}, 'None'), want: 'impossible: mode None' },
    'ends if the operator asks no registry': {
      now: credential([row('NotAsked')], { conditions: [condition('Verified', 'Unknown', 'VerificationDisabled')] }),
      want: 'impossible: --verification=off',
    },
    'does not end because an older spec had mode None': {
      now: credential([row('NotAsked')], { conditions: [condition('Verified', 'Unknown', 'VerificationDisabled')] }, { generation: 2 }),
      want: 'waiting for ',
    },
    'ends if the credential is being deleted': { now: credential([], {}, { deletionTimestamp: NEW }), want: 'impossible: being deleted' },
  };
  for (const [what, { before: earlier = before, now, want }] of Object.entries(cases)) {
    it(what, () => {
      const progress = progressOf(earlier, now);
      switch (progress.state) {
        case 'answered':
          return expect(want).to.equal('answered');
        case 'waiting':
          return expect(`waiting for ${progress.outstanding.map(({ server }) => server)}`).to.equal(want);
        case 'impossible':
          expect(want).to.match(/^impossible: /);
          return expect(progress.message).to.contain(want.replace('impossible: ', ''));
        default:
          return progress satisfies never;
      }
    });
  }
});

describe('check', () => {
  it('says how long the limit of one request a minute delays the answers', () =>
    expect(explainPause({ name: 'acme' }, [row('Proven', ago(20)), row('Proven', ago(45), 'https://index.docker.io/v1/')], NOW))
      .to.contain('once a minute at most')
      .and.contain('asked ghcr.io, docker.io less than a minute ago')
      .and.contain('about 40 s'));

  it('names the command and the kind of a tenant’s credential', () => {
    const metadata = { name: 'acme', namespace: 'team-a' };
    expect(explainPause(metadata, [row('Proven', ago(20))], NOW)).to.contain('kubectl regcred status acme -n team-a shows');
    const now = credential([row('NotAsked')], {}, metadata, 'None');
    expect(progressOf(now, now)).to.have.property('message').that.contains('NamespacedRegistryCredential team-a/acme has');
  });

  it('does not blame the limit for a server that was not asked in the last minute', () =>
    expect(explainPause({ name: 'acme' }, [row('Proven', ago(60)), row('Pending')], NOW)).to.equal(undefined));

  const timeouts: Record<string, { now: Credential; outstanding?: RegistryRow[]; want: string }> = {
    'the operator that does not observe it': { now: credential([], {}, { generation: 2 }), want: 'kubectl get deployment' },
    'the sources that hold no credentials': {
      now: credential([], { conditions: [condition('SourcesReady', 'False', 'SourceMissing', 'Secret sources/robot does not exist.')] }),
      want: 'no credentials for any registry. Secret sources/robot does not exist.',
    },
    'a server without an answer': { now: credential(), outstanding: [row('Pending')], want: 'no new answer of ghcr.io. Wait longer' },
    'the limit of one request a minute': {
      now: credential(),
      outstanding: [row('Proven', ago(20))],
      want: 'about 40 s; kubectl regcred status acme shows the last one. Wait longer',
    },
  };
  for (const [what, { now, outstanding = [], want }] of Object.entries(timeouts)) {
    it(`names ${what} as the cause of a timeout`, () =>
      expect(explainTimeout(now, outstanding, { timeoutSeconds: 10, at: NOW }))
        .to.match(/^After 10 s /)
        .and.contain(want));
  }

  const codes: Record<string, number> = { Proven: 0, NotRefused: 0, Public: 0, NotAsked: 0, Refused: 1, Unreachable: 1 };
  for (const [result, code] of Object.entries(codes)) {
    it(`has exit code ${code} if one server is ${result} and the others are Proven`, () =>
      expect(exitCodeOf([row('Proven'), row(result), row('Proven')])).to.equal(code));
  }
});
