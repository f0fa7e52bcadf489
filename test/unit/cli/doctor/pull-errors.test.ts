import { expect } from 'chai';
import { base64 } from '../../../support/builders.ts';
import { around, failing, found, IMAGE, NOW, PASSWORD, pod, SERVER, steps } from '../../../support/doctor.ts';

describe("The doctor explains the kubelet's message", () => {
  const containerd = (words: string) => `failed to pull and unpack image "${IMAGE}": failed to resolve reference "${IMAGE}": ${words}`;
  const table: Record<string, { words: string; reason?: string; want: string }> = {
    'a 401 of containerd': {
      words: containerd(
        `failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://${SERVER}/token?scope=repository%3Aacme%2Fapp%3Apull: 401 Unauthorized`,
      ),
      want: 'Unauthorized',
    },
    'a 401 in a back-off that repeats the last error': {
      words: `Back-off pulling image "${IMAGE}": ErrImagePull: unexpected status from HEAD request to https://${SERVER}/v2/acme/app/manifests/1: 401 Unauthorized`,
      reason: 'ImagePullBackOff',
      want: 'Unauthorized',
    },
    'a 401 of CRI-O': {
      words: `initializing source docker://${IMAGE}: reading manifest 1 in ${SERVER}/acme/app: unauthorized: authentication required`,
      want: 'Unauthorized',
    },
    'a 403': {
      words: containerd(`unexpected status from HEAD request to https://${SERVER}/v2/acme/app/manifests/1: 403 Forbidden`),
      want: 'Forbidden',
    },
    'a 403 of GitHub': { words: containerd('failed to authorize: failed to fetch anonymous token: denied: denied'), want: 'Forbidden' },
    'denied or not found, as Docker Hub says': {
      words: containerd(
        'pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
      ),
      want: 'DeniedOrNotFound',
    },
    'an image that containerd does not find': { words: containerd(`${IMAGE}: not found`), want: 'NotFound' },
    'an image that CRI-O does not find': {
      words: `reading manifest 1 in ${SERVER}/acme/app: manifest unknown: manifest unknown`,
      want: 'NotFound',
    },
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
    'an unknown host name': {
      words: containerd(
        `failed to do request: Head "https://${SERVER}/v2/acme/app/manifests/1": dial tcp: lookup ${SERVER} on 10.0.0.2:53: no such host`,
      ),
      want: 'NameNotResolved',
    },
    'a broken name server': {
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
    'a registry that is unavailable': {
      words: 'image pull failed because the registry is unavailable: 503 Service Unavailable',
      reason: 'RegistryUnavailable',
      want: 'Unreachable',
    },
    'another processor architecture': {
      words: `failed to pull and unpack image "${IMAGE}": no match for platform in manifest: not found`,
      want: 'NoSuchPlatform',
    },
    'a Secret that the kubelet cannot parse': {
      words: 'unable to parse auth field, must be formatted as base64(username:password)',
      reason: 'ImagePullError',
      want: 'ConfigRefused',
    },
    'a full disk': { words: containerd('write /var/lib/containerd/x: no space left on device'), want: 'DiskFull' },
    'its own limit of pulls': { words: 'pull QPS exceeded', want: 'KubeletHeldBack' },
    'an image with pull policy Never': {
      words: `Container image "${IMAGE}" is not present with pull policy of Never`,
      reason: 'ErrImageNeverPull',
      want: 'ErrImageNeverPull',
    },
    'a name that is not valid': { words: 'Failed to apply default image tag', reason: 'InvalidImageName', want: 'InvalidImageName' },
    'an unknown message': { words: 'sesame', want: 'ErrImagePull' },
  };
  for (const [what, { words, reason, want }] of Object.entries(table)) {
    it(`about ${what} as ${want}`, () => {
      const all = steps(pod({ containers: [failing(words, reason)] }), around());
      const step = all.find(({ check }) => check === 'Kubelet');
      expect(step).to.include({ mark: 'wrong', reason: want });
      expect(step?.fix).to.be.a('string').that.does.not.equal('');
    });
  }

  it('without being misled by words in the image name', () => {
    const image = `${SERVER}/unauthorized/not-found:401`;
    const all = steps(
      pod({ containers: [failing(`failed to pull "${image}": ${image}: dial tcp 10.1.2.3:443: i/o timeout`, 'ErrImagePull', { image })] }),
      around(),
    );
    expect(all.find(({ check }) => check === 'Kubelet')).to.include({ reason: 'Unreachable' });
  });

  it('by the last Event, if the state has no error', () => {
    const said = (message: string, at: number) => ({ reason: 'Failed', message: `Failed to pull image "${IMAGE}": ${message}`, at });
    const events = found([
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

  it('by the state, if it has the error', () => {
    const events = found([{ reason: 'Failed', message: `Failed to pull image "${IMAGE}": no such host`, at: NOW - 600_000 }]);
    const all = steps(
      pod({ containers: [failing(`Back-off pulling image "${IMAGE}": ErrImagePull: 401 Unauthorized`)] }),
      around({ events }),
    );
    expect(all.find(({ check }) => check === 'Kubelet')).to.include({ reason: 'Unauthorized' });
  });

  it('and says to change the source, not the copy', () => {
    const [step] = steps(pod({ containers: [failing('401 Unauthorized')] }), around()).filter(({ check }) => check === 'Kubelet');
    expect(step?.message).to.contain(`${SERVER} does not accept robot of Secret acme`);
    expect(step?.fix).to.contain('Put a valid password into Secret sources/robot, the source of RegistryCredential acme (not in the copy)');
  });

  it('without any secret value in it', () => {
    const all = steps(
      pod({ containers: [failing(`denied: {"auth":"${base64(`robot:${PASSWORD}`)}","password":"${PASSWORD}"}`)] }),
      around(),
    );
    expect(JSON.stringify(all))
      .to.not.contain(PASSWORD)
      .and.not.contain(base64(`robot:${PASSWORD}`));
  });
});
