import { expect } from 'chai';
import type { RegistryCredentialSpec, RegistryCredentialStatus } from '../../../../src/api/types.ts';
import { commandIn } from '../../../../src/plan/coverage/fix.ts';
import { needsOf, type WaitingPod } from '../../../../src/plan/coverage/needs.ts';
import { credential } from '../../../support/builders.ts';

type Condition = NonNullable<RegistryCredentialStatus['conditions']>[number];

const condition = (type: string, status: Condition['status'], reason: string, message = `sample message of ${reason}.`): Condition => ({
  type,
  status,
  reason,
  message,
  observedGeneration: 1,
  lastTransitionTime: '2026-11-01T12:00:00Z',
});
const READY = condition('Ready', 'True', 'Synced');
const registries: NonNullable<RegistryCredentialSpec['registries']> = [
  { server: 'ghcr.io', secretRef: { namespace: 'regcred-system', name: 'ghcr-robot' } },
  { server: 'docker.io', secretRef: { namespace: 'regcred-system', name: 'hub-robot' } },
];

/** A credential with these conditions. Ready is True unless a test says otherwise. */
const withConditions = (name: string, conditions: readonly Condition[], status: Partial<RegistryCredentialStatus> = {}) =>
  credential({
    name,
    spec: { registries },
    status: { ...status, conditions: [...(conditions.some(({ type }) => type === 'Ready') ? [] : [READY]), ...conditions] },
  });

const pod = (mods: Partial<WaitingPod> = {}): WaitingPod => ({
  namespace: 'shop',
  name: 'web-0',
  uid: `uid-${mods.name ?? 'web-0'}`,
  owner: { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid: 'uid-web', controller: true },
  images: ['ghcr.io/acme/web:1'],
  reason: 'ImagePullBackOff',
  createdAt: Date.parse('2026-11-01T12:00:00Z'),
  ...mods,
});
const NO_DIAGNOSIS = () => undefined;

