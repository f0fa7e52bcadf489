/** Possible values of server under spec.registries: what the API answers, and what the kubelet does with them. */

/** Each with an image that it matches. */
export const USABLE: Record<string, string> = {
  'ghcr.io': 'ghcr.io/acme/app',
  'https://ghcr.io': 'ghcr.io/acme/app',
  'registry.example.com:5000': 'registry.example.com:5000/app',
  'registry.example.com:1': 'registry.example.com:1/app',
  'registry.example.com:65535': 'registry.example.com:65535/app',
  'registry.example.com:5000/team/app': 'registry.example.com:5000/team/app',
  'registry.example.com/team': 'registry.example.com/team-b/app',
  'registry.example.com/team/': 'registry.example.com/team/app',
  'registry.example.com/a_b.c--d': 'registry.example.com/a_b.c--d',
  'registry.example.com/v2/': 'registry.example.com/app',
  '*.example.com': 'eu.example.com/app',
  '*.*.example.com': 'a.eu.example.com/app',
  'eu-*.example.com:5000': 'eu-1.example.com:5000/app',
  '*:5000': 'registry:5000/app',
  'registry:5000': 'registry:5000/app',
  localhost: 'localhost/app',
  'localhost:5000': 'localhost:5000/app',
  '10.0.0.1': '10.0.0.1/app',
  '[::1]:5000': '[::1]:5000/app',
  'https://[fd00::1]:443/team': '[fd00::1]:443/team/app',
  'docker.io': 'nginx',
  'index.docker.io': 'acme/app',
  'https://index.docker.io/v1/': 'acme/app',
  'https://index.docker.io/v1': 'docker.io/acme/app',
  'registry-1.docker.io': 'index.docker.io/acme/app',
  'docker.io/acme': 'acme/app',
};

const SHAPE = 'must be a registry as it appears in image names';
const PATH = 'the path must be the start of an image name';
const PORT = 'the port must be a number from 1 to 65535';
const ONE_LABEL = 'the host must contain a dot, have a port, or be localhost';

/** Each with an image that the user may have meant, and the message of the API. */
export const UNUSABLE: Record<string, { readonly image: string; readonly says: string }> = {
  'a..example.com': { image: 'a.b.example.com/app', says: SHAPE },
  '.example.com': { image: 'eu.example.com/app', says: SHAPE },
  'example.com.': { image: 'example.com/app', says: SHAPE },
  'a-.example.com': { image: 'a-b.example.com/app', says: SHAPE },
  'ghcr.io:latest': { image: 'ghcr.io/app:latest', says: SHAPE },
  'ghcr.io:5000:5000': { image: 'ghcr.io:5000/app', says: SHAPE },
  'ghcr.io:': { image: 'ghcr.io:5000/app', says: SHAPE },
  'ghcr.io:*': { image: 'ghcr.io:5000/app', says: SHAPE },
  '::1': { image: '[::1]:5000/app', says: SHAPE },
  'eu[12].example.com': { image: 'eu1.example.com/app', says: SHAPE },
  'oci://ghcr.io': { image: 'ghcr.io/app', says: SHAPE },
  'HTTPS://ghcr.io': { image: 'ghcr.io/app', says: SHAPE },
  'https://https://ghcr.io': { image: 'ghcr.io/app', says: SHAPE },
  'ghcr.io/acme/app:1.2': { image: 'ghcr.io/acme/app:1.2', says: PATH },
  'ghcr.io/acme/*': { image: 'ghcr.io/acme/app', says: PATH },
  'ghcr.io/Acme': { image: 'ghcr.io/acme/app', says: PATH },
  'ghcr.io//acme': { image: 'ghcr.io/acme/app', says: PATH },
  'ghcr.io/acme//': { image: 'ghcr.io/acme/app', says: PATH },
  'ghcr.io/_acme': { image: 'ghcr.io/acme/app', says: PATH },
  'ghcr.io/acme@sha256:0': { image: 'ghcr.io/acme', says: PATH },
  'ghcr.io/%zz': { image: 'ghcr.io/zz', says: PATH },
  'ghcr.io:0': { image: 'ghcr.io/app', says: PORT },
  'ghcr.io:05000': { image: 'ghcr.io:5000/app', says: PORT },
  'ghcr.io:100000': { image: 'ghcr.io:10000/app', says: PORT },
  registry: { image: 'registry/app', says: ONE_LABEL },
  'https://registry/team': { image: 'registry/team/app', says: ONE_LABEL },
  '*': { image: 'ghcr.io/app', says: ONE_LABEL },
  '[::1]': { image: '[::1]/app', says: 'an IPv6 address needs a port' },
  'https://[fd00::1]/team': { image: '[fd00::1]/team/app', says: 'an IPv6 address needs a port' },
};

/** The kubelet would match them, but no registry can have such a port. */
export const NOT_THERE = ['ghcr.io:65536', 'ghcr.io:66000', 'ghcr.io:70000/acme', 'ghcr.io:99999'];
