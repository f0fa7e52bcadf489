import { expect } from 'chai';
import type { Pod, Surroundings } from '../../../../src/cli/doctor/observed.ts';
import { namesAfterAdmission } from '../../../../src/cli/doctor/pull-secret-origin.ts';
import { base64, namespace } from '../../../support/builders.ts';
import {
  acme,
  around,
  container,
  entry,
  existing,
  first,
  forbidden,
  found,
  holding,
  IMAGE,
  INJECTING,
  missing,
  PASSWORD,
  pod,
  READY,
  referring,
  SERVER,
  secret,
  steps,
  verdictOf,
} from '../../../support/doctor.ts';
import { CASES, PODS } from '../../../support/inheritance.ts';

describe('The doctor blames no RegistryCredential', () => {
  const template = pod({ existing: undefined, pullSecrets: [] });

  it('if the namespace does not exist: nothing else is checked', () => {
    const all = steps(template, around({ namespace: missing, account: missing }, []));
    expect(all.map(({ check, reason }) => `${check} ${reason}`)).to.deep.equal(['Image Parsed', 'Namespace NamespaceMissing']);
  });

  it('if the ServiceAccount does not exist: only that is wrong', () => {
    const all = steps(template, around({ account: missing }));
    expect(all.filter(({ mark }) => mark === 'wrong').map(({ reason }) => reason)).to.deep.equal(['AccountMissing']);
  });
});

it('An image in capital letters that nothing covers: the advice can be followed', () => {
  const image = 'Other.example.com/acme/app:1';
  const template = pod({ existing: undefined, pullSecrets: [], containers: [container({ image })] });
  const fix = steps(template, around()).find(({ reason }) => reason === 'NotCovered')?.fix;
  expect(fix).to.contain('--server other.example.com ').and.contain('lower case in the image name: other.example.com');
});

