import { expect } from 'chai';
import { formatImage, parseImage } from '../../../../src/plan/matching/image.ts';
import { cpuMs } from '../../../support/cpu-time.ts';

describe("An image's name", () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const means: Record<string, string> = {
    nginx: 'docker.io/library/nginx:latest',
    'nginx:1.27': 'docker.io/library/nginx:1.27',
    'acme/app': 'docker.io/acme/app:latest',
    'index.docker.io/acme/app': 'docker.io/acme/app:latest',
    'docker.io/nginx': 'docker.io/library/nginx:latest',
    'registry/app:1': 'docker.io/registry/app:1',
    'registry:5000/app': 'registry:5000/app:latest',
    'localhost/app': 'localhost/app:latest',
    'Registry/app': 'Registry/app:latest',
    [`ghcr.io/${'a'.repeat(255)}`]: `ghcr.io/${'a'.repeat(255)}:latest`,
    'ghcr.io/acme/app:1': 'ghcr.io/acme/app:1',
    [`ghcr.io/acme/app@${digest}`]: `ghcr.io/acme/app@${digest}`,
    [`ghcr.io/acme/app:1@${digest}`]: `ghcr.io/acme/app:1@${digest}`,
  };
  for (const [written, want] of Object.entries(means)) {
    it(`${written.slice(0, 80)} means ${want.slice(0, 80)}`, () => {
      const image = parseImage(written);
      expect(image && formatImage(image)).to.equal(want);
    });
  }

  for (const written of [
    '',
    'ghcr.io/Acme/app',
    'ghcr.io/acme/app:',
    'ghcr.io/acme/app:1:2',
    'ghcr.io/:1',
    'ghcr.io/',
    '/app',
    ':1',
    `@${digest}`,
    `ghcr.io/@${digest}`,
    `ghcr.io/acme/app:@${digest}`,
    `ghcr.io/acme/app@${digest}@${digest}`,
    `ghcr.io/${'a'.repeat(256)}`,
    'https://ghcr.io/acme/app',
    'ghcr.io/acme/app@sha256:1',
    '0'.repeat(64),
  ]) {
    it(`cannot be ${JSON.stringify(written).slice(0, 100)}`, () => expect(parseImage(written)).to.equal(undefined));
  }

  it('is parsed in linear time, however hostile it is', () => {
    const long = 200_000;
    const hostile = [
      `${'a-'.repeat(long)}/a`,
      `${'a.'.repeat(long)}/A`,
      `a.b/${'a__'.repeat(long)}`,
      `a.b/${'a/'.repeat(long)}`,
      `a:${'-'.repeat(long)}`,
    ];
    const started = cpuMs();
    for (const written of hostile) expect(parseImage(written)).to.equal(undefined);
    expect(cpuMs() - started).to.be.below(1000);
  });
});