describe('What needs a person', () => {
  const table: Record<string, readonly [conditions: readonly Condition[], want: readonly string[]]> = {
    'is nothing if all is well': [[condition('Verified', 'True', 'NotRefused'), condition('Expiring', 'False', 'NotSoon')], []],
    'is nothing while work is under way': [[condition('Ready', 'Unknown', 'Placing')], []],
    'is nothing for a suspended credential': [[condition('Ready', 'Unknown', 'Suspended')], []],
    'is a refusal': [[condition('Verified', 'False', 'RegistryRefused')], ['refused RegistryRefused']],
    'is a refusal once, if Ready reports it too': [
      [condition('Ready', 'False', 'RegistryRefused', 'the same.'), condition('Verified', 'False', 'RegistryRefused', 'the same.')],
      ['refused RegistryRefused'],
    ],
    'is a refusal once, if Ready also says what is held back': [
      [
        condition('Ready', 'False', 'RegistryRefused', 'the same. The last one stays.'),
        condition('Verified', 'False', 'RegistryRefused', 'the same.'),
      ],
      ['refused RegistryRefused'],
    ],
    'is a broken source': [[condition('Ready', 'False', 'SourceMissing')], ['broken SourceMissing']],
    'is an expiry, soon or past': [[condition('Expiring', 'True', 'ExpiresSoon')], ['expiring ExpiresSoon']],
    'is least urgent where the operator retries by itself': [[condition('Ready', 'False', 'Unavailable')], ['unsure Unavailable']],
    'is a status that may be outdated': [[condition('Ready', 'Unknown', 'WatchLost')], ['unsure WatchLost']],
    'begins with what stops pulls now': [
      [
        condition('Expiring', 'True', 'Expired'),
        condition('Ready', 'False', 'Contested'),
        condition('Verified', 'False', 'RegistryRefused'),
      ],
      ['expired Expired', 'refused RegistryRefused', 'broken Contested'],
    ],
  };
  for (const [what, [conditions, want]] of Object.entries(table)) {
    it(what, () => {
      const needs = needsOf([withConditions('acme', conditions)], [], NO_DIAGNOSIS);
      const reasonOf = (message: string) => conditions.find((one) => one.message === message)?.reason;
      expect(needs.map(({ urgency, message }) => `${urgency} ${reasonOf(message)}`)).to.deep.equal(want);
    });
  }

  it('includes a credential that no operator has observed, with the command that shows the operator', () => {
    const [need] = needsOf([credential({ generation: 2, status: { conditions: [READY] } })], [], NO_DIAGNOSIS);
    expect(need).to.include({ urgency: 'unsure', command: 'kubectl get deployment -n regcred-system regcred' });
  });

  it('has commands with the namespace for the credential of a tenant', () => {
    const tenant = (reason: string) =>
      credential({
        kind: 'NamespacedRegistryCredential',
        namespace: 'team-a',
        status: { conditions: [condition('Ready', 'False', reason)] },
      });
    const commands = needsOf([tenant('Contested'), tenant('TokenFetchFailed')], [], NO_DIAGNOSIS).map(({ command }) => command);
    expect(commands).to.deep.equal(['kubectl regcred status acme -n team-a', 'kubectl regcred check acme -n team-a']);
  });

  it('has the status of a credential whose token cannot be fetched, if no registry is asked: then `check` refuses', () => {
    const failed = condition('Ready', 'False', 'TokenFetchFailed');
    const credentials = [
      credential({ spec: { verification: { mode: 'None', interval: '6h' } }, status: { conditions: [failed] } }),
      withConditions('acme', [failed, condition('Verified', 'Unknown', 'VerificationDisabled')]),
    ];
    const commands = needsOf(credentials, [], NO_DIAGNOSIS).map(({ command }) => command);
    expect(commands).to.deep.equal(['kubectl regcred status acme', 'kubectl regcred status acme']);
  });

  it('orders over all credentials and pods: refused, broken, stuck, expiring', () => {
    const needs = needsOf(
      [
        withConditions('later', [condition('Expiring', 'True', 'ExpiresSoon')]),
        withConditions('broken', [condition('Ready', 'False', 'NotJSON')]),
        withConditions('refused', [condition('Verified', 'False', 'RegistryRefused')]),
      ],
      [pod()],
      NO_DIAGNOSIS,
    );
    expect(needs.map(({ title }) => title)).to.deep.equal(['refused', 'broken', 'shop/web-0', 'later']);
  });

  describe('has a command to begin the fix with', () => {
    const fixes: Record<string, readonly [Condition, string]> = {
      'the source that the message names': [
        condition('Verified', 'False', 'RegistryRefused', 'ghcr.io refuses the login of Secret regcred-system/ghcr-robot (HTTP 403).'),
        'kubectl edit secret ghcr-robot -n regcred-system',
      ],
      'the source of the refused server, if the message names none': [
        condition('Verified', 'False', 'RegistryRefused', 'docker.io refuses the login.'),
        'kubectl edit secret hub-robot -n regcred-system',
      ],
      'the source of the server that expires first, if the message names none': [
        condition('Expiring', 'True', 'ExpiresSoon', 'The password expires soon.'),
        'kubectl edit secret ghcr-robot -n regcred-system',
      ],
      'the Secret that is in the way': [
        condition('Ready', 'False', 'SecretExists', 'Secret shop/acme exists and is not managed by regcred.'),
        'kubectl describe secret acme -n shop',
      ],
      'the Secrets beside a missing one': [
        condition('Ready', 'False', 'SourceMissing', 'Secret regcred-system/robot does not exist.'),
        'kubectl get secrets -n regcred-system',
      ],
      'the fetch of a token, if its cause is at the cloud': [
        condition('Ready', 'False', 'TokenFetchFailed', "AWS gives no token to the operator's own identity: AccessDenied. Allow it."),
        'kubectl regcred check acme',
      ],
      'the keys of a token that cannot be refreshed': [
        condition(
          'Expiring',
          'True',
          'TokenRefreshOverdue',
          'AWS gives no token to the keys in Secret regcred-system/aws-keys: ExpiredToken. Replace the keys in the Secret.',
        ),
        'kubectl edit secret aws-keys -n regcred-system',
      ],
      'the fetch of a token, if its keys are not the cause': [
        condition(
          'Ready',
          'False',
          'TokenFetchFailed',
          'AWS gives no token to the keys in Secret regcred-system/aws-keys: HTTP 503. The cloud is overloaded or has an outage: the operator retries.',
        ),
        'kubectl regcred check acme',
      ],
      'a check, if the refused token is one that the operator fetched': [
        condition(
          'Verified',
          'False',
          'RegistryRefused',
          'ghcr.io refuses the login of Secret regcred-system/regcred-token-aws-0123456789abcdef0123456789abcdef (HTTP 403).',
        ),
        'kubectl regcred check acme',
      ],
      'the Role that a token needs': [
        condition(
          'Ready',
          'False',
          'TokenFetchFailed',
          'The operator may not request a token (Forbidden). Grant it with these commands: kubectl create role r -n a --verb=create && kubectl create rolebinding r -n a --role=r (docs/cloud-tokens.md#identities).',
        ),
        'kubectl create role r -n a --verb=create && kubectl create rolebinding r -n a --role=r',
      ],
      'the status, if nothing else is known': [
        condition('Ready', 'False', 'Contested', 'Another controller.'),
        'kubectl regcred status acme',
      ],
    };
    it(': the status, if the time of the expiry is not known', () => {
      const status = { registries: [{ server: 'ghcr.io', result: 'NotRefused' }] };
      const [need] = needsOf([withConditions('acme', [condition('Expiring', 'True', 'ExpiresSoon')], status)], [], NO_DIAGNOSIS);
      expect(need?.command).to.equal('kubectl regcred status acme');
    });
    it(': the source in the namespace of a tenant', () => {
      const refused = condition('Verified', 'False', 'RegistryRefused');
      const tenant = credential({
        kind: 'NamespacedRegistryCredential',
        namespace: 'team-a',
        spec: { registries: [{ server: 'ghcr.io', secretRef: { name: 'robot' } as { namespace: string; name: string } }] },
        status: { conditions: [READY, refused], registries: [{ server: 'ghcr.io', result: 'Refused' }] },
      });
      expect(needsOf([tenant], [], NO_DIAGNOSIS)[0]?.command).to.equal('kubectl edit secret robot -n team-a');
    });
    for (const [what, [one, command]] of Object.entries(fixes)) {
      it(`: ${what}`, () => {
        const status = {
          expiresAt: '2026-12-01T00:00:00Z',
          registries: [
            { server: 'quay.io', result: 'NotRefused' },
            { server: 'ghcr.io', result: 'NotRefused', expiresAt: '2026-12-01T00:00:00Z' },
            { server: 'https://index.docker.io/v1/', result: 'Refused', expiresAt: '2026-12-01T00:00:00Z' },
            { server: 'gcr.io', result: 'Refused' },
          ],
        };
        expect(needsOf([withConditions('acme', [one], status)], [], NO_DIAGNOSIS)[0]?.command).to.equal(command);
      });
    }
  });

  describe('of pods that wait', () => {
    it('is one entry for the pods of one owner, and the oldest stands for them', () => {
      const needs = needsOf(
        [],
        [pod({ name: 'web-1', createdAt: Date.parse('2026-11-02T00:00:00Z') }), pod(), pod({ name: 'other', owner: undefined })],
        NO_DIAGNOSIS,
      );
      expect(needs.map(({ title, message }) => `${title}: ${message}`)).to.deep.equal([
        'shop/other: It waits for ghcr.io/acme/web:1 (ImagePullBackOff).',
        'shop/web-0: 2 pods of StatefulSet web wait for ghcr.io/acme/web:1 (ImagePullBackOff).',
      ]);
    });

    it('is at most 50 entries', () => {
      const pods = Array.from({ length: 51 }, (_, n) => pod({ name: `web-${n}`, owner: undefined }));
      expect(needsOf([], pods, NO_DIAGNOSIS)).to.have.length(50);
    });

    it('has one entry for each image of one owner, and the oldest is first', () => {
      const younger = { createdAt: Date.parse('2026-11-02T00:00:00Z'), images: ['ghcr.io/acme/a:1'] };
      const needs = needsOf(
        [],
        [pod({ name: 'web-1', ...younger }), pod(), pod({ name: 'web-2', ...younger, createdAt: Number.NaN })],
        NO_DIAGNOSIS,
      );
      expect(needs.map(({ title, since }) => [title, since])).to.deep.equal([
        ['shop/web-0', '2026-11-01T12:00:00.000Z'],
        ['shop/web-1', '2026-11-02T00:00:00.000Z'],
      ]);
    });

    it('has the diagnosis of the doctor, and the command in its fix', () => {
      const [need] = needsOf([], [pod()], () => ({
        message: 'The pod is too old.',
        fix: 'Delete it: kubectl delete pod web-0 -n shop. Or wait.',
      }));
      expect(need).to.include({
        message: 'It waits for ghcr.io/acme/web:1 (ImagePullBackOff). The pod is too old.',
        fix: 'Delete it: kubectl delete pod web-0 -n shop. Or wait.',
        command: 'kubectl delete pod web-0 -n shop',
      });
    });

    it('has the doctor as its command while there is no diagnosis', () =>
      expect(needsOf([], [pod()], NO_DIAGNOSIS)[0]?.command).to.equal('kubectl regcred doctor pod/web-0 -n shop'));
  });
});

describe('The command in a sentence', () => {
  const table: Record<string, string | undefined> = {
    'Delete it: kubectl delete pod web-0 -n shop. To let the operator do this, set spec.podRecovery.': 'kubectl delete pod web-0 -n shop',
    'kubectl label namespace shop regcred.dev/exclude-': 'kubectl label namespace shop regcred.dev/exclude-',
    'kubectl regcred status acme shows its status.': 'kubectl regcred status acme',
    'Add shop to spec.namespaces.names (kubectl edit regcred acme), or add the labels.': 'kubectl edit regcred acme',
    'Put a valid password into Secret a/b. kubectl regcred check acme then asks ghcr.io again.': 'kubectl regcred check acme',
    // These have a part that a person must fill in.
    'Create one: kubectl regcred create NAME --server ghcr.io --username … --password-stdin | kubectl apply -f -': undefined,
    'Ask for the right.': undefined,
  };
  for (const [text, want] of Object.entries(table)) it(`${want ?? 'there is none'}: ${text}`, () => expect(commandIn(text)).to.equal(want));
});
