import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { AccountRecord, CredentialRecord } from '../../../src/api/records.ts';
import { wouldHave } from '../../../src/cli/doctor/cover.ts';
import { fingerprint as realFingerprint } from '../../../src/cli/doctor/fingerprint.ts';
import { whoIs } from '../../../src/cli/doctor/image.ts';
import { examineNamespace } from '../../../src/cli/doctor/namespace.ts';
import type { Asked, Container, Looked, Made, Pod, Secret, Step, Surroundings } from '../../../src/cli/doctor/observed.ts';
import { examine } from '../../../src/cli/doctor/pod.ts';
import { exitCodeOf, text } from '../../../src/cli/doctor/print.ts';
import { type Manifest, podsIn, templateOf } from '../../../src/cli/doctor/subject.ts';
import { account, base64, credential, namespace } from '../../support/builders.ts';
import { CASES, PODS } from '../../support/inheritance.ts';

const NOW = Date.parse('2026-01-08T12:00:00Z');
const PASSWORD = 'sample-password-of-doctor';
const SERVER = 'registry.example.com';
const IMAGE = `${SERVER}/acme/app:1`;

// --- builders: all is well, unless a test says otherwise ---

const container = (mods: Partial<Container> = {}): Container => ({
  name: 'web',
  image: IMAGE,
  pullPolicy: 'IfNotPresent',
  state: { at: 'before' },
  ...mods,
});
const failing = (message: string, reason = 'ErrImagePull', mods: Partial<Container> = {}) =>
  container({ state: { at: 'failing', reason, message }, ...mods });
const made: Made = { name: 'web-0', owner: 'StatefulSet web', isStatic: false };
const pod = (mods: Partial<Pod> = {}): Pod => ({
  namespace: 'shop',
  account: 'default',
  pullSecrets: ['acme'],
  containers: [container()],
  made,
  ...mods,
});

const config = (auths: Record<string, unknown>) => base64(JSON.stringify({ auths }));
const entry = { auth: base64(`robot:${PASSWORD}`) };
const secret = (mods: Partial<Secret> = {}): Secret => ({
  namespace: 'shop',
  name: mods.name ?? 'acme',
  type: 'kubernetes.io/dockerconfigjson',
  data: { '.dockerconfigjson': config({ [SERVER]: entry }) },
  credential: { name: 'acme', uid: 'uid-acme' },
  uid: 'uid-of-secret',
  changedAt: NOW - 300_000,
  ...mods,
});
const holding = (auths: Record<string, unknown>, mods: Partial<Secret> = {}) =>
  secret({ data: { '.dockerconfigjson': config(auths) }, ...mods });

const there = <T>(value: T) => ({ state: 'there', value }) as const;
const forbidden = (right: string) => ({ state: 'forbidden', right }) as const;
const missing = { state: 'missing' } as const;

const registries = [{ server: SERVER, secretRef: { namespace: 'sources', name: 'robot' } }];
const READY = { type: 'Ready', status: 'True' as const, reason: 'Synced', message: '', observedGeneration: 1, lastTransitionTime: '' };
const INJECTING = { ...READY, type: 'PodInjection' };
const acme = (mods: Parameters<typeof credential>[0] = {}): CredentialRecord =>
  credential({ status: { conditions: [READY] }, ...mods, spec: { registries, ...mods.spec } });
const referring = (...names: string[]): AccountRecord => account({ pullSecrets: names.map((name) => ({ name })), recorded: names });

const around = (mods: Partial<Surroundings> = {}, secrets: readonly Secret[] = [secret()]): Surroundings => ({
  now: NOW,
  namespace: there(namespace()),
  account: there(referring('acme')),
  credentials: there([acme()]),
  secrets: new Map(secrets.map((one) => [one.name, there(one)])),
  events: there([]),
  ...mods,
});

const fingerprint = () => '7f3a2';
const steps = (of: Pod, world: Surroundings): Step[] =>
  examine({ pod: of.made ? of : { ...of, pullSecrets: wouldHave(of, world) }, around: world, asked: new Map(), fingerprint });
/** The first that is wrong, else the first that cannot be seen. */
const first = (all: readonly Step[]) => all.find(({ mark }) => mark === 'wrong') ?? all.find(({ mark }) => mark === 'unseen');
const found = (all: readonly Step[]) => {
  const step = first(all);
  return step ? `${step.mark} ${step.check} ${step.reason}` : 'fine';
};

