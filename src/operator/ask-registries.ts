import { lookup } from 'node:dns/promises';
import type { RegistrySettings } from '../config.ts';
import { type ProxySettings, proxySettings } from '../net/proxy.ts';
import { firstMalformed } from '../net/trust.ts';
import { readPem } from '../plan/checks/ca-bundle.ts';
import type { AskRegistry } from '../reconcile/registry-checks.ts';
import { registryClient } from '../registry/probe.ts';

/** What the process knows of its surroundings that matters for requests to registries. */
export interface RegistrySurroundings {
  /** The environment: proxies, and the identities and endpoints of the clouds. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly proxy: ProxySettings;
  /** The certificates of `--registry-ca-file`, each in PEM. */
  readonly caFile: readonly string[];
  /** The API server as a pod reaches it: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT. */
  readonly apiService: { readonly host: string; readonly port: number } | undefined;
}

/** Throws if the text of `--registry-ca-file` has no certificate, or a malformed one. */
export function registrySurroundings(env: Readonly<Record<string, string | undefined>>, caPem: string | undefined): RegistrySurroundings {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  return {
    env,
    proxy: proxySettings(env),
    caFile: caPem === undefined ? [] : certificatesIn(caPem),
    apiService: host && port ? { host, port: Number(port) } : undefined,
  };
}

function certificatesIn(pem: string): readonly string[] {
  const { certificates } = readPem(pem);
  if (certificates.length === 0) throw new Error('it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)');
  const malformed = firstMalformed(certificates);
  if (malformed !== undefined) throw new Error(`certificate ${malformed} in it is not an X.509 certificate`);
  return certificates;
}

/** Asks registries with the operator's settings. The addresses of the API server are looked up at the first question. */
export function askRegistries(
  settings: RegistrySettings,
  { proxy, caFile, apiService }: RegistrySurroundings,
  apiServer: string | undefined,
): AskRegistry {
  const hosts = [
    ...(apiService ? [apiService] : []),
    ...(apiServer !== undefined && URL.canParse(apiServer) ? [hostOf(new URL(apiServer))] : []),
  ];
  let client: Promise<ReturnType<typeof registryClient>> | undefined;
  const open = async () => {
    const apiServers = (await Promise.all(hosts.map(addressesOf))).flat();
    return registryClient({ proxy, caFile, apiServers, insecureRegistries: settings.insecure, now: Date.now });
  };
  return async ({ host, auth, image, caBundle, allowPrivate: isTrusted }, signal) => {
    client ??= open();
    const withGitHubExpiry = settings.expiryLookup === 'github';
    const allowPrivate = isTrusted || settings.private.includes(host);
    return (await client).check({ host, login: { auth }, caBundle, allowPrivate, withGitHubExpiry, ...(image && { image }) }, signal);
  };
}

const hostOf = ({ hostname, port, protocol }: URL) => ({
  host: hostname.replace(/^\[|\]$/g, ''),
  port: Number(port) || (protocol === 'http:' ? 80 : 443),
});

/** A name that cannot be resolved leads nowhere, so it needs no protection. */
async function addressesOf({ host, port }: { host: string; port: number }): Promise<{ address: string; port: number }[]> {
  const addresses = await lookup(host, { all: true }).catch(() => []);
  return addresses.map(({ address }) => ({ address, port }));
}
