/** The names of existing objects that can follow on the command line. */
import { path, type WorkloadResource } from '../cluster/paths.ts';
import { clusterFlags } from './completion-flags.ts';
import { WORKLOADS, workloadKind } from './doctor/workloads.ts';
import { type KubeconfigIo, loadKubeconfig, withCluster } from './kubeconfig.ts';

export type Choice = readonly [word: string, description?: string];

/** What `namesOf` can list. */
type Resource = 'registrycredentials' | 'namespacedregistrycredentials' | 'namespaces' | 'pods' | 'serviceaccounts' | WorkloadResource;

/** The commands whose arguments are names of RegistryCredentials. */
const TAKES_CREDENTIALS: ReadonlySet<string> = new Set(['status', 'check', 'cleanup']);

const TIMEOUT_MS = 3000;

/** More names than a person reads. */
const MAX_NAMES = 500;

/** The arguments of a command that name objects. The last word is the one to complete. */
export async function subjectsOf(command: string, words: readonly string[], io: KubeconfigIo): Promise<readonly Choice[]> {
  const last = words.at(-1) ?? '';
  const slash = last.indexOf('/');
  const kind = slash < 0 ? undefined : last.slice(0, slash);
  if (TAKES_CREDENTIALS.has(command)) {
    const isNamespaced = clusterFlags(words).namespace !== undefined;
    const names = await namesOf(isNamespaced ? 'namespacedregistrycredentials' : 'registrycredentials', words, io);
    return kind === undefined ? names : prefixed(kind, names);
  }
  if (command !== 'doctor') return [];
  const resource = resourceOf(kind ?? words.at(-2) ?? '');
  if (resource === undefined) return kind === undefined ? SUBJECTS : [];
  const names = await namesOf(resource, words, io);
  return kind === undefined ? names : prefixed(kind, names);
}

/** The subjects of `doctor`. After a slash, the names follow. */
const SUBJECTS: readonly Choice[] = [
  ['pod/', 'a pod'],
  ...WORKLOADS.map(({ kind }): Choice => [`${kind.toLowerCase()}/`, `the pods of a ${kind}`]),
  ['serviceaccount/', 'the pods of a ServiceAccount'],
  ['image', 'an image that a new pod would pull'],
  ['namespace', 'a namespace'],
];

const prefixed = (kind: string, names: readonly Choice[]): Choice[] => names.map(([name]) => [`${kind}/${name}`]);

function resourceOf(kind: string): Resource | undefined {
  const lower = kind.toLowerCase();
  if (['pod', 'pods', 'po'].includes(lower)) return 'pods';
  if (['serviceaccount', 'serviceaccounts', 'sa'].includes(lower)) return 'serviceaccounts';
  if (['namespace', 'namespaces', 'ns'].includes(lower)) return 'namespaces';
  return workloadKind(kind)?.resource;
}

interface NamedList {
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
}

/** The names of the existing objects; none if the cluster does not answer: an error would disturb the command line. */
export async function namesOf(resource: Resource, words: readonly string[], io: KubeconfigIo): Promise<readonly Choice[]> {
  const { namespace, ...flags } = clusterFlags(words);
  try {
    const config = await loadKubeconfig(flags, io);
    const current = config.getContextObject(config.getCurrentContext())?.namespace;
    const at = pathOf(resource, encodeURIComponent(namespace ?? current ?? 'default'));
    return await withCluster(flags, io, '', async (kube) => {
      const query = { limit: String(MAX_NAMES) };
      const { items } = await kube.call<NamedList>('GET', at, { query, signal: AbortSignal.timeout(TIMEOUT_MS) });
      return items.map(({ metadata }): Choice => [metadata.name]);
    });
  } catch {
    return [];
  }
}

function pathOf(resource: Resource, namespace: string): string {
  switch (resource) {
    case 'registrycredentials':
      return path.credentials;
    case 'namespacedregistrycredentials':
      return path.namespacedCredentialsIn(namespace);
    case 'namespaces':
      return path.namespaces;
    case 'pods':
      return path.pods(namespace);
    case 'serviceaccounts':
      return path.accountsIn(namespace);
    default:
      return path.workloads(resource, namespace);
  }
}