describe('The doctor finds about a pod', () => {
  const noList = pod({ pullSecrets: [] });
  const optOut = { 'regcred.dev/exclude': 'true' };
  const table: Record<string, { pod?: Pod; around?: Surroundings; want: string; says?: string; fix?: string }> = {
    'that everything is correct': { want: 'fine' },
    'that its image name is not valid': {
      pod: pod({ containers: [container({ image: 'ghcr.io/Acme/app' })] }),
      want: 'wrong Image InvalidImageName',
    },
    'that it was created before its ServiceAccount had the name': {
      pod: noList,
      want: 'wrong Credential MadeTooEarly',
      says: 'created before ServiceAccount default had the name acme of RegistryCredential acme',
      fix: 'Delete it, and StatefulSet web re-creates it with the name: kubectl delete pod web-0 -n shop',
    },
    'that no controller would re-create it': {
      pod: { ...noList, existing: { ...existing, owner: undefined } },
      want: 'wrong Credential MadeTooEarly',
      fix: 'No controller re-creates this pod',
    },
    'that it has its own imagePullSecrets': {
      pod: pod({ pullSecrets: ['own'], written: ['own'] }),
      around: around({}, [secret(), holding({ 'quay.io': entry }, { name: 'own', credential: undefined })]),
      want: 'wrong Credential OwnList',
      says: 'its own imagePullSecrets (own)',
      fix: 'Add acme to imagePullSecrets',
    },
    'that it was created too early, or that its own list has a name of its ServiceAccount': {
      pod: pod({ pullSecrets: ['own'], written: undefined }),
      around: around({ account: found(referring('own', 'acme')) }, [
        secret(),
        holding({ 'quay.io': entry }, { name: 'own', credential: undefined }),
      ]),
      want: 'wrong Credential MadeTooEarly',
      says: 'Or its template has its own list',
    },
    'that it was created too early, if it is known to have had no list of its own': {
      pod: pod({ pullSecrets: ['own'] }),
      around: around({ account: found(referring('own', 'acme')) }, [
        secret(),
        holding({ 'quay.io': entry }, { name: 'own', credential: undefined }),
      ]),
      want: 'wrong Credential MadeTooEarly',
      says: 'Kubernetes copies the list only when it creates a pod.',
    },
    'that a template has its own list, although its ServiceAccount has the same name': {
      pod: pod({ pullSecrets: ['own'], existing: undefined }),
      around: around({ account: found(referring('own', 'acme')) }, [
        secret(),
        holding({ 'quay.io': entry }, { name: 'own', credential: undefined }),
      ]),
      want: 'wrong Credential OwnList',
    },
    'which right is missing to explain why it does not name a Secret': {
      pod: noList,
      around: around({ account: forbidden('get serviceaccounts in namespace shop') }),
      want: 'unseen Credential Forbidden',
      fix: 'get serviceaccounts in namespace shop',
    },
    'that the kubelet reads it from a file on its node': {
      pod: { ...noList, existing: { ...existing, isStatic: true } },
      want: 'wrong Credential StaticPod',
    },
    'that the credential does not select its ServiceAccount': {
      pod: noList,
      around: around({ account: found(referring()), credentials: found([acme({ spec: { serviceAccounts: { names: ['builder'] } } })]) }),
      want: 'wrong Credential AccountNotMatched',
      fix: 'Add default to spec.serviceAccounts.names',
    },
    'that its ServiceAccount is being deleted': {
      pod: noList,
      around: around({ account: found({ ...referring(), terminating: true }) }),
      want: 'wrong Credential AccountTerminating',
    },
    'that its ServiceAccount has opted out': {
      pod: noList,
      around: around({ account: found({ ...referring(), labels: optOut }) }),
      want: 'wrong Credential AccountOptedOut',
      fix: 'kubectl label serviceaccount default -n shop regcred.dev/exclude-',
    },
    'that its ServiceAccount was not written, with the message of the status': {
      pod: noList,
      around: around({
        account: found(referring()),
        credentials: found([
          acme({
            status: {
              failures: [
                { namespace: 'shop', kind: 'ServiceAccount', name: 'default', reason: 'Forbidden', message: 'The policy says no.' },
              ],
            },
          }),
        ]),
      }),
      want: 'wrong Credential Forbidden',
      says: 'The policy says no.',
    },
    'that perhaps no operator runs': {
      pod: noList,
      around: around({ account: found(referring()) }),
      want: 'wrong Credential NotReferenced',
      fix: 'whether the operator runs',
    },
    'that the credential does not select its namespace': {
      pod: noList,
      around: around({ account: found(referring()), credentials: found([acme({ spec: { namespaces: { names: ['team-*'] } } })]) }, []),
      want: 'wrong Credential NamespaceNotMatched',
      fix: 'Add shop to spec.namespaces.names',
    },
    'that spec.namespaces.exclude matches its namespace': {
      pod: noList,
      around: around(
        {
          account: found(referring()),
          credentials: found([acme({ spec: { namespaces: { names: ['*'], exclude: { names: ['shop'] } } } })]),
        },
        [],
      ),
      want: 'wrong Credential NamespaceExcluded',
    },
    'that its namespace has opted out': {
      pod: noList,
      around: around({ account: found(referring()), namespace: found(namespace({ labels: optOut })) }, []),
      want: 'wrong Credential NamespaceOptedOut',
      fix: 'kubectl label namespace shop regcred.dev/exclude-',
    },
    'that its namespace is being deleted': {
      pod: noList,
      around: around({ namespace: found(namespace({ terminating: true })) }, []),
      want: 'wrong Credential NamespaceTerminating',
    },
    'that the credential is suspended': {
      pod: noList,
      around: around({ credentials: found([acme({ spec: { suspend: true } })]) }, []),
      want: 'wrong Credential Suspended',
    },
    'that the credential is being deleted': {
      pod: noList,
      around: around({ credentials: found([acme({ terminating: true })]) }, []),
      want: 'wrong Credential Deleting',
    },
    'of two credentials, what is wrong with the one that selects its namespace': {
      pod: noList,
      around: around({
        account: found(referring()),
        credentials: found([acme({ name: 'other', spec: { namespaces: { names: ['x'] } } }), acme()]),
      }),
      want: 'wrong Credential NotReferenced',
    },
    'that no credential covers the image, which may be public': {
      around: around({ credentials: found([]) }, [holding({ 'quay.io': entry })]),
      want: 'unseen Credential NotCovered',
      fix: 'If the image is public, nothing is missing',
    },
    'that a Secret of another credential is not enough': {
      around: around({}, [holding({ 'quay.io': entry }, { credential: undefined })]),
      want: 'wrong Credential NotPlaced',
    },
    'that the placed Secret is older than the spec': {
      around: around({}, [holding({ 'quay.io': entry })]),
      want: 'wrong Credential NotPlaced',
      says: 'its placed Secret has no such entry',
    },
    'that a pulled image needs no entry': {
      pod: pod({ containers: [container({ imageState: { status: 'pulled' } })], pullSecrets: [] }),
      around: around({ credentials: found([]), account: found(referring()) }, []),
      want: 'fine',
    },
    'which right is missing to list the credentials': {
      pod: noList,
      around: around({ credentials: forbidden('list registrycredentials.regcred.dev') }),
      want: 'unseen Credential Forbidden',
      fix: 'Missing right: list registrycredentials.regcred.dev',
    },
    'nothing wrong if the credentials cannot be listed, but an entry matches': {
      around: around({ credentials: forbidden('list registrycredentials.regcred.dev') }),
      want: 'fine',
    },
    'which right is missing to read a Secret': {
      around: around({ secrets: new Map([['acme', forbidden('get secrets in namespace shop')]]) }),
      want: 'unseen Secret Forbidden',
      fix: 'Missing right: get secrets in namespace shop',
    },
    'that its Secret is missing, and which credential should have created it': {
      around: around({ secrets: new Map([['acme', missing]]) }),
      want: 'wrong Secret NotPlaced',
      says: 'does not exist. The kubelet ignores the name until the Secret exists.',
    },
    'that its Secret is missing, and no credential creates it': {
      around: around({ credentials: found([]), secrets: new Map([['acme', missing]]) }),
      want: 'wrong Secret SecretMissing',
      says: 'No RegistryCredential creates a Secret of this name.',
      fix: 'remove acme from imagePullSecrets of ServiceAccount default, and then delete the pod: the list of an existing pod cannot change. StatefulSet web re-creates it without the name.',
    },
    'after its credential and the reference are gone, that a new pod has no such name': {
      around: around({ credentials: found([]), account: found(referring()), secrets: new Map([['acme', missing]]) }),
      want: 'wrong Secret SecretMissing',
      fix: 'Create it, or delete the pod: the list of an existing pod cannot change. StatefulSet web re-creates it without the name.',
    },
    'that its template names a Secret that is missing': {
      pod: pod({ written: ['acme'], existing: { ...existing, owner: 'ReplicaSet web-5d4f' } }),
      around: around({ credentials: found([]), account: found(referring()), secrets: new Map([['acme', missing]]) }),
      want: 'wrong Secret SecretMissing',
      fix: 'remove acme from imagePullSecrets of the template of ReplicaSet web-5d4f, which its Deployment writes, and then delete the pod',
    },
    'that its own spec names a Secret that is missing, and that no controller creates the pod again': {
      pod: pod({ written: ['acme'], existing: { ...existing, owner: undefined } }),
      around: around({ credentials: found([]), account: found(referring()), secrets: new Map([['acme', missing]]) }),
      want: 'wrong Secret SecretMissing',
      fix: "from imagePullSecrets of the pod's own spec, and then delete the pod: the list of an existing pod cannot change. Then create it again",
    },
    'that an unmanaged Secret has the name': {
      pod: noList,
      around: around({ account: found(referring()) }, [holding({ 'quay.io': entry }, { credential: undefined })]),
      want: 'wrong Credential NotPlaced',
      says: 'does not own the Secret shop/acme',
    },
    'that its Secret has a type that the kubelet ignores': {
      around: around({}, [secret({ type: 'Opaque' })]),
      want: 'wrong Secret WrongSecretType',
    },
    'that its Secret is empty': { around: around({}, [secret({ data: {} })]), want: 'wrong Secret KeyMissing' },
    'that its Secret is not JSON': {
      around: around({}, [secret({ data: { '.dockerconfigjson': base64('{') } })]),
      want: 'wrong Secret NotJSON',
    },
    'that the kubelet tries no entry because one Secret is broken': {
      pod: pod({ pullSecrets: ['acme', 'bad'] }),
      around: around({}, [secret(), holding({ 'quay.io': { auth: base64('sample') } }, { name: 'bad', credential: undefined })]),
      want: 'wrong Secret AuthNotBase64',
      fix: 'Fix it in Secret shop/bad.',
    },
    'an empty password, and where to fix it': {
      around: around({}, [holding({ [SERVER]: { username: 'robot' } })]),
      want: 'wrong Secret EmptyPassword',
      fix: 'the source of RegistryCredential acme (not in the copy shop/acme)',
    },
    'that an entry has a name of Docker Hub that the kubelet does not match': {
      pod: pod({ containers: [container({ image: 'acme/app' })] }),
      around: around({}, [holding({ 'https://index.docker.io/v1': entry }, { credential: undefined })]),
      want: 'wrong Entries ServerNotFound',
      fix: 'Rename the entry to https://index.docker.io/v1/',
    },
    'that the port of an entry differs': {
      around: around({}, [holding({ [`${SERVER}:443`]: entry }, { credential: undefined })]),
      want: 'wrong Entries ServerNotFound',
      says: 'compares ports exactly',
    },
    'that an entry differs in upper and lower case only': {
      around: around({}, [holding({ 'Registry.example.com': entry }, { credential: undefined })]),
      want: 'wrong Entries ServerNotFound',
      says: 'only in upper and lower case',
      fix: `rename the entry to ${SERVER}, and use ${SERVER} in the image name`,
    },
    'that the path of an entry differs': {
      around: around({}, [holding({ [`${SERVER}/other`]: entry }, { credential: undefined })]),
      want: 'wrong Entries ServerNotFound',
      says: 'acme/app does not begin with its path',
    },
    'that its ServiceAccount is missing': {
      pod: pod({ existing: undefined }),
      around: around({ account: missing }),
      want: 'wrong Account AccountMissing',
    },
    'that its namespace is missing': {
      pod: pod({ existing: undefined }),
      around: around({ namespace: missing, account: missing }, []),
      want: 'wrong Namespace NamespaceMissing',
    },
  };
  for (const [what, { pod: of = pod(), around: world = around(), want, says = '', fix = '' }] of Object.entries(table)) {
    it(what, () => {
      const all = steps(of, world);
      expect(verdictOf(all), JSON.stringify(all, null, 1)).to.equal(want);
      expect(first(all)?.message ?? '').to.contain(says);
      expect(first(all)?.fix ?? '').to.contain(fix);
      expect(JSON.stringify(all))
        .to.not.contain(PASSWORD)
        .and.not.contain(base64(`robot:${PASSWORD}`));
    });
  }

  const origins: Record<string, { pod?: Pod; around?: Surroundings; says: string }> = {
    'from the ServiceAccount, by a credential': { says: 'acme (from ServiceAccount default, added by RegistryCredential acme)' },
    'from the ServiceAccount, by another user': {
      around: around({ account: found({ ...referring('acme'), recorded: [] }) }),
      says: 'added by another controller or user',
    },
    'from the admission policy': {
      around: around({ account: found(referring()), credentials: found([acme({ status: { conditions: [READY, INJECTING] } })]) }),
      says: 'acme (from the admission policy, for RegistryCredential acme)',
    },
    'from its own spec': {
      pod: pod({ written: ['acme'], existing: { ...existing, owner: undefined } }),
      says: "acme (from the pod's own spec)",
    },
    'from its template, although its ServiceAccount has the same name': {
      pod: pod({ written: ['acme'] }),
      says: 'acme (from the template of StatefulSet web)',
    },
    'from what has the name no longer': {
      around: around({ account: found(referring()) }),
      says: 'acme (added when the pod was created, by ServiceAccount default or an admission policy, neither of which has the name now)',
    },
    'from an admission policy that has the name no longer, because a ServiceAccount adds nothing to a list': {
      pod: pod({ pullSecrets: ['own', 'acme'], written: ['own'] }),
      around: around({ account: found(referring()) }),
      says: 'acme (added when the pod was created, by an admission policy or webhook',
    },
    'from one of two places, if the record of its fields was removed': {
      pod: pod({ written: undefined }),
      around: around({ account: found(referring()) }),
      says: "acme (from the pod's own spec, or added when it was created)",
    },
    'from an unknown origin': { around: around({ account: forbidden('') }), says: 'acme (of unknown origin: a right is missing)' },
  };
  for (const [what, { pod: of = pod(), around: world = around(), says }] of Object.entries(origins)) {
    // Without the credentials it is also unknown whether the policy selects the pod.
    const seen = what.includes('unknown') ? { ...world, credentials: forbidden('') } : world;
    it(`that it has its pull secret ${what}`, () =>
      expect(steps(of, seen).find(({ check }) => check === 'PullSecrets')?.message).to.contain(says));
  }

  it('the entries that the kubelet tries, in its order, with their age and fingerprint', () => {
    const world = around({}, [holding({ [SERVER]: entry, [`${SERVER}/acme`]: entry })]);
    expect(steps(pod(), world).find(({ check }) => check === 'Entries')?.message).to.equal(
      `For ${IMAGE} the kubelet tries 1. ${SERVER}/acme of Secret acme as robot, password fingerprint 7f3a2, written 5m ago; 2. ${SERVER} of Secret acme as robot, password fingerprint 7f3a2, written 5m ago.`,
    );
  });

  it('for a template, what its pod would inherit and what the admission policy would add', () => {
    const injecting = acme({ name: 'more', status: { conditions: [READY, INJECTING] } });
    const world = around({ credentials: found([acme(), injecting]) }, [secret(), secret({ name: 'more' })]);
    const named = (pullSecrets: string[]) =>
      steps(pod({ existing: undefined, pullSecrets }), world).find(({ check }) => check === 'PullSecrets')?.message;
    expect(named([])).to.match(/^A new pod would name acme \(.*\), more \(from the admission policy/);
    expect(named(['own'])).to.match(/^A new pod would name own \(from the template\), more \(from/);
  });

  it('for a template, the names that the policy adds in a real API server, and no others', () => {
    for (const [what, { spec, terminating = false, pods, atAdmission = pods }] of Object.entries(CASES)) {
      const injecting = acme({ spec, terminating, status: { conditions: [READY, INJECTING] } });
      const injected = PODS.filter(({ namespace, account }) => {
        const world = around({ namespace: found(namespace), account: found(account), credentials: found([injecting]) });
        return (
          namesAfterAdmission(pod({ namespace: namespace.name, account: account.name, pullSecrets: [], existing: undefined }), world)
            .length > 0
        );
      });
      expect(
        injected.map(({ name }) => name),
        what,
      ).to.have.members([...atAdmission]);
    }
  });

  const policies: Record<string, { image: string; pullPolicy?: string; want: string }> = {
    'Always for latest': { image: `${SERVER}/acme/app:latest`, want: 'Always' },
    'Always for no tag': { image: `${SERVER}/acme/app`, want: 'Always' },
    'IfNotPresent for a tag': { image: IMAGE, want: 'IfNotPresent' },
    'IfNotPresent for a digest': { image: `${SERVER}/acme/app@sha256:${'0'.repeat(64)}`, want: 'IfNotPresent' },
    'the policy of the pod': { image: IMAGE, pullPolicy: 'Never', want: 'Never' },
  };
  for (const [what, { image, pullPolicy, want }] of Object.entries(policies)) {
    it(`that its imagePullPolicy is ${what}`, () => {
      const step = steps(pod({ containers: [container({ image, pullPolicy })] }), around()).find(({ check }) => check === 'PullPolicy');
      expect(step).to.include({ reason: want, mark: 'note' });
    });
  }
});