describe('A username that doctor tells of', () => {
  const told: Record<string, [username: string, password: string, isTold: boolean]> = {
    'is that of a robot': ['robot$team+ci', 'sample', true],
    'is a name that a registry gives to all': ['AWS', 'sample', true],
    'is a uuid': ['00000000-0000-0000-0000-000000000000', 'sample', true],
    'is there without a password': ['robot', '', true],
    'is not, where it is the password as well': ['sample-token', 'sample-token', false],
    'is not, where it begins as tokens do': ['ghp_sample', 'x-oauth-basic', false],
    'is not, where it is as long as a token': ['a'.repeat(32), 'sample', false],
  };
  for (const [what, [username, password, isTold]] of Object.entries(told)) {
    it(what, () => expect(whoIs({ username, password }).includes(username)).to.equal(isTold));
  }
});

describe('The doctor says of a pod', () => {
  const noList = pod({ pullSecrets: [] });
  const optOut = { 'regcred.dev/exclude': 'true' };
  const table: Record<string, { pod?: Pod; around?: Surroundings; want: string; says?: string; mend?: string }> = {
    'that all is well': { want: 'fine' },
    'that its image has no such name': {
      pod: pod({ containers: [container({ image: 'ghcr.io/Acme/app' })] }),
      want: 'wrong Image InvalidImageName',
    },
    'that it was made before its account had the name': {
      pod: noList,
      want: 'wrong Credential MadeTooEarly',
      says: 'made before ServiceAccount default had the name acme of RegistryCredential acme',
      mend: 'Delete it, and StatefulSet web makes it again, with the name: kubectl delete pod web-0 -n shop',
    },
    'that nobody would make it again by itself': {
      pod: { ...noList, made: { ...made, owner: undefined } },
      want: 'wrong Credential MadeTooEarly',
      mend: 'Nobody makes it again',
    },
    'that it has a list of its own': {
      pod: pod({ pullSecrets: ['own'] }),
      around: around({}, [secret(), holding({ 'quay.io': entry }, { name: 'own', credential: undefined })]),
      want: 'wrong Credential OwnList',
      says: 'imagePullSecrets of its own (own)',
      mend: 'Add acme to imagePullSecrets',
    },
    'that it was made too early, or has a list that its account has as well': {
      pod: pod({ pullSecrets: ['own'] }),
      around: around({ account: there(referring('own', 'acme')) }, [
        secret(),
        holding({ 'quay.io': entry }, { name: 'own', credential: undefined }),
      ]),
      want: 'wrong Credential MadeTooEarly',
      says: 'Or its template has a list of its own',
    },
    'that a template has a list, though its account has that as well': {
      pod: pod({ pullSecrets: ['own'], made: undefined }),
      around: around({ account: there(referring('own', 'acme')) }, [
        secret(),
        holding({ 'quay.io': entry }, { name: 'own', credential: undefined }),
      ]),
      want: 'wrong Credential OwnList',
    },
    'what right it takes to see why it does not name a Secret': {
      pod: noList,
      around: around({ account: forbidden('get serviceaccounts in namespace shop') }),
      want: 'unseen Credential Forbidden',
      mend: 'get serviceaccounts in namespace shop',
    },
    'that it is read from a file of its node': {
      pod: { ...noList, made: { ...made, isStatic: true } },
      want: 'wrong Credential StaticPod',
    },
    'that its account is not meant': {
      pod: noList,
      around: around({ account: there(referring()), credentials: there([acme({ spec: { serviceAccounts: { names: ['builder'] } } })]) }),
      want: 'wrong Credential AccountNotMatched',
      mend: 'Add default to spec.serviceAccounts.names',
    },
    'that its account has opted out': {
      pod: noList,
      around: around({ account: there({ ...referring(), labels: optOut }) }),
      want: 'wrong Credential AccountOptedOut',
      mend: 'kubectl label serviceaccount default -n shop regcred.dev/exclude-',
    },
    'that its account has not been written, in the words of the status': {
      pod: noList,
      around: around({
        account: there(referring()),
        credentials: there([
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
      mend: 'The policy says no.',
    },
    'that the operator may not run': {
      pod: noList,
      around: around({ account: there(referring()) }),
      want: 'wrong Credential NotReferenced',
      mend: 'whether the operator runs',
    },
    'that its namespace is not meant': {
      pod: noList,
      around: around({ account: there(referring()), credentials: there([acme({ spec: { namespaces: { names: ['team-*'] } } })]) }, []),
      want: 'wrong Credential NamespaceNotMatched',
      mend: 'Add shop to spec.namespaces.names',
    },
    'that its namespace is left out': {
      pod: noList,
      around: around(
        {
          account: there(referring()),
          credentials: there([acme({ spec: { namespaces: { names: ['*'], exclude: { names: ['shop'] } } } })]),
        },
        [],
      ),
      want: 'wrong Credential NamespaceExcluded',
    },
    'that its namespace has opted out': {
      pod: noList,
      around: around({ account: there(referring()), namespace: there(namespace({ labels: optOut })) }, []),
      want: 'wrong Credential NamespaceOptedOut',
      mend: 'kubectl label namespace shop regcred.dev/exclude-',
    },
    'that its namespace is being deleted': {
      pod: noList,
      around: around({ namespace: there(namespace({ terminating: true })) }, []),
      want: 'wrong Credential NamespaceTerminating',
    },
    'that the credential is suspended': {
      pod: noList,
      around: around({ credentials: there([acme({ spec: { suspend: true } })]) }, []),
      want: 'wrong Credential Suspended',
    },
    'that the credential is being deleted': {
      pod: noList,
      around: around({ credentials: there([acme({ deleting: true })]) }, []),
      want: 'wrong Credential Deleting',
    },
    'of two credentials what is wrong with the one that is meant for it': {
      pod: noList,
      around: around({
        account: there(referring()),
        credentials: there([acme({ name: 'other', spec: { namespaces: { names: ['x'] } } }), acme()]),
      }),
      want: 'wrong Credential NotReferenced',
    },
    'that nobody covers the image, which may be public': {
      around: around({ credentials: there([]) }, [holding({ 'quay.io': entry })]),
      want: 'unseen Credential NotCovered',
      mend: 'If the image is public, all is well',
    },
    'for whose images there are credentials': {
      around: around({}, [holding({ 'quay.io': entry }, { credential: undefined })]),
      want: 'wrong Credential NotPlaced',
    },
    'that what the credential has placed is older than what it covers': {
      around: around({}, [holding({ 'quay.io': entry })]),
      want: 'wrong Credential NotPlaced',
      says: 'what it has placed does not',
    },
    'that nobody has to cover an image that is there': {
      pod: pod({ containers: [container({ state: { at: 'pulled' } })], pullSecrets: [] }),
      around: around({ credentials: there([]), account: there(referring()) }, []),
      want: 'fine',
    },
    'what right it takes to see credentials': {
      pod: noList,
      around: around({ credentials: forbidden('list registrycredentials.regcred.dev') }),
      want: 'unseen Credential Forbidden',
      mend: 'Missing right: list registrycredentials.regcred.dev',
    },
    'nothing of credentials that it may not see where it has what it needs': {
      around: around({ credentials: forbidden('list registrycredentials.regcred.dev') }),
      want: 'fine',
    },
    'what right it takes to see a Secret': {
      around: around({ secrets: new Map([['acme', forbidden('get secrets in namespace shop')]]) }),
      want: 'unseen Secret Forbidden',
      mend: 'Missing right: get secrets in namespace shop',
    },
    'that its Secret is not there, and who should have put it there': {
      around: around({ secrets: new Map([['acme', missing]]) }),
      want: 'wrong Secret NotPlaced',
      says: 'does not exist; the kubelet goes on without it',
    },
    'that its Secret is not there, and nobody is to put it there': {
      around: around({ credentials: there([]), secrets: new Map([['acme', missing]]) }),
      want: 'wrong Secret SecretMissing',
      mend: 'take acme out of imagePullSecrets of ServiceAccount default',
    },
    'that somebody else has a Secret there': {
      pod: noList,
      around: around({ account: there(referring()) }, [holding({ 'quay.io': entry }, { credential: undefined })]),
      want: 'wrong Credential NotPlaced',
      says: 'does not own the Secret shop/acme',
    },
    'that its Secret is of a type that the kubelet does not take': {
      around: around({}, [secret({ type: 'Opaque' })]),
      want: 'wrong Secret WrongSecretType',
    },
    'that its Secret is empty': { around: around({}, [secret({ data: {} })]), want: 'wrong Secret KeyMissing' },
    'that its Secret is not JSON': {
      around: around({}, [secret({ data: { '.dockerconfigjson': base64('{') } })]),
      want: 'wrong Secret NotJSON',
    },
    'that the kubelet tries nothing because of one broken Secret': {
      pod: pod({ pullSecrets: ['acme', 'bad'] }),
      around: around({}, [secret(), holding({ 'quay.io': { auth: base64('sample') } }, { name: 'bad', credential: undefined })]),
      want: 'wrong Secret AuthNotBase64',
      mend: 'Put it right in Secret shop/bad.',
    },
    'of an empty password where it belongs': {
      around: around({}, [holding({ [SERVER]: { username: 'robot' } })]),
      want: 'wrong Secret EmptyPassword',
      mend: 'the source of RegistryCredential acme (not in the copy shop/acme)',
    },
    'that Docker Hub is called by a name that the kubelet does not know': {
      pod: pod({ containers: [container({ image: 'acme/app' })] }),
      around: around({}, [holding({ 'https://index.docker.io/v1': entry }, { credential: undefined })]),
      want: 'wrong Entries ServerNotFound',
      mend: 'Call it https://index.docker.io/v1/',
    },
    'that the port is another': {
      around: around({}, [holding({ [`${SERVER}:443`]: entry }, { credential: undefined })]),
      want: 'wrong Entries ServerNotFound',
      says: 'compares the port exactly',
    },
    'that the path is another': {
      around: around({}, [holding({ [`${SERVER}/other`]: entry }, { credential: undefined })]),
      want: 'wrong Entries ServerNotFound',
      says: 'not the beginning of acme/app',
    },
    'that its account is not there': {
      pod: pod({ made: undefined }),
      around: around({ account: missing }),
      want: 'wrong Account AccountMissing',
    },
    'that its namespace is not there': {
      pod: pod({ made: undefined }),
      around: around({ namespace: missing, account: missing }, []),
      want: 'wrong Namespace NamespaceMissing',
    },
  };
  for (const [what, { pod: of = pod(), around: world = around(), want, says = '', mend = '' }] of Object.entries(table)) {
    it(what, () => {
      const all = steps(of, world);
      expect(found(all), JSON.stringify(all, null, 1)).to.equal(want);
      expect(first(all)?.message ?? '').to.contain(says);
      expect(first(all)?.mend ?? '').to.contain(mend);
      expect(JSON.stringify(all))
        .to.not.contain(PASSWORD)
        .and.not.contain(base64(`robot:${PASSWORD}`));
    });
  }

  const origins: Record<string, { pod?: Pod; around?: Surroundings; says: string }> = {
    'from the account, by a credential': { says: 'acme (from ServiceAccount default, put there by RegistryCredential acme)' },
    'from the account, by somebody else': {
      around: around({ account: there({ ...referring('acme'), recorded: [] }) }),
      says: 'put there by somebody else',
    },
    'from the admission policy': {
      around: around({ account: there(referring()), credentials: there([acme({ status: { conditions: [READY, INJECTING] } })]) }),
      says: 'acme (from the admission policy, for RegistryCredential acme)',
    },
    'from its author': {
      around: around({ account: there(referring()) }),
      says: "acme (from the pod's own spec or template)",
    },
    'from somewhere that cannot be seen': { around: around({ account: forbidden('') }), says: 'acme (from where cannot be seen)' },
  };
  for (const [what, { pod: of = pod(), around: world = around(), says }] of Object.entries(origins)) {
    // Where the account cannot be read, whether the policy covers the pod cannot be known for want of credentials.
    const seen = what.includes('cannot be seen') ? { ...world, credentials: forbidden('') } : world;
    it(`that it has its pull secret ${what}`, () =>
      expect(steps(of, seen).find(({ check }) => check === 'PullSecrets')?.message).to.contain(says));
  }

  it('which entries the kubelet tries, in its order, of what age and with which password', () => {
    const world = around({}, [holding({ [SERVER]: entry, [`${SERVER}/acme`]: entry })]);
    expect(steps(pod(), world).find(({ check }) => check === 'Entries')?.message).to.equal(
      `For ${IMAGE} the kubelet tries 1. ${SERVER}/acme of Secret acme as robot, password fingerprint 7f3a2, written 5m ago; 2. ${SERVER} of Secret acme as robot, password fingerprint 7f3a2, written 5m ago.`,
    );
  });

  it('of a pod that there would be what it would inherit, and what the admission policy would add', () => {
    const injecting = acme({ name: 'more', status: { conditions: [READY, INJECTING] } });
    const world = around({ credentials: there([acme(), injecting]) }, [secret(), secret({ name: 'more' })]);
    const named = (pullSecrets: string[]) =>
      steps(pod({ made: undefined, pullSecrets }), world).find(({ check }) => check === 'PullSecrets')?.message;
    expect(named([])).to.match(/^A pod of it would name acme \(.*\), more \(from the admission policy/);
    expect(named(['own'])).to.match(/^A pod of it would name own \(from the pod's own.*\), more \(from/);
  });

  it('of a pod that there would be just the names that the policy gives it in a real API server', () => {
    for (const [what, { spec, deleting = false, pods, atAdmission = pods }] of Object.entries(CASES)) {
      const injecting = acme({ spec, deleting, status: { conditions: [READY, INJECTING] } });
      const injected = PODS.filter(({ namespace, account }) => {
        const world = around({ namespace: there(namespace), account: there(account), credentials: there([injecting]) });
        return wouldHave(pod({ namespace: namespace.name, account: account.name, pullSecrets: [], made: undefined }), world).length > 0;
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
    'IfNotPresent for another tag': { image: IMAGE, want: 'IfNotPresent' },
    'IfNotPresent for a digest': { image: `${SERVER}/acme/app@sha256:${'0'.repeat(64)}`, want: 'IfNotPresent' },
    'what the pod says': { image: IMAGE, pullPolicy: 'Never', want: 'Never' },
  };
  for (const [what, { image, pullPolicy, want }] of Object.entries(policies)) {
    it(`that its imagePullPolicy is ${what}`, () => {
      const step = steps(pod({ containers: [container({ image, pullPolicy })] }), around()).find(({ check }) => check === 'PullPolicy');
      expect(step).to.include({ reason: want, mark: 'note' });
    });
  }
});

describe('The doctor understands of the kubelet', () => {
  const containerd = (words: string) => `failed to pull and unpack image "${IMAGE}": failed to resolve reference "${IMAGE}": ${words}`;
  const table: Record<string, { words: string; reason?: string; want: string }> = {
    '401, containerd': {
      words: containerd(
        `failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://${SERVER}/token?scope=repository%3Aacme%2Fapp%3Apull: 401 Unauthorized`,
      ),
      want: 'Unauthorized',
    },
    '401, a back-off with the last error': {
      words: `Back-off pulling image "${IMAGE}": ErrImagePull: unexpected status from HEAD request to https://${SERVER}/v2/acme/app/manifests/1: 401 Unauthorized`,
      reason: 'ImagePullBackOff',
      want: 'Unauthorized',
    },
    '401, CRI-O': {
      words: `initializing source docker://${IMAGE}: reading manifest 1 in ${SERVER}/acme/app: unauthorized: authentication required`,
      want: 'Unauthorized',
    },
    '403': {
      words: containerd(`unexpected status from HEAD request to https://${SERVER}/v2/acme/app/manifests/1: 403 Forbidden`),
      want: 'Forbidden',
    },
    '403, of GitHub': { words: containerd('failed to authorize: failed to fetch anonymous token: denied: denied'), want: 'Forbidden' },
    'denied or not there, of Docker Hub': {
      words: containerd(
        'pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
      ),
      want: 'DeniedOrNotFound',
    },
    'not found, containerd': { words: containerd(`${IMAGE}: not found`), want: 'NotFound' },
    'not found, CRI-O': { words: `reading manifest 1 in ${SERVER}/acme/app: manifest unknown: manifest unknown`, want: 'NotFound' },
    'too many pulls': {
      words: containerd(
        `unexpected status from HEAD request to https://${SERVER}/v2/acme/app/manifests/1: 429 Too Many Requests - Server message: toomanyrequests: You have reached your unauthenticated pull rate limit.`,
      ),
      want: 'RateLimited',
    },
    'a certificate of an unknown authority': {
      words: containerd(
        `failed to do request: Head "https://${SERVER}/v2/acme/app/manifests/1": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
      ),
      want: 'CertificateNotTrusted',
    },
    'plain HTTP': {
      words: containerd(
        `failed to do request: Head "https://${SERVER}/v2/acme/app/manifests/1": http: server gave HTTP response to HTTPS client`,
      ),
      want: 'CertificateNotTrusted',
    },
    'a name that is not known': {
      words: containerd(
        `failed to do request: Head "https://${SERVER}/v2/acme/app/manifests/1": dial tcp: lookup ${SERVER} on 10.0.0.2:53: no such host`,
      ),
      want: 'NameNotResolved',
    },
    'a name server that does not work': {
      words: containerd(
        `failed to do request: Head "https://${SERVER}/v2/": dial tcp: lookup ${SERVER}: Temporary failure in name resolution`,
      ),
      want: 'NameNotResolved',
    },
    'a registry that does not answer': {
      words: containerd(`failed to do request: Head "https://${SERVER}/v2/": dial tcp 10.1.2.3:443: i/o timeout`),
      want: 'Unreachable',
    },
    'a registry that refuses the connection': {
      words: containerd(`failed to do request: Head "https://${SERVER}/v2/": dial tcp 10.1.2.3:443: connect: connection refused`),
      want: 'Unreachable',
    },
    'a registry that is out of order': {
      words: 'image pull failed because the registry is unavailable: 503 Service Unavailable',
      reason: 'RegistryUnavailable',
      want: 'Unreachable',
    },
    'another kind of processor': {
      words: `failed to pull and unpack image "${IMAGE}": no match for platform in manifest: not found`,
      want: 'NoSuchPlatform',
    },
    'a Secret that it cannot parse': {
      words: 'unable to parse auth field, must be formatted as base64(username:password)',
      reason: 'ImagePullError',
      want: 'ConfigRefused',
    },
    'a full disk': { words: containerd('write /var/lib/containerd/x: no space left on device'), want: 'DiskFull' },
    'that it holds back': { words: 'pull QPS exceeded', want: 'KubeletHeldBack' },
    'an image that it may not pull': {
      words: `Container image "${IMAGE}" is not present with pull policy of Never`,
      reason: 'ErrImageNeverPull',
      want: 'ErrImageNeverPull',
    },
    'a name that is none': { words: 'Failed to apply default image tag', reason: 'InvalidImageName', want: 'InvalidImageName' },
    'words that it does not know': { words: 'sesame', want: 'ErrImagePull' },
  };
  for (const [what, { words, reason, want }] of Object.entries(table)) {
    it(`${what}: ${want}`, () => {
      const all = steps(pod({ containers: [failing(words, reason)] }), around());
      const step = all.find(({ check }) => check === 'Kubelet');
      expect(step).to.include({ mark: 'wrong', reason: want });
      expect(step?.mend).to.be.a('string').that.does.not.equal('');
    });
  }

  it('nothing by a name that has such words in it', () => {
    const image = `${SERVER}/unauthorized/not-found:401`;
    const all = steps(
      pod({ containers: [failing(`failed to pull "${image}": ${image}: dial tcp 10.1.2.3:443: i/o timeout`, 'ErrImagePull', { image })] }),
      around(),
    );
    expect(all.find(({ check }) => check === 'Kubelet')).to.include({ reason: 'Unreachable' });
  });

  it('what it said at its last try, where the state says only that it waits', () => {
    const said = (message: string, at: number) => ({ reason: 'Failed', message: `Failed to pull image "${IMAGE}": ${message}`, at });
    const events = there([
      said('no such host', NOW - 600_000),
      said('401 Unauthorized', NOW - 60_000),
      { ...said('403', NOW), message: 'Failed to pull image "other": 403' },
    ]);
    const all = steps(pod({ containers: [failing(`Back-off pulling image "${IMAGE}"`, 'ImagePullBackOff')] }), around({ events }));
    expect(all.find(({ check }) => check === 'Kubelet'))
      .to.include({ reason: 'Unauthorized' })
      .and.have.property('message')
      .that.contains('60s ago');
  });

  it('what it says in the state, where that has the words itself', () => {
    const events = there([{ reason: 'Failed', message: `Failed to pull image "${IMAGE}": no such host`, at: NOW - 600_000 }]);
    const all = steps(
      pod({ containers: [failing(`Back-off pulling image "${IMAGE}": ErrImagePull: 401 Unauthorized`)] }),
      around({ events }),
    );
    expect(all.find(({ check }) => check === 'Kubelet')).to.include({ reason: 'Unauthorized' });
  });

  it('where another password goes: into the source, not into the copy', () => {
    const [step] = steps(pod({ containers: [failing('401 Unauthorized')] }), around()).filter(({ check }) => check === 'Kubelet');
    expect(step?.message).to.contain(`${SERVER} does not accept robot of Secret acme`);
    expect(step?.mend).to.contain(
      'Put a password that is accepted into Secret sources/robot, the source of RegistryCredential acme (not in the copy)',
    );
  });

  it('nothing that is secret in its words', () => {
    const all = steps(
      pod({ containers: [failing(`denied: {"auth":"${base64(`robot:${PASSWORD}`)}","password":"${PASSWORD}"}`)] }),
      around(),
    );
    expect(JSON.stringify(all))
      .to.not.contain(PASSWORD)
      .and.not.contain(base64(`robot:${PASSWORD}`));
  });
});

describe('The doctor says of a namespace', () => {
  const none = { pods: there([]), stuck: 0, shown: 10 };
  const accounts = there([referring('acme'), account({ name: 'builder' })]);
  const table: Record<
    string,
    { around?: Surroundings; accounts?: Looked<readonly AccountRecord[]>; pods?: typeof none; want: string; mend?: string }
  > = {
    'that all is in place': { want: 'fine' },
    'that pods wait': { pods: { ...none, stuck: 11 }, want: 'wrong Kubelet PodsWait' },
    'that it is being deleted': {
      around: around({ namespace: there(namespace({ terminating: true })) }),
      want: 'wrong Namespace NamespaceTerminating',
    },
    'that it has opted out': {
      around: around({ namespace: there(namespace({ labels: { 'regcred.dev/exclude': 'true' } })) }),
      want: 'wrong Namespace NamespaceOptedOut',
    },
    'that regcred is not installed': { around: around({ credentials: missing }), want: 'wrong Credential NotInstalled' },
    'that the Secret is not there': {
      around: around({ secrets: new Map([['acme', missing]]) }),
      want: 'wrong Credential NotPlaced',
      mend: 'whether the operator runs',
    },
    'that somebody else has a Secret there': {
      around: around({}, [secret({ credential: undefined })]),
      want: 'wrong Credential NotPlaced',
    },
    'that the Secret is broken': { around: around({}, [holding({ [SERVER]: { auth: '!' } })]), want: 'wrong Secret AuthNotBase64' },
    'which accounts lack the name': { accounts: there([account()]), want: 'wrong Account NotReferenced' },
    'what right it takes to see the credentials': {
      around: around({ credentials: forbidden('list registrycredentials.regcred.dev') }),
      want: 'unseen Credential Forbidden',
    },
    'what right it takes to see the namespace': {
      around: around({ namespace: forbidden('get namespace shop') }),
      want: 'unseen Namespace Forbidden',
    },
    'what right it takes to see the accounts': {
      accounts: forbidden('list serviceaccounts in namespace shop'),
      want: 'unseen Account Forbidden',
      mend: 'list serviceaccounts in namespace shop',
    },
    'that nothing is meant for it, which may be right': {
      around: around({ credentials: there([acme({ spec: { namespaces: { names: ['team-*'] } } })]) }),
      want: 'fine',
    },
  };
  for (const [what, { around: world = around(), accounts: some = accounts, pods = none, want, mend = '' }] of Object.entries(table)) {
    it(what, () => {
      const all = examineNamespace('shop', world, some, pods);
      expect(found(all), JSON.stringify(all, null, 1)).to.equal(want);
      expect(first(all)?.mend ?? '').to.contain(mend);
    });
  }
});

describe('The doctor says of registries that were asked', () => {
  const as = (server: string) => ({ username: 'robot', secret: 'acme', server });
  const no = { ok: false, words: '401 Unauthorized' } as const;
  const asking = (...answers: Asked[]) =>
    examine({ pod: pod(), around: around(), asked: new Map([[IMAGE, answers]]), fingerprint })
      .filter(({ check }) => check === 'Registry')
      .map(({ mark, reason }) => `${mark} ${reason}`);

  it('that one lets it in', () => expect(asking({ as: as(SERVER), answer: { ok: true } })).to.deep.equal(['ok Allowed']));
  it('that it does not', () => expect(asking({ as: as(SERVER), answer: no })).to.deep.equal(['wrong Unauthorized']));
  it('that the kubelet comes to the second entry after the first', () =>
    expect(asking({ as: as(`${SERVER}/acme`), answer: no }, { as: as(SERVER), answer: { ok: true } })).to.deep.equal([
      'note Unauthorized',
      'ok Allowed',
    ]));
  it('what it said, where that is not known', () =>
    expect(asking({ as: undefined, answer: { ok: false, words: 'sesame' } })).to.deep.equal(['wrong Refused']));
});

describe('What the doctor finds in a file', () => {
  const spec = { containers: [{ name: 'web', image: IMAGE }] };
  const table: Record<string, readonly [file: unknown, pods: string[]]> = {
    'a pod': [{ kind: 'Pod', metadata: { name: 'web' }, spec }, ['Pod/web shop']],
    'a Deployment in a namespace of its own': [
      { kind: 'Deployment', metadata: { name: 'web', namespace: 'own' }, spec: { template: { spec } } },
      ['Deployment/web own'],
    ],
    'a CronJob': [
      { kind: 'CronJob', metadata: { name: 'web' }, spec: { jobTemplate: { spec: { template: { spec } } } } },
      ['CronJob/web shop'],
    ],
    'a PodTemplate': [{ kind: 'PodTemplate', metadata: { name: 'web' }, template: { spec } }, ['PodTemplate/web shop']],
    'a list': [{ kind: 'List', items: [{ kind: 'Pod', metadata: { name: 'a' }, spec }, { kind: 'Service' }, null] }, ['Pod/a shop']],
    'what pods are not made of': [{ kind: 'ConfigMap', metadata: { name: 'web' }, data: { spec } }, []],
    'nothing that makes sense': [{ kind: 'Pod', metadata: null, spec: { containers: { name: 'web' } } }, []],
  };
  for (const [what, [file, pods]] of Object.entries(table)) {
    it(what, () => expect(podsIn([file as Manifest], 'shop').map(({ name, pod }) => `${name} ${pod.namespace}`)).to.deep.equal(pods));
  }

  it('every image of a pod: of its containers of all kinds, and of its volumes', () => {
    const some = (name: string) => [{ name, image: name }];
    const all = {
      initContainers: some('first'),
      containers: [...some('web'), null, { name: 'none' }],
      ephemeralContainers: some('debug'),
      volumes: [{ name: 'models', image: { reference: 'models', pullPolicy: 'Always' } }, { name: 'empty' }],
    };
    const { containers } = templateOf({ spec: all } as unknown as Manifest, 'shop');
    expect(containers.map(({ image }) => image)).to.deep.equal(['first', 'web', 'debug', 'models']);
  });
});

describe('What the doctor says', () => {
  const finding = (...marks: Step['mark'][]) => ({
    subject: 'pod/web-0',
    namespace: 'shop',
    steps: marks.map((mark, n): Step => ({ check: 'Image', mark, reason: 'R', message: `step ${n}`, mend: `mend ${n}` })),
  });
  const lines = (...marks: Step['mark'][]) =>
    text([finding(...marks)])
      .trimEnd()
      .split('\n');

  it('has a mark for each step, and the mend of the first that is wrong', () =>
    expect(lines('ok', 'unseen', 'note', 'wrong', 'wrong')).to.deep.equal([
      'pod/web-0 in namespace shop',
      '✔ step 0',
      '? step 1',
      '· step 2',
      '✘ step 3',
      '  → mend 3',
      '✘ step 4',
    ]));
  it('has the mend of the first that cannot be seen, where nothing is wrong', () =>
    expect(lines('unseen', 'unseen')).to.include('  → mend 0').and.not.include('  → mend 1'));
  it('holds nothing that a terminal obeys', () => {
    const [, line] = text([
      { ...finding(), steps: [{ check: 'Kubelet', mark: 'wrong', reason: 'R', message: 'a\u001b[2Jb\u202ec\nd' }] },
    ]).split('\n');
    expect(line).to.equal('✘ a [2Jb c d');
  });

  const codes: Record<string, readonly [marks: Step['mark'][], code: number]> = {
    'all is well': [['ok', 'note'], 0],
    'something is wrong': [['ok', 'unseen', 'wrong'], 1],
    'something cannot be seen': [['ok', 'unseen'], 2],
  };
  for (const [what, [marks, code]] of Object.entries(codes))
    it(`ends with ${code} where ${what}`, () => expect(exitCodeOf([finding(...marks)])).to.equal(code));
});

describe('A fingerprint', () => {
  it('is the same for the same password of a Secret, and another for another, or in another Secret', () => {
    const all = [
      realFingerprint(PASSWORD, 'uid-a'),
      realFingerprint(PASSWORD, 'uid-a'),
      realFingerprint(`${PASSWORD}2`, 'uid-a'),
      realFingerprint(PASSWORD, 'uid-b'),
    ];
    for (const one of all) expect(one).to.match(/^[0-9a-f]{5}$/);
    expect(all[1]).to.equal(all[0]);
    expect(new Set(all).size).to.equal(3);
  });
});

describe('docs/pods.md', () => {
  const text = readFileSync('docs/pods.md', 'utf8');
  const directory = 'src/cli/doctor';
  const source = readdirSync(directory)
    .map((file) => readFileSync(`${directory}/${file}`, 'utf8'))
    .join('\n');
  const said = Array.from(source.matchAll(/reason: (?:why\?\.reason \?\? )?'(\w+)'/g), ([, reason]) => reason as string);
  const waited = Array.from(source.matchAll(/^ {2}(\w+): \((?:image)?\) => \({$/gm), ([, reason]) => reason as string);
  // All is well, or it only leads to what follows.
  const fine = ['Active', 'Allowed', 'Matching', 'Named', 'None', 'NoneWaits', 'NotNeeded', 'Parsed', 'Referenced', 'Valid'];
  const reasons = new Set([...said, ...waited].filter((reason) => !fine.includes(reason)));

  it('is looked at for all of them', () =>
    expect([...reasons]).to.include.members(['MadeTooEarly', 'SecretMissing', 'RateLimited', 'ErrImageNeverPull']));
  for (const reason of reasons) it(`says what ${reason} is`, () => expect(text).to.contain(`\`${reason}\``));
});
