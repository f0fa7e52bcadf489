/** The manifest of the plugin for krew (https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/). */
import { stringify } from 'yaml';

const REPOSITORY = 'https://github.com/regcred/regcred';

/** The platforms of scripts/executables.ts, in krew's words. */
export const KREW_PLATFORMS = ['linux-amd64', 'linux-arm64', 'darwin-amd64', 'darwin-arm64'] as const;

export const archiveOf = (version: string, platform: string): string => `kubectl-regcred-${version}-${platform}.tar.gz`;

/** `sums`: the SHA-256 of each archive, by its platform. Throws if one is missing, because krew would then offer the plugin on some platforms only. */
export function krewManifest(version: string, sums: Readonly<Record<string, string>>): string {
  const platforms = KREW_PLATFORMS.map((platform) => {
    const sha256 = sums[platform];
    if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) throw new Error(`There is no SHA-256 of ${archiveOf(version, platform)}.`);
    const [os, arch] = platform.split('-');
    return {
      selector: { matchLabels: { os, arch } },
      uri: `${REPOSITORY}/releases/download/v${version}/${archiveOf(version, platform)}`,
      sha256,
      bin: 'kubectl-regcred',
    };
  });
  return stringify(
    {
      apiVersion: 'krew.googlecontainertools.github.com/v1alpha2',
      kind: 'Plugin',
      metadata: { name: 'regcred' },
      spec: {
        version: `v${version}`,
        homepage: REPOSITORY,
        shortDescription: 'Explain and manage registry pull secrets',
        description:
          'Explains why a pod cannot pull its image, shows the status of RegistryCredentials\nin the terminal and on a live page, asks their registries, and creates and\nremoves them. The operator regcred distributes the credentials.\n',
        caveats: `All commands but doctor and create need the operator in the cluster:\n${REPOSITORY}#install-it-on-a-cluster\n`,
        platforms,
      },
    },
    { lineWidth: 0 },
  );
}
