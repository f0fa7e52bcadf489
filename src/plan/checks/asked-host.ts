import { DOCKER_HUB } from '../content/server.ts';

/** The host that serves the images of Docker Hub. Its other names serve web pages or the old API. */
const DOCKER_HUB_API = 'registry-1.docker.io';

const HOST = /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[a-f0-9:.]+\])(?::[0-9]{1,5})?$/i;

/**
 * The host that is asked for a canonical server (canonicalServer), with its port, in small letters. Undefined for a pattern such as
 * `*.example.com`, and for anything else that is not the name of one host.
 */
export function hostToAsk(server: string): string | undefined {
  if (server === DOCKER_HUB) return DOCKER_HUB_API;
  const host = server.split('/', 1)[0] as string;
  if (!HOST.test(host)) return undefined;
  return host === 'docker.io' ? DOCKER_HUB_API : host.toLowerCase();
}

/** How messages name a canonical server: `docker.io` for Docker Hub. */
export const nameOfServer = (server: string): string => (server === DOCKER_HUB ? 'docker.io' : server);
